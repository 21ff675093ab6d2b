from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mltui.core.approval import (
    ApprovalRequest,
    Decision,
    ExperimentRequest,
    KeepRequest,
    Option,
    PermissionRequest,
    Question,
    QuestionRequest,
    TrustRequest,
)
from mltui.core.effects import Effect
from mltui.core.experiment import ExperimentKind
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.decision_pane import DecisionPane

from .driving import app_with, fake, idle, running, screen_text, until
from .fake_session import FakeExperiments, call, said
from .samples import experiment, proposal

CALL = call("ProposeExperiment", title="t")
EXPERIMENT = ExperimentRequest(id="1", call=CALL, proposal=proposal())
KEEP = KeepRequest(id="2", call=CALL, experiment=experiment("interpreted"))
PERMISSION = PermissionRequest(
    id="3",
    call=call("Bash", command="pip install x"),
    effects=(Effect(kind="exec", target="pip install x"),),
    reason="no rule",
    rule="Bash(pip *)",
)
QUESTION = QuestionRequest(
    id="4",
    call=CALL,
    questions=(
        Question(question="Which metric?", options=(Option(label="accuracy"), Option(label="f1"))),
        Question(question="Which seeds?", options=(Option(label="low"), Option(label="high"), Option(label="all")), multi_select=True),
    ),
)
pytestmark = pytest.mark.usefixtures("quick_panes")


async def decided(request: ApprovalRequest, *keys: str, size: tuple[int, int] = (120, 40)) -> Decision | None:
    """Returns: the decision after these keys, or None if the pane still stands."""
    app = app_with([request], prompt="go")
    async with running(app, size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        if isinstance(app.screen, DecisionPane):
            return None
        await idle(pilot)
        return fake(app).decisions[0]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 20)])
@pytest.mark.parametrize(("key", "answer"), [("y", "approve"), ("h", "hold"), ("escape", "hold")])
async def test_experiments_are_decided_by_a_key(key: str, answer: str, size: tuple[int, int]) -> None:
    decision = await decided(EXPERIMENT, key, size=size)
    assert decision is not None
    assert decision.answer == answer
    assert decision.by


async def test_rejecting_asks_for_a_reason() -> None:
    decision = await decided(EXPERIMENT, "n", *"too big", "enter")
    assert decision == Decision(answer="reject", by=decision.by if decision else "", reason="too big")
    assert await decided(EXPERIMENT, "n", "y", "escape") is None
    assert await decided(EXPERIMENT, "n", "enter", "space", "enter") is None


@pytest.mark.parametrize(
    ("request_", "key", "says"),
    [
        (EXPERIMENT, "n", "Enter sends"),
        (EXPERIMENT, "e", "Enter approves"),
        (EXPERIMENT, "E", "Esc goes back"),
        (PERMISSION, "n", "Enter sends"),
    ],
)
async def test_the_bar_says_what_the_keys_do_while_something_is_typed(request_: ApprovalRequest, key: str, says: str) -> None:
    app = app_with([request_], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        before = screen_text(app).rstrip().rpartition("\n")[2]
        await pilot.press(key, "x")
        await pilot.pause()
        bar = screen_text(app).rstrip().rpartition("\n")[2]
        assert says in bar and "Esc goes back" in bar and "Esc hold" not in bar and "Esc no" not in bar
        await pilot.press("escape")
        await until(pilot, lambda: screen_text(app).rstrip().rpartition("\n")[2] == before)


@pytest.mark.parametrize("keys", [["enter"], ["enter", "enter"], ["x", "k", "z"], ["d", "down", "pagedown", "tab"]])
async def test_no_other_key_decides_an_experiment(keys: list[str]) -> None:
    assert await decided(EXPERIMENT, *keys) is None


async def test_arrows_mark_and_enter_takes() -> None:
    decision = await decided(EXPERIMENT, "right", "enter")
    assert decision is not None
    assert decision.answer == "approve"


@pytest.mark.parametrize("kind", ["eval", "data"])
async def test_evaluation_and_data_stand_on_hold_and_need_two_presses(kind: ExperimentKind) -> None:
    request = ExperimentRequest(id="1", call=CALL, proposal=proposal(kind=kind))
    held = await decided(request, "enter")
    assert held is not None
    assert held.answer == "hold"
    assert await decided(request, "y") is None
    approved = await decided(request, "y", "y")
    assert approved is not None
    assert approved.answer == "approve"


async def test_the_pane_shows_all_that_a_decision_needs() -> None:
    app = app_with([EXPERIMENT], prompt="go")
    async with running(app, (120, 45)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))
        text = screen_text(app)
        for part in (
            "P-0007 hyperparameters  Halve the learning rate",
            "The loss oscillates",
            "0.1 → 0.05",
            "conf/train.yaml:optimizer.lr",
            "accuracy ↑ higher is better",
            "not measured yet: this runs it too",
            "self-reported",
            "python train.py --seed {seed}",
            "(6 pairs)",
            "12 minutes, 12 runs",
            "commit 8c1f0a77d2",
            "9f86d081884c",
            "train_seconds not worse by more",
            "+   lr: 0.05",
            "y approve",
            "h hold",
        ):
            assert part in text, part


