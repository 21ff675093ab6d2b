"""What is decided about an experiment beside the conversation is on its card."""

from __future__ import annotations

from typing import Any

import pytest
from textual.events import AppBlur, AppFocus

from mltui.core.events import Event, ExperimentDecided, ExperimentFinished, ExperimentProgressed, ExperimentProposed
from mltui.ui.tui import replaying

from .driving import app_with, idle, running, screen_text, until
from .fake_session import FakeExperiments
from .samples import comparison, experiment
from .test_replaying import turn

pytestmark = pytest.mark.usefixtures("quick_panes")


def past(id_: str = "P-0001") -> list[Event]:
    made = experiment("compared", id=id_).proposal
    return [
        ExperimentProposed(proposal=made),
        ExperimentDecided(proposal_id=id_, answer="approve", by="anna"),
        ExperimentFinished(proposal_id=id_, state="compared", comparison=comparison()),
    ]


def log(state: Any, id_: str = "P-0001") -> FakeExperiments:
    return FakeExperiments(experiment(state, id=id_))


async def test_a_card_follows_what_is_decided_in_the_log() -> None:
    experiments = log("compared")
    app = app_with(past(), prompt="go", experiments=experiments)
    async with running(app) as pilot:
        await idle(pilot)
        assert "compared" in screen_text(app)
        await pilot.press("f2")
        await until(pilot, lambda: "in all" in screen_text(app))
        await pilot.press("k")
        await until(pilot, lambda: getattr(app.screen, "armed", False))
        await pilot.press("x")
        await until(pilot, lambda: experiments.calls == [("discard", "P-0001")])
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1 and "discarded by" in screen_text(app))


async def test_a_card_follows_other_terminals_when_the_person_comes_back() -> None:
    experiments = log("compared")
    app = app_with(past(), prompt="go", experiments=experiments)
    async with running(app) as pilot:
        await idle(pilot)
        app.post_message(AppBlur())
        experiments.accept("P-0001", by="bo")
        app.post_message(AppFocus())
        await until(pilot, lambda: "accepted by bo" in screen_text(app))


async def test_the_next_turn_brings_it_too_and_runs_go_on_being_shown() -> None:
    experiments = log("running")
    experiments.progress["P-0001"] = [
        ExperimentProgressed(proposal_id="P-0001", arm="candidate", seed=0, done=3, total=12),
        ExperimentFinished(proposal_id="P-0001", state="compared", comparison=comparison()),
    ]
    app = app_with(past()[:1], prompt="go", experiments=experiments)
    async with running(app) as pilot:
        await until(pilot, lambda: "3/12 runs" in screen_text(app))
        experiments.gate.set()
        await until(pilot, lambda: "better accuracy" in screen_text(app))


async def test_a_resumed_conversation_says_what_became_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "PART", 40)
    experiments = log("discarded")
    events = [*turn(1, 1), *past(), *[event for number in range(2, 30) for event in turn(number, 1)], *past("P-0002")]
    experiments.all["P-0002"] = experiment("accepted", id="P-0002")
    app = app_with(events=events, experiments=experiments)
    async with running(app) as pilot:
        await until(pilot, lambda: "P-0002 Halve the learning rate  accepted" in screen_text(app))
        for _ in range(6):
            await pilot.press("f3")
        await until(pilot, lambda: app.view.paged == 0)
        app.view.scroll_home(animate=False)
        await until(pilot, lambda: "P-0001 Halve the learning rate  discarded" in screen_text(app))


async def test_a_journal_that_knows_nothing_of_it_changes_nothing() -> None:
    app = app_with(past(), prompt="go", experiments=FakeExperiments())
    async with running(app) as pilot:
        await idle(pilot)
        app.post_message(AppBlur())
        app.post_message(AppFocus())
        await idle(pilot)
        assert "P-0001 Halve the learning rate  compared" in screen_text(app)


async def test_a_card_that_began_without_its_plan_takes_it_from_the_log() -> None:
    app = app_with(
        [ExperimentFinished(proposal_id="P-0001", state="compared", comparison=comparison())], prompt="go", experiments=log("compared")
    )
    async with running(app) as pilot:
        await until(pilot, lambda: f"P-0001 {experiment('compared').proposal.title}  compared" in screen_text(app))


async def test_between_two_cards_is_a_line() -> None:
    app = app_with([*past(), *past("P-0002")], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: "P-0002" in screen_text(app))
        await idle(pilot)
        lines = screen_text(app).split("\n")
        assert not lines[next(at for at, line in enumerate(lines) if "◆ P-0002" in line) - 1].strip()


async def test_what_another_takes_the_place_of_waits_no_longer() -> None:
    made = experiment("proposed", id="P-0001").proposal
    edited = experiment("proposed", id="P-0002").proposal.model_copy(update={"supersedes": "P-0001"})
    events: list[Event] = [
        ExperimentProposed(proposal=made),
        ExperimentProposed(proposal=edited),
        ExperimentDecided(proposal_id="P-0002", answer="approve", by="anna"),
    ]
    app = app_with(events, prompt="go")
    async with running(app) as pilot:
        await idle(pilot)
        assert "superseded" in screen_text(app) and "waits for a decision" not in screen_text(app)
