"""Many proposals at once: order, marks, one key for all; evaluation and data apart; what others decide goes away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mltui.core.events import ExperimentFinished
from mltui.core.experiment import Estimate, Experiment, ExperimentKind, Review
from mltui.experiments.looking import Looking
from mltui.ui import file_watch
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.decision_pane import DecisionPane
from mltui.ui.tui.review_rows import heading, pending, review_row
from mltui.ui.tui.review_screen import ReviewScreen

from .driving import app_with, at_once, fake, idle, running, screen_text, until
from .fake_session import FakeExperiments
from .samples import experiment, reviewed

pytestmark = pytest.mark.usefixtures("quick_panes")


def waiting(id: str, kind: ExperimentKind = "hparam", minutes: float = 4.0, **more: Any) -> Experiment:
    review = Review(estimate=Estimate(minutes=minutes))
    return Experiment(
        proposal=reviewed(id=id, kind=kind, title=f"Title of {id}", review=review), state=more.pop("state", "proposed"), **more
    )


def three() -> FakeExperiments:
    return FakeExperiments(waiting("P-0001"), waiting("P-0002", minutes=9.0), waiting("P-0003", "eval"))


def armed(app: MltuiApp) -> bool:
    return isinstance(app.screen, DecisionPane) and app.screen.armed


async def opened(pilot: Any, app: MltuiApp) -> None:
    await pilot.press(*"/review", "enter")
    await until(pilot, lambda: isinstance(app.screen, ReviewScreen) and "P-000" in screen_text(app))


def decisions(experiments: FakeExperiments) -> list[tuple[str, ...]]:
    return [call for call in experiments.calls if call[0] in ("decide", "revise")]


def test_risk_goes_before_cost() -> None:
    kinds: list[ExperimentKind] = ["hparam", "prompt", "train", "infra", "data", "eval"]
    mixed = [waiting(f"P-{at}", kind) for at, kind in enumerate(kinds)] + [waiting("P-9", minutes=90.0), experiment("accepted", id="P-8")]
    assert [each.id for each in pending(mixed)] == ["P-5", "P-4", "P-3", "P-2", "P-1", "P-9", "P-0"]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 130, 200])
def test_a_row_fits_and_stands_under_its_heading(width: int) -> None:
    row = review_row(Experiment(proposal=reviewed(title="数字 " * 40), state="held"), width, marked=True)
    assert row.cell_length <= max(width, 30)
    assert heading(width).cell_len == row.cell_length


async def test_one_key_approves_the_chosen_one_and_it_goes_away() -> None:
    experiments = FakeExperiments(waiting("P-0001"), waiting("P-0002"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await opened(pilot, app)
        await pilot.press("y")
        await until(pilot, lambda: "1 open" in screen_text(app))
        assert experiments.calls == [("decide", "P-0001", "approve", ""), ("start", "P-0001")]
        assert experiments.all["P-0001"].approval.origin.via == "app"  # type: ignore[union-attr]


async def test_marked_ones_are_approved_together_after_a_second_press_and_evaluation_apart() -> None:
    experiments = three()
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await opened(pilot, app)
        await pilot.press("space", "space", "space", "y")
        await until(pilot, lambda: "P-0003 will open apart" in screen_text(app))
        assert not decisions(experiments)
        await pilot.press("y")
        await until(pilot, lambda: armed(app))
        assert "P-0003 evaluation" in screen_text(app)
        assert {call[1] for call in decisions(experiments)} == {"P-0001", "P-0002"}
        await pilot.press("y")
        assert experiments.all["P-0003"].state == "proposed"
        await pilot.press("y")
        await until(pilot, lambda: "Nothing waits for a decision" in screen_text(app))
        assert experiments.all["P-0003"].state == "running"


async def test_marked_ones_are_approved_by_another_key_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path))
    (tmp_path / "keys.toml").write_text('"review.approve" = "a,f8"\n"review.hold" = "y"\n')
    experiments = FakeExperiments(waiting("P-0001"), waiting("P-0002"))
    app: Any = app_with(experiments=experiments)
    async with running(app) as pilot:
        await until(pilot, lambda: "review.approve" in app._keymap)
        await opened(pilot, app)
        await pilot.press("space", "space", "a")
        assert "Press a again to go on" in " ".join(screen_text(app).split())
        await pilot.press("up", "f8")
        assert not decisions(experiments)
        await pilot.press("a")
        await until(pilot, lambda: "Nothing waits for a decision" in screen_text(app))
        assert {experiments.all[id_].state for id_ in ("P-0001", "P-0002")} == {"running"}


async def test_a_key_between_the_two_presses_calls_it_off() -> None:
    experiments = three()
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await opened(pilot, app)
        await pilot.press("space", "space", "space", "y", "up", "y")
        await pilot.pause(0.1)
        assert not decisions(experiments)


async def test_rejecting_the_marked_ones_takes_one_reason() -> None:
    experiments = three()
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await opened(pilot, app)
        await pilot.press("down", "space", "space", "n", "enter")
        assert not decisions(experiments)
        await pilot.press(*"no", "enter")
        await until(pilot, lambda: "1 open" in screen_text(app))
        assert decisions(experiments) == [("decide", "P-0002", "reject", "no"), ("decide", "P-0001", "reject", "no")]
        await pilot.press("n", "escape", "h")
        await until(pilot, lambda: len(decisions(experiments)) == 3)
        assert experiments.all["P-0003"].state == "held"


async def test_the_pane_gives_every_answer_and_edits_are_carried_out() -> None:
    experiments = FakeExperiments(waiting("P-0001"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await opened(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: armed(app))
        await pilot.press("e", "end", *["backspace"] * 5, *"78", "enter")
        await until(pilot, lambda: "Nothing waits for a decision" in screen_text(app))
        assert experiments.calls == [
            ("revise", "P-0001", '{"seeds":[78]}'),
            ("decide", "P-0002", "approve", ""),
            ("start", "P-0002"),
        ]


async def test_a_question_goes_to_the_agent() -> None:
    experiments = FakeExperiments(waiting("P-0001"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await opened(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: armed(app))
        await pilot.press("a", *"why", "enter")
        await until(pilot, lambda: fake(app).prompts)
        assert fake(app).prompts[0].startswith("About P-0001: why")
        await idle(pilot)


@pytest.mark.parametrize("by_kernel", [True, False])
async def test_what_others_decide_goes_away_and_no_key_meets_another_proposal(
    by_kernel: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiments = FakeExperiments(waiting("P-0001"), waiting("P-0002"))
    experiments.looking = Looking(tmp_path, tmp_path)
    if not by_kernel:
        monkeypatch.setattr(file_watch, "LOOK", 0.05)
        monkeypatch.setattr(file_watch, "_open", lambda folder: None)
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await opened(pilot, app)
        screen: Any = app.screen
        screen.clock = lambda: 100.0
        experiments.decide("P-0001", answer="reject", by="bob", reason="mine")
        experiments.looking.journal.write_text("{}\n")
        await until(pilot, lambda: "P-0001 was decided elsewhere: rejected · rejected by bob" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: "The list moved" in screen_text(app))
        assert experiments.all["P-0002"].state == "proposed"
        screen.clock = lambda: 110.0
        await pilot.press("y")
        await until(pilot, lambda: experiments.all["P-0002"].state == "running")


async def test_one_that_was_decided_meanwhile_is_said_and_the_others_go_on() -> None:
    experiments = FakeExperiments(waiting("P-0001"), waiting("P-0002"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await opened(pilot, app)
        await pilot.press("space", "space")
        experiments.all["P-0001"] = experiments.all["P-0001"].model_copy(update={"state": "rejected"})
        await pilot.press("y", "y")
        await until(pilot, lambda: "decided meanwhile by bob" in screen_text(app) and "P-0002 is approved" in screen_text(app))
        assert experiments.all["P-0002"].state == "running"


async def test_the_log_leads_here_and_back() -> None:
    experiments = three()
    experiments.progress["P-0001"] = [ExperimentFinished(proposal_id="P-0001", state="compared")]
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "all pending" in screen_text(app))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        await pilot.press("escape")
        await until(pilot, lambda: "3 in all" in screen_text(app))


async def test_a_reason_that_is_typed_at_once_decides_nothing_by_its_letters() -> None:
    experiments = FakeExperiments(waiting("P-0001"), waiting("P-0002"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await opened(pilot, app)
        at_once(app, *"nhey why", "enter")
        await until(pilot, lambda: "1 open" in screen_text(app))
        assert decisions(experiments) == [("decide", "P-0001", "reject", "hey why")]
