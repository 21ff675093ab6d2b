"""The key map: every key of the app has an id, a description and a test, and can be changed by a file."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.containers import VerticalScroll

from mltui.core.errors import ConfigError
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.diff_screen import DiffScreen
from mltui.ui.tui.help_screen import HelpScreen
from mltui.ui.tui.keys import file, names, table
from mltui.ui.tui.keys.line import fitting, key_anywhere
from mltui.ui.tui.text_screen import TextScreen

from .driving import app_with, running, screen_text, until
from .fake_session import FakeExperiments
from .samples import PATCH
from .test_review_screen import waiting
from .test_snapshots import CHAT

HERE = Path(__file__).parent
TABLE = table.keys()
BINDINGS = list(table.bindings())
ELSEWHERE = {"app.suspend": "it stops the process that the tests run in"}
"""Ids of keys that no test here can press, and why."""


def pressed() -> set[str]:
    """Every text in the tests of the app that may be a key; a key is named in the test that presses it."""
    found: set[str] = set()
    for path in HERE.glob("*.py"):
        if path != Path(__file__):
            nodes = ast.walk(ast.parse(path.read_text()))
            found |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return found


@pytest.mark.parametrize("owner, binding", BINDINGS, ids=lambda one: getattr(one, "id", None) or getattr(one, "__name__", ""))
def test_a_binding_has_an_id_a_description_and_an_action(owner: Any, binding: Any) -> None:
    assert binding.id and re.fullmatch(r"[a-z-]+\.[a-z0-9-]+", binding.id), f"{owner.__name__}: {binding.key} has no id"
    assert binding.description and binding.description[:1].isupper(), f"{binding.id} has no description in plain words"
    name, arguments = re.fullmatch(r"(?:app\.|screen\.)?(\w+)(\(.*\))?", binding.action).groups()  # type: ignore[union-attr]
    action = getattr(owner, f"action_{name}", None) or getattr(MltuiApp, f"action_{name}", None)
    assert action is not None, f"{binding.id}: there is no action {name}"
    values = ast.literal_eval(arguments[:-1] + ",)") if arguments and arguments != "()" else ()
    inspect.signature(action).bind(None, *values)


def test_every_key_is_pressed_by_some_test() -> None:
    said = pressed() | own_keys()
    without = {
        binding.id: binding.key
        for _, binding in BINDINGS
        if binding.id not in ELSEWHERE and not any(said & {key, names.shown(key)} for key in binding.key.split(","))
    }
    assert not without


def own_keys() -> set[str]:
    """Those that are pressed below."""
    return {"f1", "question_mark", "ctrl+l"}


def test_no_key_does_two_things_in_one_place() -> None:
    taken: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for owner, binding in BINDINGS:
        for key in binding.key.split(","):
            taken[owner.__name__, str(binding.id).partition(".")[0], key].add(binding.id)
    assert {place: ids for place, ids in taken.items() if len(ids) > 1} == {}


def test_each_key_has_a_way_that_terminals_let_through() -> None:
    only = {key.id: key.keys for key in TABLE if all(names.swallowed(one) for one in key.keys.split(","))}
    assert set(only) <= {"app.suspend"}


def test_the_areas_have_names_and_the_fixed_keys_come_with_them() -> None:
    assert {key.area for key in TABLE} <= set(table.AREAS)
    assert {key.where for key in TABLE if not key.id} == {"Where you type", "A question to you", "A list to pick from"}


def test_the_document_is_what_the_key_map_says() -> None:
    place = HERE.parent.parent / "scripts" / "keys_doc.py"
    spec = importlib.util.spec_from_file_location("keys_doc", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.DOCUMENT.read_text() == module.document(), "run `just keys`"


@pytest.mark.parametrize(
    ("given_", "normal", "shown"),
    [
        ("?", "question_mark", "?"),
        ("Ctrl+P", "ctrl+p", "Ctrl+P"),
        ("+", "plus", "+"),
        ("ctrl++", "ctrl+plus", "Ctrl++"),
        (" F5 ", "f5", "F5"),
        ("G", "G", "G"),
        ("shift+alt+Up", "alt+shift+up", "Alt+Shift+Up"),
        ("PageDown", "pagedown", "PgDn"),
        ("é", "é", "é"),
    ],
)
def test_names_of_keys(given_: str, normal: str, shown: str) -> None:
    assert names.normal(given_) == normal
    assert names.shown(normal) == shown


@pytest.mark.parametrize(
    ("given_", "words"), [("pgup", "pageup"), ("ctl+p", "ctrl"), ("", "named as"), ("ctrl+", "named as"), ("page up", "pageup")]
)
def test_what_is_no_key_is_refused_with_what_is_near(given_: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        names.normal(given_)


@given(st.text(max_size=20))
def test_a_name_is_a_key_or_refused_and_stays_what_it_is(text: str) -> None:
    try:
        key = names.normal(text)
    except ValueError:
        return
    assert names.normal(key) == key
    assert names.shown(key)


def written(tmp_path: Path, text: str) -> file.KeyFile:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    return file.read(path)


def test_a_file_maps_ids_in_any_form_of_toml(tmp_path: Path) -> None:
    found = written(tmp_path, '"app.log" = "f9,;"\n[diff]\nwrap = ["W", "f8"]\n')
    assert found.chosen == {"app.log": "f9,semicolon", "diff.wrap": "W,f8"}
    assert found.lines == {"app.log": 1, "diff.wrap": 3}
    assert file.check(found, TABLE) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('\n"app.lgo" = "f9"', ["keys.toml:2: there is no app.lgo; did you mean app.log?"]),
        ('"app.log" = "f99"', ["keys.toml:1: app.log: 'f99' is no key"]),
        ('"app.log" = 5', ["keys.toml:1: app.log: is a key or several"]),
        ('"app.log" = ""', ["leave the line out to keep the usual one"]),
        ('"app.log" = "f3"', ["keys.toml:1: F3 is app.log and app.earlier in one place"]),
        ('"composer.newline" = "f2"', ["F2 is composer.newline and app.log in one place"]),
        ('"diff.wrap" = "f1"', ["F1 is diff.wrap and app.help in one place"]),
        ('"app.log" = "ctrl+b"', ["keys.toml:1: app.log: tmux takes Ctrl+B as its prefix"]),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, words: list[str]) -> None:
    said = [problem.text for problem in file.check(written(tmp_path, text), TABLE)]
    assert len(said) == len(words)
    assert all(word in one for word, one in zip(words, said, strict=True))


def test_two_keys_may_change_places_and_the_same_key_holds_in_other_places(tmp_path: Path) -> None:
    swapped = written(tmp_path, '"app.log" = "f3"\n"app.earlier" = "f2"\n"diff.wrap" = "h"\n')
    assert file.check(swapped, TABLE) == []
    assert file.usable(swapped, TABLE) == swapped.chosen
    clash = written(tmp_path, '"app.log" = "f3"\n"diff.wrap" = "W"')
    assert file.usable(clash, TABLE) == {"diff.wrap": "W"}


def test_a_file_that_is_none_is_an_error_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not TOML"):
        written(tmp_path, "app.log: f3")
    assert file.read(tmp_path / "none.toml").chosen == {}


def test_the_template_is_a_file_that_changes_nothing_until_a_line_is_taken(tmp_path: Path) -> None:
    text = file.template(TABLE)
    assert written(tmp_path, text).chosen == {}
    every = written(tmp_path, re.sub(r'^# (?=")', "", text, flags=re.MULTILINE))
    assert every.chosen == {key.id: key.keys for key in TABLE if key.id}
    assert [problem for problem in file.check(every, TABLE) if problem.level == "error"] == []


async def test_a_file_changes_the_keys_of_the_app_and_what_is_shown_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path))
    (tmp_path / "keys.toml").write_text('"app.help" = "f9"\n"app.lgo" = "f8"\n')
    app = app_with()
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: "F9 help" in screen_text(app))
        assert "there is no app.lgo; did you mean app.log?" in " ".join(screen_text(app).split())
        await pilot.press("f1")
        assert not isinstance(app.screen, HelpScreen)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and "Experiment log" in screen_text(app))
        assert any("F9 " in line and "Keys and commands" in line for line in screen_text(app).splitlines())


async def test_screens_show_the_keys_as_they_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path))
    mapped = {"log.decide": "f8", "log.search": "f9", "log.tab-1": "!", "log.close": "f10", "log.pending": "g", "log.mark": "v"}
    mapped |= {
        "log.compare": "w",
        "review.close": "f10",
        "review.reject": "u",
        "diff.wrap": "f9",
        "diff.previous": "(",
        "compare.reference": "u",
    }
    (tmp_path / "keys.toml").write_text("".join(f'"{id_}" = "{key}"\n' for id_, key in mapped.items()))
    app: Any = app_with(experiments=FakeExperiments(waiting("P-0001"), waiting("P-0002")))
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: len(app._keymap) == len(mapped))
        await pilot.press("f2")
        await until(pilot, lambda: " F8 decide  g all pending  !-8 details  F9 filter  v mark " in screen_text(app))
        assert " F10 close" in screen_text(app)
        await pilot.press("w")
        assert "Mark two or more with v, then w compares them" in screen_text(app)
        await pilot.press("v", "v", "w")
        await until(pilot, lambda: " u another reference  Up Down PgUp PgDn scroll  Esc close" in screen_text(app))
        await pilot.press("escape", "g")
        await until(pilot, lambda: " Space mark  y approve  u reject  h hold  Enter open, edit, ask  F10 close" in screen_text(app))
        app.push_screen(DiffScreen("x.py", PATCH))
        await until(pilot, lambda: " ( ] changes  s beside or below  F9 wrap or cut  < > sideways  Esc close" in screen_text(app))


async def test_hints_name_the_keys_as_they_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path))
    chosen = {"app.interrupt": "ctrl+x", "app.escape": "f10", "transcript.found-next": "x", "text.keep": "f9", "help.close": "f8"}
    (tmp_path / "keys.toml").write_text("".join(f'"{id_}" = "{key}"\n' for id_, key in chosen.items()))
    app: Any = app_with()
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: app._keymap == chosen)
        await pilot.press("f10")
        await until(pilot, lambda: "F10 again goes back" in screen_text(app))
        await pilot.press("ctrl+x")
        await until(pilot, lambda: "Ctrl+X again quits" in screen_text(app))
        app.find("a")
        await until(pilot, lambda: app._bar is not None)
        app._say_found(app._bar.finder)
        await until(pilot, lambda: "x next · N before · F10 ends it" in screen_text(app))
        app.push_screen(TextScreen("A text", "words"))
        await until(pilot, lambda: "F9 takes it, Esc leaves" in screen_text(app))
        assert key_anywhere(app.screen, "app.earlier") == "F3"
        await pilot.press("escape")
        app.action_help()
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and app.screen.query("#keys"))
        await pilot.press("pagedown")
        app.screen.query_one(VerticalScroll).scroll_end(animate=False)
        await until(pilot, lambda: "F8 closes" in screen_text(app))


async def test_help_opens_by_a_sign_where_nothing_is_typed() -> None:
    app = app_with(CHAT, prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: "What I found" in screen_text(app))
        await pilot.press("ctrl+l", "tab", "question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("down", "pagedown", "up", "pageup", "question_mark")
        assert not isinstance(app.screen, HelpScreen)


async def test_the_line_of_keys_follows_the_focus_and_leaves_a_short_terminal() -> None:
    app = app_with(CHAT, prompt="go")
    async with running(app, (80, 24)) as pilot:
        await until(pilot, lambda: "What I found" in screen_text(app))
        assert "Enter send" in screen_text(app).splitlines()[-1]
        await pilot.press("tab")
        await until(pilot, lambda: "Esc back" in screen_text(app).splitlines()[-1])
        await pilot.press("escape")
        await until(pilot, lambda: "Enter send" in screen_text(app).splitlines()[-1])
        await pilot.resize_terminal(80, 12)
        await until(pilot, lambda: "claude-sonnet" in screen_text(app).splitlines()[-1])


async def test_a_sign_opens_help_only_where_nothing_is_typed_and_the_line_follows_the_completions() -> None:
    app = app_with()
    async with running(app, (80, 24)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape", "w", "question_mark")
        assert app.composer.area.text == "w?"
        await pilot.press("backspace", "backspace", "slash")
        await until(pilot, lambda: "close the list" in screen_text(app).splitlines()[-1])
        await pilot.press("escape")
        await until(pilot, lambda: "Enter send" in screen_text(app).splitlines()[-1])


@given(st.integers(min_value=0, max_value=120))
def test_hints_fit_and_the_most_important_stays(width: int) -> None:
    hints = (("a", "first", 2), ("=f1", "help", 9), ("none", "nothing", 10), ("b", "", 1))
    pairs = fitting(hints, {"a": "ctrl+p", "b": "up"}, width)
    drawn = "   ".join(f"{key} {what}".strip() for key, what in pairs)
    assert len(drawn) <= max(width, 0)
    assert not pairs or ("F1", "help") in pairs
