from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mltui.core.errors import PersonaError
from mltui.personas.document import parse_plain
from mltui.personas.loader import load

FIXTURES = Path(__file__).parent / "fixtures"
DIGESTS = {"machine-learning-engineer.md": "441276168923", "ml-engineer.md": "832a8302edbf"}


def persona(tmp_path: Path, text: str | bytes, name: str = "x.md") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_front_matter_reference_loads_unchanged() -> None:
    path = FIXTURES / "ml-engineer.md"
    found = load(path, {})
    assert (found.name, found.model, found.architect_model) == ("ml-engineer", "sonnet", None)
    assert found.tools == ("Read", "Edit", "Write", "Glob", "Grep", "Bash", "WebFetch", "WebSearch", "Task")
    assert found.description.startswith("Use for data preprocessing")
    assert found.body.startswith("# Machine Learning Engineer\n")
    assert path.read_text(encoding="utf-8").rstrip().endswith(found.body)
    assert found.warnings == ()


def test_the_headings_reference_loads_unchanged() -> None:
    path = FIXTURES / "machine-learning-engineer.md"
    found = load(path, {})
    assert (found.name, found.model, found.architect_model) == ("machine-learning-engineer", "sonnet", "opus")
    assert found.tools is None
    assert found.description.startswith("Expert in building systems for human tuning")
    assert found.body == path.read_text(encoding="utf-8").strip()
    assert "ML is empirical â€” if" in found.body
    assert found.warnings == ()


def test_the_variable_that_the_headings_reference_names_overrides_its_model() -> None:
    found = load(FIXTURES / "machine-learning-engineer.md", {"CODING_AGENT_MODEL": "openai/x"})
    assert (found.model, found.architect_model) == ("openai/x", "opus")


def test_the_fixtures_are_the_reference_files_byte_for_byte() -> None:
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in FIXTURES.glob("*.md")}
    assert digests == DIGESTS


FULL = """---
name: tuner
description: >
  Folded
  text
tools:
  - Read
  - "Bash"
disallowedTools: Write, Edit
model: inherit
maxTurns: 12
permissionMode: acceptEdits
color: green
---
Body
"""


def test_every_field(tmp_path: Path) -> None:
    found = load(persona(tmp_path, FULL), {})
    assert (found.name, found.description, found.tools, found.disallowed_tools) == (
        "tuner",
        "Folded text",
        ("Read", "Bash"),
        ("Write", "Edit"),
    )
    assert (found.model, found.max_turns, found.permission_mode, found.color, found.body) == (None, 12, "accept-edits", "green", "Body")
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("line", "tools"),
    [
        ("color: red", None),
        ("tools:", ()),
        ("tools: ''", ()),
        ("tools: []", ()),
        ("tools: '*'", None),
        ("tools: Read", ("Read",)),
        ("tools: Read,  Grep, Read,", ("Read", "Grep")),
        ("tools: Task(a, b), Read", ("Task", "Read")),
    ],
)
def test_tools_absent_empty_and_listed(tmp_path: Path, line: str, tools: tuple[str, ...] | None) -> None:
    assert load(persona(tmp_path, f"---\nname: a\ndescription: b\n{line}\n---\nBody"), {}).tools == tools


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "neither front matter nor a `## Role` heading"),
        ("# Notes\n", 1, "neither front matter nor a `## Role` heading"),
        ("```\n## Role\n```\n", 1, "neither front matter"),
        ("# A\n\n## Role\n\n## Model\nsonnet\n", 3, "`## Role` is empty"),
        ("---\nname: a\n", 1, "no end"),
        ("---\nname: a\nname: b\n---\nBody", 3, 'duplicate key "name"'),
        ("---\nname: a\nmaxTurns: 1\nmax-turns: 2\n---\nBody", 4, "there twice, also as `maxTurns`"),
        ("---\nname: a\ntools:\n\t- Read\n---\nBody", 4, "cannot start any token"),
        ("---\nname: a\ntools: [Read\n---\nBody", 3, "is not YAML"),
        ("---\nname: a: b\n---\nBody", 2, "is not YAML"),
        ("---\n- a\n---\nBody", 2, "not `key: value` lines"),
        ("---\nname: a\n\ntools: 3\n---\nBody", 4, "`tools` must be names"),
        ("---\nname: a\ntools: [[Read]]\n---\nBody", 3, "`tools` must be names"),
        ("---\nname: [a]\n---\nBody", 2, "`name` must be text"),
        ("---\nname: a/b\n---\nBody", 2, "without a slash"),
        ("---\nname: a\nmodel: two words\n---\nBody", 3, "not the name of a model: 'two words'"),
        ("---\nname: a\nmaxTurns: 0\n---\nBody", 3, "at least 1, not 0"),
        ("---\nname: a\nmaxTurns: yes please\n---\nBody", 3, "at least 1, not 'yes please'"),
        ("---\nname: a\nx: !!python/object:os.system b\n---\nBody", 3, "could not determine a constructor"),
        ("---\nname: a\n---\n\n", 3, "no system prompt"),
        (b"---\nname: a\n---\nBody \xff\n", 4, "is not UTF-8"),
        ("---\nname: a\nx: " + "y" * 20_000 + "\n---\nBody", 1, "longer than 16,384 characters"),
        ("---\nname: a\nx: " + "[" * 1000 + "\n---\nBody", 2, "nested too deeply"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else None,
)
def test_a_bad_file_names_path_line_and_reason(tmp_path: Path, text: str | bytes, line: int, reason: str) -> None:
    path = persona(tmp_path, text)
    with pytest.raises(PersonaError) as caught:
        load(path, {})
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert reason in message
    assert "\n" not in message