@pytest.mark.parametrize(("key", "answer"), [("k", "approve"), ("x", "reject"), ("l", "hold"), ("escape", "hold")])
async def test_keeping(key: str, answer: str) -> None:
    decision = await decided(KEEP, key)
    assert decision is not None
    assert decision.answer == answer


@pytest.mark.parametrize("size", [(120, 60), (40, 60)])
async def test_the_keep_pane_shows_the_result(size: tuple[int, int]) -> None:
    app = app_with([KEEP], prompt="go")
    async with running(app, size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))
        text = screen_text(app)
        for part in ("BETTER", "+0.0112", "0.9420 → 0.9530", "halved rate", "accept"):
            assert part in text, part


@pytest.mark.parametrize(
    ("keys", "answer", "remember", "reason"),
    [
        (["y"], "approve", False, ""),
        (["a"], "approve", True, ""),
        (["n", "b", "a", "d", "enter"], "reject", False, "bad"),
        (["n", "enter"], "reject", False, ""),
        (["escape"], "reject", False, ""),
        (["ctrl+c"], "stop", False, ""),
    ],
)
async def test_permissions(keys: list[str], answer: str, remember: bool, reason: str) -> None:
    decision = await decided(PERMISSION, *keys)
    assert decision is not None
    assert (decision.answer, decision.remember, decision.reason) == (answer, remember, reason)


async def test_enter_on_a_permission_is_no() -> None:
    decision = await decided(PERMISSION, "enter", "enter")
    assert decision is not None
    assert decision.answer == "reject"


async def test_always_needs_a_rule() -> None:
    assert await decided(PERMISSION.model_copy(update={"rule": None}), "a") is None


async def test_questions_by_digit_and_by_ticks() -> None:
    decision = await decided(QUESTION, "2", "space", "down", "down", "space", "enter")
    assert decision is not None
    assert decision.answers == {"Which metric?": "f1", "Which seeds?": "low, all"}


async def test_questions_in_own_words_and_not_at_all() -> None:
    decision = await decided(QUESTION, "t", *"auc", "enter", "down", "enter")
    assert decision is not None
    assert decision.answers == {"Which metric?": "auc", "Which seeds?": "high"}
    refused = await decided(QUESTION, "escape")
    assert refused is not None
    assert refused.answer == "reject"


async def test_an_interrupted_turn_takes_its_pane_away() -> None:
    app = app_with([EXPERIMENT], [said("next")], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))
        await pilot.press("f1")
        assert len(app.screen_stack) == 3
        fake(app).interrupt()
        await idle(pilot)
        assert len(app.screen_stack) == 1
        await pilot.press("x")
        assert app.composer.area.text == "x"


async def test_ctrl_c_on_an_experiment_ends_the_turn_and_decides_nothing() -> None:
    app = app_with([EXPERIMENT, said("went on")], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))
        await pilot.press("ctrl+c")
        await idle(pilot)
        assert len(app.screen_stack) == 1
        assert "Interrupted after" in screen_text(app)
        assert not any(decision.answer != "hold" for decision in fake(app).decisions)


async def test_two_requests_are_asked_one_after_the_other() -> None:
    app = app_with()
    async with running(app) as pilot:
        asked = [asyncio.create_task(app.approver.decide(request)) for request in (PERMISSION, EXPERIMENT)]
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        assert len(app.screen_stack) == 2
        await pilot.press("y")
        await until(pilot, lambda: "May this experiment run?" in screen_text(app) and app.screen.armed)  # type: ignore[attr-defined]
        await pilot.press("h")
        assert [decision.answer for decision in await asyncio.gather(*asked)] == ["approve", "hold"]


@pytest.mark.parametrize(
    ("key", "trusted"), [("y", "approve"), ("n", "reject"), ("escape", "reject"), ("enter", "reject"), ("ctrl+c", "stop")]
)
async def test_trust_is_asked_while_the_session_opens(key: str, trusted: str) -> None:
    answers: list[str] = []

    async def open_session(approver: Any) -> Any:
        request = TrustRequest(id="t", folder="/tmp/[bold]repo", found=("AGENTS.md", "[/]hooks"))
        answers.append((await approver.decide(request)).answer)
        return fake_with(approver)

    app = MltuiApp(open_session)
    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        assert "/tmp/[bold]repo" in screen_text(app)
        await pilot.press(key)
        await until(pilot, lambda: app.session is not None)
        assert answers == [trusted]


def fake_with(approver: Any) -> Any:
    from .fake_session import FakeSession

    return FakeSession(approver)


