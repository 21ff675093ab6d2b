"""`mltui mcp`, and what `mltui doctor` says of servers, skills, hooks and commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mltui.cli.app import root
from mltui.core.errors import MltuiError

SERVER = Path(__file__).parent.parent / "servers" / "mcp_server.py"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(folder)
    return folder


def mltui(*args: str) -> Any:
    done = CliRunner().invoke(root, args)
    if isinstance(done.exception, MltuiError):
        raise done.exception
    return done


def test_a_server_is_added_listed_shown_and_removed(place: Path) -> None:
    mltui("mcp", "add", "docs", "-e", "TOKEN=secret", "--", "npx", "-y", "some-server")
    (row,) = json.loads(mltui("mcp", "list", "--json").stdout)
    assert (row["name"], row["scope"], row["state"]) == ("docs", "user", "on")
    shown = mltui("mcp", "get", "docs")
    assert "npx -y some-server" in shown.stdout
    assert "TOKEN" in shown.stdout
    assert "secret" not in shown.stdout
    mltui("mcp", "add", "net", "https://x.org/mcp", "-H", "Authorization: Bearer ${KEY:-k}")
    assert json.loads(mltui("mcp", "get", "net", "--json").stdout)["headers"] == ["Authorization"]
    mltui("mcp", "remove", "docs")
    assert [row["name"] for row in json.loads(mltui("mcp", "list", "--json").stdout)] == ["net"]
    with pytest.raises(MltuiError, match="no server"):
        mltui("mcp", "remove", "docs")


def test_a_server_of_the_project_waits_for_the_person(place: Path) -> None:
    mltui("mcp", "add", "docs", "--project", "--", "npx")
    assert json.loads((place / ".mcp.json").read_text())["mcpServers"]["docs"] == {"command": "npx", "args": []}
    assert json.loads(mltui("mcp", "list", "--json").stdout) == []  # the folder is not trusted yet
    from mltui.config import trust

    trust.trust(place, {"MLTUI_HOME": str(place.parent / "home")})
    (row,) = json.loads(mltui("mcp", "list", "--json").stdout)
    assert row["state"] == "asked about at the next start"


def test_servers_are_started_to_be_checked(place: Path) -> None:
    mltui("mcp", "add", "good", "--", sys.executable, str(SERVER))
    mltui("mcp", "add", "bad", "--", sys.executable, "-c", "raise SystemExit('no luck')")
    done = mltui("mcp", "list", "--check", "--json")
    states = {row["name"]: row["state"] for row in json.loads(done.stdout)}
    assert states["good"] == "13 tools"
    assert "no luck" in states["bad"]
    checks = {check["name"]: check for check in json.loads(mltui("doctor", "--json").stdout)}
    assert checks["mcp servers"]["status"] == "warn"
    assert "good: 13 tools" in checks["mcp servers"]["text"]
    assert "no luck" in checks["mcp servers"]["text"]


def test_doctor_lists_what_loads_and_what_does_not(place: Path) -> None:
    for name, text in {
        ".mltui/skills/tidy/SKILL.md": "---\nname: tidy\ndescription: Tidies\n---\n",
        ".mltui/skills/bad/SKILL.md": "no front matter",
        ".mltui/commands/say.md": "Say it.",
        ".mltui/commands/help.md": "x",
        ".claude/settings.json": json.dumps({"hooks": {"Stop": [{"hooks": [{"command": "x"}]}]}}),
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    from mltui.config import trust

    trust.trust(place, {"MLTUI_HOME": str(place.parent / "home")})
    checks = {check["name"]: check for check in json.loads(mltui("doctor", "--json").stdout)}
    assert "tidy" in checks["skills"]["text"]
    assert "front matter" in checks["skills"]["text"]
    assert "/say" in checks["commands"]["text"]
    assert "/help is mltui's own" in checks["commands"]["text"]
    assert "not agreed to: hooks of .claude/settings.json: Stop runs `x`" in checks["hooks"]["text"]
    assert checks["mcp servers"]["text"] == "there are none"
