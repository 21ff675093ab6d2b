"""Commands of people: their files, and how a text becomes a prompt."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.extensions.commands import Include, Run, load_commands, pieces


def test_files_of_folders_become_commands_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "fix.md").write_text("---\ndescription: Fixes\nargument-hint: [ISSUE]\n---\nFix $1")
    (tmp_path / "plain.md").write_text("# Says it\n\nSay it.")
    (tmp_path / "help.md").write_text("x")
    (tmp_path / "no name.md").write_text("x")
    (tmp_path / "bad.md").write_text("---\n[\n---\n")
    commands, problems = load_commands([tmp_path], {"help"})
    assert {(one.name, one.description, one.argument) for one in commands.values()} == {
        ("fix", "Fixes", "[ISSUE]"),
        ("plain", "Says it", ""),
    }
    assert len(problems) == 3


def test_two_files_of_one_name_are_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.md").write_text(name)
    commands, problems = load_commands([tmp_path])
    assert commands["x"].body() == "a"
    assert "already" in str(problems[0])


@pytest.mark.parametrize(
    ("hint", "shown"),
    [("[ISSUE]", "[ISSUE]"), ("[issue] [priority]", "[issue] [priority]"), ("[a|b] <c: d>", "[a|b] <c: d>"), ("FILE", "[FILE]")],
)
def test_a_hint_of_several_arguments_is_text(tmp_path: Path, hint: str, shown: str) -> None:
    (tmp_path / "fix.md").write_text(f"---\nargument-hint: {hint}\ndescription: Fix: an issue\n---\nFix $1 as $2")
    commands, problems = load_commands([tmp_path])
    assert not problems
    assert (commands["fix"].argument, commands["fix"].description) == (shown, "Fix: an issue")


@pytest.mark.parametrize(
    ("body", "argument", "expected"),
    [
        ("Fix $1 in $2.", "'a b' c", ["Fix a b in c."]),
        ("Fix $ARGUMENTS.", "a b", ["Fix a b."]),
        ("Fix it.", "now", ["Fix it.", "\n\nnow"]),
        ("Costs $10 and $1.", "x", ["Costs $10 and x."]),
        ("Fix $3.", "x", ["Fix ."]),
        ("See @src/a.py, and x@y.org.", "", ["See ", Include("src/a.py", "@src/a.py"), ", and x@y.org."]),
        ("See @$1.", "a.py", ["See ", Include("a.py", "@a.py"), "."]),
        ("!`git log`", "", [Run("git log")]),
        ("!`echo $ARGUMENTS`", "a; rm b", [Run("echo 'a;' rm b")]),
        ("!`echo $1`", "$(rm b)", [Run("echo '$(rm'")]),
        ("It's $1", "it's", ["It's it's"]),
    ],
)
def test_a_text_in_pieces(body: str, argument: str, expected: list[object]) -> None:
    assert pieces(body, argument) == expected


@given(st.text())
def test_what_is_typed_never_runs_or_includes_anything(typed: str) -> None:
    for body in ("Say $ARGUMENTS and $1.", "Say."):
        assert all(isinstance(piece, str) for piece in pieces(body, typed))


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1))
def test_what_is_typed_into_a_command_stays_words(typed: str) -> None:
    try:
        words = shlex.split(typed)
    except ValueError:
        words = typed.split()
    runs = [piece for piece in pieces("!`echo $ARGUMENTS`", typed) if isinstance(piece, Run)]
    assert shlex.split(runs[0].command) == ["echo", *words]
