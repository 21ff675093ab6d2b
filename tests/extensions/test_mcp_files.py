"""`.mcp.json`: what loads, what is told, and that writing keeps the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.errors import ConfigError, UsageError
from mltui.extensions.mcp_files import load_servers, read_entries, write_entry


def load(folder: Path, servers: Any, environ: dict[str, str] | None = None, text: str | None = None) -> tuple[dict[str, Any], list[str]]:
    path = folder / ".mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}) if text is None else text)
    found, problems = load_servers([("project", path)], environ or {})
    return found, [str(problem) for problem in problems]


def test_variables_are_filled_in(tmp_path: Path) -> None:
    entry = {"command": "${BIN:-npx}", "args": ["-y", "${PKG}"], "env": {"TOKEN": "${TOKEN}"}}
    found, problems = load(tmp_path, {"a": entry}, {"PKG": "p", "TOKEN": "secret"})
    assert not problems
    assert found["a"].command == ("npx", "-y", "p")
    assert found["a"].env == {"TOKEN": "secret"}
    assert found["a"].says == "starts `${BIN:-npx} -y ${PKG}`"
    # An approval is bound to what the file says, not to what the variables hold.
    assert found["a"].digest == load(tmp_path, {"a": entry}, {"PKG": "p", "TOKEN": "other"})[0]["a"].digest
    assert found["a"].digest != load(tmp_path, {"a": {**entry, "args": []}}, {"TOKEN": "x"})[0]["a"].digest


def test_a_server_of_the_network(tmp_path: Path) -> None:
    found, _ = load(tmp_path, {"a": {"type": "http", "url": "https://x.org/mcp", "headers": {"A": "Bearer ${K}"}}}, {"K": "k"})
    assert (found["a"].url, found["a"].headers) == ("https://x.org/mcp", {"A": "Bearer k"})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"command": "${MISSING}"}, "needs the variable MISSING"),
        ({"command": ""}, "needs a `command`"),
        ({}, "needs a `command`"),
        ({"command": 3}, "must be a text"),
        ({"command": "x", "args": "y"}, "must be a list"),
        ({"command": "x", "env": {"A": 1}}, "object of texts"),
        ({"type": "sse", "url": "http://x"}, "speaks stdio and http"),
        ({"type": "http", "url": "ftp://x"}, "begins with http"),
        ("x", "must be an object"),
    ],
)
def test_a_bad_server_is_told_and_the_others_load(tmp_path: Path, entry: Any, said: str) -> None:
    found, problems = load(tmp_path, {"bad": entry, "good": {"command": "x"}})
    assert set(found) == {"good"}
    assert said in problems[0]


@pytest.mark.parametrize("name", ["", "a b", "a__b", "../x", "x" * 65])
def test_a_bad_name_is_told(tmp_path: Path, name: str) -> None:
    found, problems = load(tmp_path, {name: {"command": "x"}})
    assert not found
    assert problems


@pytest.mark.parametrize("text", ["{", "[]", '{"mcpServers": []}', "\x00", "[" * 100_000])
def test_a_bad_file_is_told(tmp_path: Path, text: str) -> None:
    found, problems = load(tmp_path, {}, text=text)
    assert not found
    assert len(problems) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    )
)
def test_no_content_stops_the_loading(content: Any) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        load(Path(folder), {"a": content})
        load(Path(folder), None, text=json.dumps(content))


def test_writing_keeps_what_else_is_there(tmp_path: Path) -> None:
    path = tmp_path / ".mcp.json"
    path.write_text(json.dumps({"other": 1, "mcpServers": {"a": {"command": "x"}}}))
    path.chmod(0o600)
    write_entry(path, "b", {"command": "y"})
    write_entry(path, "a", None)
    assert json.loads(path.read_text()) == {"other": 1, "mcpServers": {"b": {"command": "y"}}}
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="It has: b"):
        write_entry(path, "a", None)
    path.write_text("{")
    with pytest.raises(ConfigError):
        write_entry(path, "c", {})
    assert path.read_text() == "{"
    assert read_entries(tmp_path / "none") == {}