def test_huge_missing_and_strange_files(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="larger than 256 KiB"):
        load(persona(tmp_path, "x" * 300_000), {})
    with pytest.raises(PersonaError, match="is not a file"):
        load(tmp_path / "none.md", {})
    with pytest.raises(PersonaError, match="is not a file"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ("modle: sonnet", "line 4: `modle` is not known and does not count. Did you mean `model`?"),
        ("skills: [a]", "line 4: `skills` is not known and does not count"),
        ("permission-mode: bypassPermissions", "line 4: `permission-mode: bypassPermissions` does not count: the modes are plan"),
        ("tools: Bash(git *)", "line 4: `Bash(git *)`: patterns do not count here"),
        (r'"evil\e[31m": 1', "line 2: `evil?[31m` is not known"),
    ],
)
def test_what_does_not_count_is_said(tmp_path: Path, line: str, warning: str) -> None:
    (found,) = load(persona(tmp_path, f"---\nname: a\ndescription: b\n{line}\n---\nBody"), {}).warnings
    assert found.startswith(warning)


def test_an_unquoted_colon_in_a_description_is_read_as_text(tmp_path: Path) -> None:
    found = load(persona(tmp_path, "---\nname: a\ndescription: Use it. Examples: one, two\nmodel: opus\n---\nBody"), {})
    assert (found.description, found.model) == ("Use it. Examples: one, two", "opus")
    assert found.warnings == ("line 3: `description` has a colon and should stand in quotes",)


def test_line_ends_and_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    found = load(persona(tmp_path, b"\xef\xbb\xbf---\r\nname: a\r\ndescription: b\r\n---\r\nBody\r\n---\r\nmore\r\n"), {})
    assert (found.name, found.body) == ("a", "Body\n---\nmore")


@pytest.mark.parametrize(
    ("section", "environ", "model", "architect"),
    [
        ("", {}, None, None),
        ("inherit", {}, None, None),
        ("opus.", {}, "opus", None),
        ("openai/gpt-5 (`TEAM_MODEL`)", {"TEAM_MODEL": "b"}, "b", None),
        ("sonnet (`TEAM_MODEL`)", {"TEAM_MODEL": " "}, "sonnet", None),
        ("sonnet (`MY_API_KEY`)", {"MY_API_KEY": "secret"}, "sonnet", None),
        ("haiku, and use `opus` for design", {}, "haiku", "opus"),
    ],
)
def test_model_sections(tmp_path: Path, section: str, environ: dict[str, str], model: str | None, architect: str | None) -> None:
    found = load(persona(tmp_path, f"# A\n\n## Role\nHelps.\n\n## Model\n{section}\n"), environ)
    assert (found.model, found.architect_model) == (model, architect)
    assert bool(found.warnings) == ("KEY" in section)


words = st.sampled_from(
    [
        "name",
        "a-b",
        "Yes",
        "true",
        "~",
        "x y",
        "x: y",
        "x #y",
        "- a",
        "'q'",
        "12",
        "01",
        "1.5",
        "é",
        "*",
        "[a]",
        "a, b",
        "",
        "\t",
        "a:",
        "{}",
    ]
)


@given(st.lists(st.tuples(words, words).map(": ".join), max_size=4).map("\n".join) | st.text("ab:# -'\"\n\t1[é", max_size=20))
def test_the_short_way_through_plain_front_matter_agrees_with_yaml(front: str) -> None:
    values = parse_plain(front)
    if values is not None:
        assert values == (YAML(typ="safe", pure=True).load(front) or {})


def test_plain_front_matter_needs_no_yaml_library() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom mltui.personas.loader import load\n"
        f"load(Path({str(FIXTURES / 'ml-engineer.md')!r}), {{}})\n"
        "print('ruamel' in str(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