async def test_a_command_that_starts_elsewhere_is_shown_with_its_folder() -> None:
    effects = (Effect(kind="exec", target="rm x", folder="/p/sub"), Effect(kind="exec", target="ls"))
    app = app_with([PERMISSION.model_copy(update={"effects": effects})], prompt="go")
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))
        text = screen_text(app)
        assert "rm x  in /p/sub" in text and text.count("/p/sub") == 1


async def test_the_diff_is_edited_in_place() -> None:
    # The cursor stands in the first new line, `+  lr: 0.05`.
    decision = await decided(EXPERIMENT, "E", "end", "backspace", *"1 # y", "escape", "y")
    assert decision is not None and decision.answer == "approve" and decision.edits is not None
    assert decision.edits.patch == EXPERIMENT.proposal.patch.replace("+  lr: 0.05", "+  lr: 0.01 # y")
    assert decision.edits.seeds is None and not decision.edits.changes


async def test_an_edited_diff_and_an_edited_field_go_together() -> None:
    decision = await decided(EXPERIMENT, "E", "end", "0", "escape", "e", *"1-6", "enter")
    assert decision is not None and decision.edits is not None
    assert decision.edits.seeds == (1, 2, 3, 4, 5, 6) and decision.edits.patch is not None and "lr: 0.050" in decision.edits.patch


async def test_edits_of_the_diff_are_taken_back() -> None:
    decision = await decided(EXPERIMENT, "E", "9", "escape", "u", "y")
    assert decision is not None and decision.edits is None
    decision = await decided(EXPERIMENT, "E", "escape", "y")
    assert decision is not None and decision.edits is None


async def test_nothing_that_is_typed_into_the_diff_decides() -> None:
    assert await decided(EXPERIMENT, "E", "y", "n", "h", "enter", "tab", "y") is None
    app = app_with([EXPERIMENT], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        await pilot.press("E", "enter", *"+more", "escape")
        await until(pilot, lambda: "The diff is edited: y approves it so" in screen_text(app))
        assert "more" in screen_text(app) and "Hypothesis" in screen_text(app)


async def test_what_is_marked_is_seen_without_colours() -> None:
    app = app_with([PERMISSION], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        strips = app.screen._compositor.render_strips(app.size)
        assert any("n no" in segment.text and segment.style and segment.style.reverse for strip in strips for segment in strip)


@pytest.mark.parametrize(
    ("request_", "label", "answer"),
    [
        (EXPERIMENT, "y approve", "approve"),
        (EXPERIMENT, "h hold", "hold"),
        (KEEP, "x discard", "reject"),
        (PERMISSION, "y yes, once", "approve"),
        (QUESTION, "escape do not answer", "reject"),
    ],
)
async def test_a_click_on_a_choice_is_its_key(request_: ApprovalRequest, label: str, answer: str) -> None:
    app = app_with([request_], prompt="go")
    async with running(app, (80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        lines = screen_text(app).split("\n")
        row = next(at for at in range(len(lines) - 1, -1, -1) if label in lines[at])
        await pilot.click(offset=(lines[row].index(label) + 1, row))
        await idle(pilot)
        assert fake(app).decisions[0].answer == answer


async def test_a_click_decides_nothing_before_the_pane_takes_keys_and_beside_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DecisionPane, "quiet", 600.0)
    app = app_with([EXPERIMENT], prompt="go")
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))
        pane: Any = app.screen
        await until(pilot, lambda: "y approve" in screen_text(app))
        row = next(at for at, line in enumerate(screen_text(app).split("\n")) if "y approve" in line)
        assert not pane.armed
        await pilot.click(offset=(2, row))
        pane.bar.armed = True
        await pilot.click(offset=(110, row))
        await pilot.pause()
        assert app.screen is pane and not fake(app).decisions


async def test_keys_of_a_diff_hold_in_a_pane_as_mapped_and_no_mapping_takes_an_answers_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path))
    (tmp_path / "keys.toml").write_text('"pane.diff" = "f8"\n"diff.wrap" = "h,z"\n"pane.edit-diff" = "f9"\n')
    app: Any = app_with([EXPERIMENT], prompt="go")
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: "pane.diff" in app._keymap)
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        assert "F8 diff · F9 edit it · Esc hold" in screen_text(app)
        await pilot.press("d")
        assert not app.screen.has_class("-diff")
        await pilot.press("f8")
        await until(pilot, lambda: ("F8 back" in screen_text(app) and "h cut" in screen_text(app)) or "h wrap" in screen_text(app))
        wrapped = app.screen._view.wrapped
        await pilot.press("z")
        assert app.screen._view.wrapped is not wrapped
        await pilot.press("h")
        await idle(pilot)
        assert fake(app).decisions[0].answer == "hold"


async def test_keeping_shows_p_corrected_for_all_comparisons_of_the_project() -> None:
    log = FakeExperiments(experiment("interpreted"), experiment("compared", id="P-0008"), experiment("compared", id="P-0009"))
    app = app_with([KEEP], prompt="go", experiments=log)
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: "corrected: p 0.093 by Holm, for 3 comparisons" in screen_text(app))
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        await pilot.press("l")
        await idle(pilot)
