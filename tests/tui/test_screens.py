"""The screens over the conversation: palette, jobs, settings, sessions; by key and by mouse."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.containers import VerticalScroll
from textual.fuzzy import FuzzySearch
from textual.widgets import OptionList

from mltui.agent import library
from mltui.agent.store import SessionFile
from mltui.config import paths
from mltui.core.events import SessionStarted, TurnCompleted, TurnStarted
from mltui.core.messages import Usage
from mltui.experiments.gpu import Gpu, GpuProcess
from mltui.ui import jobs as jobs_module
from mltui.ui.commands.theme import THEMES
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.chooser import Chooser
from mltui.ui.tui.diff_screen import DiffScreen
from mltui.ui.tui.help_screen import HelpScreen
from mltui.ui.tui.jobs_screen import JobsScreen
from mltui.ui.tui.log_screen import LogScreen
from mltui.ui.tui.palette import Entry, Palette, at_first, found
from mltui.ui.tui.sessions_screen import SessionsScreen
from mltui.ui.tui.settings_screen import SettingsScreen

from .driving import app_with, fake, running, screen_text, until
from .fake_session import FakeExperiments
from .samples import PATCH, experiment

GPU = Gpu(0, "NVIDIA H100", 87, 40_321, 81_559, 61, (GpuProcess(1, 40_000),))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def words(app: MltuiApp) -> str:
    return " ".join(screen_text(app).replace("│", " ").split())


async def type_(pilot: Any, text: str) -> None:
    for char in text:
        await pilot.press("space" if char == " " else char)


# ── palette ──────────────────────────────────────────────────────────────────────


def entries(*labels: str, kind: str = "command") -> list[Entry]:
    return [Entry(kind, label, "", lambda: None) for label in labels]


@pytest.mark.parametrize(
    ("typed", "labels"),
    [
        ("mod", ["/mode", "/model"]),
        ("mdl", ["/model"]),
        ("del", ["/model"]),
        ("session", ["learn"]),
        ("session lea", ["learn"]),
        ("zzz", []),
        ("", ["/mode", "/model", "/review", "learn"]),
    ],
)
def test_what_the_palette_finds(typed: str, labels: Sequence[str]) -> None:
    all_ = [*entries("/mode", "/model", "/review"), *entries("learn", kind="session")]
    assert [entry.label for entry, _ in found(all_, typed, FuzzySearch())] == list(labels)


def test_letters_that_fit_are_marked() -> None:
    ((_, marks),) = found(entries("/model"), "od", FuzzySearch())
    assert list(marks) == [2, 3]


def test_all_commands_and_the_first_of_everything_else_stand_there_at_first() -> None:
    shown = at_first([*entries(*"abcdefghij"), *entries(*"abcdefghij", kind="session")])
    assert len(shown) == 16


@pytest.mark.parametrize("key", ["ctrl+p", "f5"])
async def test_the_palette_carries_out_a_command(key: str) -> None:
    app = app_with(experiments=FakeExperiments(experiment(title="Cosine schedule")))
    async with running(app) as pilot:
        await pilot.press(key)
        assert isinstance(app.screen, Palette)
        await until(pilot, lambda: "/experiments" in words(app) and "F2" in words(app))
        await type_(pilot, "status")
        await pilot.press("enter")
        await until(pilot, lambda: "persona ml-engineer" in words(app))


@pytest.mark.slow
async def test_the_palette_finds_experiments_models_personas_settings_and_keys() -> None:
    app = app_with(experiments=FakeExperiments(experiment(title="Cosine schedule")))
    async with running(app) as pilot:
        for typed, shown in (
            ("cosine", "experiment P-0007 Cosine schedule"),
            ("opus", "model opus no key"),
            ("data-sci", "persona data-scientist"),
            ("scratch", "setting experiments.scratch_seconds"),
            ("open all", "Open or close all tool calls"),
        ):
            await pilot.press("ctrl+p")
            await type_(pilot, typed)
            await until(pilot, lambda shown=shown: shown in words(app))
            await pilot.press("escape")
        await pilot.press("ctrl+p")
        await type_(pilot, "cosine")
        await until(pilot, lambda: "P-0007 Cosine" in words(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))


async def test_a_command_that_needs_words_is_put_where_they_are_typed() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("ctrl+p")
        await type_(pilot, "btw")
        await pilot.press("enter")
        await until(pilot, lambda: app.composer.area.text == "/btw ")


async def test_a_click_picks_what_it_is_on() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "/help" in words(app))
        await pilot.click(OptionList, offset=(5, 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_rows_are_reached_by_every_key_of_a_list() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "/help" in words(app))
        screen: Any = app.screen
        await pilot.press("down", "down", "pagedown", "up", "pageup", "down")
        assert screen.chosen == "2"
        await pilot.press("escape")
        assert not isinstance(app.screen, Palette)


# ── jobs ─────────────────────────────────────────────────────────────────────────


class Commands:
    """One command in the background."""

    def __init__(self) -> None:
        self.state = "running"

    def listed(self) -> Sequence[tuple[str, str, str]]:
        return (("bash_1", self.state, "python  serve.py"),)

    def tail(self, job_id: str) -> str:
        return "listening\n\x1b[31mon 8000"

    async def kill(self, job_id: str) -> tuple[str, tuple[str, ...]]:
        self.state = "killed"
        return "killed", ("a note",)


async def test_jobs_show_the_machine_and_say_what_to_do_where_there_are_none() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("f6")
        await until(pilot, lambda: "Nothing runs, and nothing ran yet" in words(app))
        assert "cores" in words(app) and "nvidia-smi" in words(app)
        await pilot.press("f6")
        assert not isinstance(app.screen, JobsScreen)


async def test_a_command_in_the_background_is_seen_and_stopped_by_two_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "gpus", lambda: (GPU,))
    app = app_with()
    async with running(app) as pilot:
        session: Any = fake(app)
        session.background = Commands()
        await pilot.press("f6")
        await until(pilot, lambda: "running python serve.py" in words(app) and "listening" in words(app))
        assert "\x1b" not in screen_text(app)
        assert "GPU 0 NVIDIA H100: 87 % busy, 40,321 of 81,559 MiB, 61 °C" in words(app)
        await pilot.press("down", "up", "s")
        assert "s again stops bash_1" in words(app)
        assert session.background.state == "running"
        await pilot.press("s")
        await until(pilot, lambda: "killed python serve.py" in words(app))
        await pilot.press("s")
        assert "It does not run" in words(app)
        await pilot.press("q")
        assert not isinstance(app.screen, JobsScreen)


async def test_an_experiments_job_leads_to_its_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    view = jobs_module.JobView("P-0007-ab", "P-0007", True, "running", 0.0, 0.0, "", ("candidate-1",), 150.0, 2_000_000)
    monkeypatch.setattr(jobs_module.JobList, "look", lambda self, wanted="": [view])
    app = app_with(experiments=FakeExperiments(experiment("running", title="Cosine schedule")))
    async with running(app, (120, 30)) as pilot:
        await pilot.press("f6")
        await until(pilot, lambda: "running P-0007 Cosine schedule" in words(app))
        assert "now candidate-1 · CPU 150 % · 2.0 MB" in words(app)
        await pilot.press("s", "s")
        await until(pilot, lambda: ("stop", "P-0007") in fake(app).experiments.calls)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))


async def test_the_screen_looks_only_while_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(jobs_module.Watch, "jobs", lambda self: looks.append(1) or [])
    monkeypatch.setattr("mltui.ui.tui.jobs_screen.EVERY", 0.02)
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("f6")
        await until(pilot, lambda: len(looks) > 2)
        await pilot.press("escape")
        await pilot.pause(0.05)
        seen = len(looks)
        await pilot.pause(0.2)
        assert len(looks) == seen


# ── settings ─────────────────────────────────────────────────────────────────────


async def command(app: MltuiApp, text: str) -> None:
    app.composer.area.post_message(app.composer.area.Sent(text))


async def test_a_setting_is_found_explained_and_changed_in_the_persons_file(home: Path) -> None:
    app = app_with()
    async with running(app) as pilot:
        await command(app, "/settings sessions.titles")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and "sessions.titles" in words(app))
        await until(pilot, lambda: "Let the small model name a session after its first turn" in words(app))
        assert "Takes one of true, false. As mltui comes." in words(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Chooser))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Chooser) and "for this project" in words(app))
        await pilot.press("enter")
        await until(pilot, lambda: "It holds from the next session on" in words(app))
        assert (home / "config.toml").read_text() == "[sessions]\ntitles = false\n"
        assert "● sessions.titles" in words(app)
        await pilot.press("escape")
        assert not isinstance(app.screen, SettingsScreen)


async def test_a_value_that_does_not_fit_is_said_and_nothing_is_written(home: Path) -> None:
    app = app_with()
    async with running(app, (120, 30)) as pilot:
        await command(app, "/settings max_turns")
        await until(pilot, lambda: "limits.max_turns" in words(app))
        await pilot.press("enter")
        await until(pilot, lambda: "empty: as usual" in words(app))
        await type_(pilot, "many")
        await pilot.press("f10")
        await until(pilot, lambda: "for this project" in words(app))
        await pilot.press("enter")
        await until(pilot, lambda: "must be a whole number" in words(app))
        assert not (home / "config.toml").exists()


async def test_a_configuration_that_is_wrong_is_said_in_place(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("[limits]\nmax_turns = 0\n")
    app = app_with()
    async with running(app) as pilot:
        await command(app, "/settings")
        await until(pilot, lambda: "must be at least 1" in words(app))


# ── sessions ─────────────────────────────────────────────────────────────────────


def session_file(app: MltuiApp, name: str, said: str) -> Path:
    assert app.session is not None
    folder = paths.sessions_dir(paths.project_root(app.session.workspace.cwd), os.environ)
    file = SessionFile(folder / f"{name}.jsonl")
    head = SessionStarted(session_id=name, cwd="/x", model="sonnet", persona="p", mode="default", version="1", system="s", tools=())
    for event in (head, TurnStarted(turn=1, text=said), TurnCompleted(turn=1, outcome="completed", usage=Usage(), steps=1, seconds=1.0)):
        file.append(event)
    file.close()
    return file.path


async def sessions_screen(pilot: Any, app: MltuiApp) -> SessionsScreen:
    await command(app, "/sessions")
    await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
    screen: Any = app.screen
    return screen


async def test_a_session_is_renamed_found_by_its_words_and_deleted() -> None:
    app = app_with()
    async with running(app, (120, 40)) as pilot:
        first = session_file(app, "one", "tune the optimiser of the transformer")
        session_file(app, "two", "write a report")
        screen = await sessions_screen(pilot, app)
        await until(pilot, lambda: "write a report" in words(app) and "tune the optimiser" in words(app))
        await type_(pilot, "transformer")
        await until(pilot, lambda: screen.chosen == "one")
        await pilot.press("ctrl+r")
        await pilot.press("home", *["delete"] * 60)
        await type_(pilot, "lr sweep")
        await pilot.press("enter")
        await until(pilot, lambda: "lr sweep" in words(app))
        assert [row.title for row in library.listed(first.parent).rows if row.id == "one"] == ["lr sweep"]
        await pilot.press("ctrl+r", "escape")
        assert app.screen is screen
        await pilot.press("ctrl+d")
        assert "again deletes “lr sweep” for good" in words(app)
        assert first.exists()
        await pilot.press("f8")
        await until(pilot, lambda: not first.exists())
        await pilot.press("escape")
        assert app.screen is not screen


async def test_a_project_without_other_sessions_says_so() -> None:
    app = app_with()
    async with running(app) as pilot:
        await sessions_screen(pilot, app)
        await until(pilot, lambda: "There is no other session in this project yet" in words(app))


async def test_a_copy_is_asked_for_by_a_key() -> None:
    app = app_with()
    async with running(app, (120, 40)) as pilot:
        session_file(app, "one", "tune it")
        done: list[Any] = []
        app.push_screen(SessionsScreen(paths.sessions_dir(paths.project_root(app.session.workspace.cwd), os.environ)), done.append)  # type: ignore[union-attr]
        await until(pilot, lambda: "tune it" in words(app))
        await pilot.press("ctrl+y")
        await until(pilot, lambda: done == [("copy", "one")])


# ── a diff ───────────────────────────────────────────────────────────────────────


async def test_a_diff_is_scrolled_sideways_by_keys() -> None:
    app = app_with()
    async with running(app, (40, 20)) as pilot:
        app.push_screen(DiffScreen("A change", PATCH))
        await until(pilot, lambda: "A change" in words(app))
        await pilot.press("w")
        await pilot.pause()
        before = screen_text(app)
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: screen_text(app) != before)
        await pilot.press("less_than_sign")
        await until(pilot, lambda: screen_text(app) == before)


async def test_the_help_page_is_paged_by_what_is_seen() -> None:
    app = app_with()
    async with running(app, (80, 24)) as pilot:
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and "Experiment log" in screen_text(app))
        page = app.screen.query_one(VerticalScroll)
        end = page.max_scroll_y
        step = page.scrollable_content_region.height - 2
        assert step > 10
        for key, at in (("pagedown", step), ("space", 2 * step), ("pageup", step), ("end", end), ("home", 0), ("G", end), ("g", 0)):
            await pilot.press(key)
            await until(pilot, lambda at=at: page.scroll_y == at)


def test_what_options_mean_stands_below_each_other() -> None:
    rows = [row.plain for _, row in Chooser("Theme", list(THEMES.items())).rows("")]
    assert len({row.index(words) for row, words in zip(rows, THEMES.values(), strict=True)}) == 1
    assert [row.plain for _, row in Chooser("Which?", [("x" * 40, "long"), ("y", "short")]).rows("")] == [f"{'x' * 40}  long", "y  short"]
