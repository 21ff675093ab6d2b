"""The other answers to a proposal: with edits, a question, maintenance; and what the pane says of what is known and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.approval import ExperimentRequest
from mltui.core.experiment import Exchange, ExperimentKind, ParameterChange, ProposalEdits
from mltui.ui.tui.decision_pane import DecisionPane
from mltui.ui.tui.edit_form import FieldError, fields_of, read_edits, read_seeds, seeds_text

from .driving import app_with, at_once, fake, running, screen_text, until
from .samples import proposal, reviewed
from .test_panes import CALL, EXPERIMENT, decided

REVIEWED = ExperimentRequest(id="1", call=CALL, proposal=reviewed())


def retype(text: str) -> list[str]:
    """Keys that replace what stands in a field."""
    names = {",": "comma", ".": "full_stop", "-": "minus", " ": "space"}
    return ["end", "ctrl+u", *[names.get(letter, letter) for letter in text]]


@pytest.mark.usefixtures("quick_panes")
@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 20)])
async def test_approving_with_edits(size: tuple[int, int]) -> None:
    keys = ["e", *retype("0-8"), "tab", *retype("30"), "down", *retype("0.025"), "enter"]
    decision = await decided(REVIEWED, *keys, size=size)
    assert decision is not None
    assert decision.answer == "approve"
    assert decision.edits == ProposalEdits(seeds=tuple(range(9)), minutes=30.0, changes={"lr": 0.025})


@pytest.mark.usefixtures("quick_panes")
@pytest.mark.parametrize(
    "keys", [["enter"], [*retype("zero"), "enter"], [*retype(""), "enter"], ["tab", *retype("0"), "enter"], ["up", *retype("x"), "enter"]]
)
async def test_a_form_that_is_wrong_or_unchanged_stays(keys: list[str]) -> None:
    assert await decided(REVIEWED, "e", *keys) is None


@pytest.mark.usefixtures("quick_panes")
async def test_the_form_says_what_is_wrong_and_goes_back() -> None:
    app = app_with([REVIEWED], prompt="go")
    async with running(app, (100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        await pilot.press("e", "tab", "tab", *retype("fast"), "shift+tab", "enter")
        await until(pilot, lambda: "lr: 'fast' is no number" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Approve with edits" not in screen_text(app))
        assert isinstance(app.screen, DecisionPane)
        await pilot.press("h")
        await until(pilot, lambda: not isinstance(app.screen, DecisionPane))


@pytest.mark.usefixtures("quick_panes")
async def test_keys_that_come_at_once_reach_the_field_they_are_meant_for() -> None:
    app = app_with([REVIEWED], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        at_once(app, *"e0-8", "tab", *"99", "shift+tab", "tab", *"30", "backspace", "down", *"0.025", "enter")
        await until(pilot, lambda: not isinstance(app.screen, DecisionPane))
        edits = ProposalEdits(seeds=tuple(range(9)), minutes=3.0, changes={"lr": 0.025})
        assert fake(app).decisions[-1].edits == edits


@pytest.mark.usefixtures("quick_panes")
async def test_so_does_a_reason() -> None:
    app = app_with([REVIEWED], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        at_once(app, *"ntoo lot", "backspace", *"w", "left", "backspace", "end", "enter")
        await until(pilot, lambda: not isinstance(app.screen, DecisionPane))
        assert fake(app).decisions[-1].reason == "too lw"


@pytest.mark.usefixtures("quick_panes")
async def test_asking_the_agent() -> None:
    decision = await decided(EXPERIMENT, "a", *"why", "enter")
    assert decision is not None
    assert (decision.answer, decision.reason) == ("ask", "why")
    assert await decided(EXPERIMENT, "a", "enter") is None


@pytest.mark.usefixtures("quick_panes")
async def test_maintenance_takes_two_presses_and_a_reason() -> None:
    assert await decided(EXPERIMENT, "m") is None
    assert await decided(EXPERIMENT, "m", "m", "enter") is None
    assert await decided(EXPERIMENT, "m", "n", "escape", "m") is None
    decision = await decided(EXPERIMENT, "m", "m", *"typo", "enter")
    assert decision is not None
    assert (decision.answer, decision.reason) == ("maintenance", "typo")


@pytest.mark.usefixtures("quick_panes")
@pytest.mark.parametrize("kind", ["eval", "data"])
async def test_evaluation_and_data_are_no_maintenance_and_edits_take_two_presses(kind: ExperimentKind) -> None:
    request = ExperimentRequest(id="1", call=CALL, proposal=reviewed(kind=kind))
    assert await decided(request, "m", "m", "o", "k") is None
    assert await decided(request, "e", *retype("0-8"), "enter", "h") is not None
    decision = await decided(request, "e", "e", *retype("0-8"), "enter")
    assert decision is not None
    assert decision.edits == ProposalEdits(seeds=tuple(range(9)))


async def shown(request: ExperimentRequest, size: tuple[int, int] = (100, 70)) -> str:
    app = app_with([request], prompt="go")
    async with running(app, size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))
        return screen_text(app)


@pytest.mark.usefixtures("quick_panes")
async def test_the_pane_shows_what_is_known() -> None:
    text = await shown(REVIEWED)
    parts = [
        "Hypothesis",
        "What changes",
        "2 warnings",
        "Methodology",
        "0.9415 ± 0.0038 over 6 seeds, from B-0001",
        "6 pairs find a difference of 0.0066: too few for 0.005, 9 pairs would",
        "about 4 minutes for 12 runs, 6 of them made already",
        "├─",
        "The plan",
        "python train.py --seed {seed}",
        "0, 1, 2, 3, 4, 5  (6 pairs)",
        "at most 12 minutes, 12 runs",
        "python evaluate.py",
        "train_seconds not worse by more than 20%",
        "492 kB",
        "changed since the last experiment",
        "5f1d7c3ab09e",
        "model:anthropic",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


@pytest.mark.usefixtures("quick_panes")
async def test_what_is_not_known_is_said() -> None:
    bare = proposal().model_copy(update={"guardrails": (), "data": (), "methodology": " "})
    text = await shown(ExperimentRequest(id="1", call=CALL, proposal=bare))
    for part in ("none was given", "not measured yet", "not known", "time not known", "self-reported", "none declared", "not recorded"):
        assert part in text, part
    assert "warning" not in text


@pytest.mark.usefixtures("quick_panes")
async def test_an_answer_comes_first_and_an_open_question_is_said() -> None:
    answered = REVIEWED.model_copy(update={"exchanges": (Exchange(question="Why not 0.01?", by="anna", answer="It was tried in P-0003."),)})
    text = await shown(answered)
    assert text.index("Why not 0.01?") < text.index("It was tried in P-0003.") < text.index("Hypothesis")
    waiting = REVIEWED.model_copy(update={"exchanges": (Exchange(question="Why not 0.01?", by="anna"),)})
    text = await shown(waiting)
    assert text.index("Hypothesis") < text.index("Why not 0.01?") < text.index("the agent has not answered yet")


def test_values_keep_their_kind() -> None:
    kinds = [("depth", 3, "4", 4), ("lr", 0.1, "1e-3", 0.001), ("nesterov", True, "false", False), ("name", "sgd", "adam", "adam")]
    made = reviewed(parameters=tuple(ParameterChange(name=name, key=name, after=after) for name, after, _, _ in kinds))
    values = {field.key: field.value for field in fields_of(made)}
    assert read_edits(made, values).empty
    edits = read_edits(made, values | {name: text for name, _, text, _ in kinds})
    assert edits.changes == {name: value for name, _, _, value in kinds}
    for name, text in (("depth", "many"), ("lr", "nan"), ("nesterov", "2"), ("minutes", "-1"), ("seeds", "1 1"), ("seeds", "5-2")):
        with pytest.raises(FieldError) as caught:
            read_edits(made, values | {name: text})
        assert caught.value.key == name


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20, unique=True))
def test_seeds_are_read_as_they_are_shown(seeds: list[int]) -> None:
    assert read_seeds(seeds_text(tuple(seeds))) == tuple(seeds)


@given(st.integers(0, 500), st.integers(3, 100))
def test_seeds_in_a_row_are_a_range(first: int, count: int) -> None:
    seeds = tuple(range(first, first + count))
    assert seeds_text(seeds) == f"{first}-{first + count - 1}"
    assert read_seeds(seeds_text(seeds)) == seeds


@pytest.mark.usefixtures("quick_panes")
async def test_why_it_is_asked_again_is_said_until_it_is_answered() -> None:
    app = app_with([REVIEWED.model_copy(update={"refused": "lr = 30 is out of range. Choose between 0.001 and 0.5."})], prompt="go")
    async with running(app, (80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        assert "lr = 30 is out of range. Choose between 0.001 and 0.5." in screen_text(app)


@pytest.mark.usefixtures("quick_panes")
async def test_what_was_typed_into_an_answer_that_is_refused_is_still_there() -> None:
    patch = REVIEWED.proposal.patch.replace("+", "+ ", 1)
    edits = ProposalEdits(seeds=(3, 5), minutes=7.5, changes={"lr": 30}, patch=patch)
    again = REVIEWED.model_copy(update={"refused": "lr = 30 is out of range.", "edits": edits})
    app = app_with([again], prompt="go")
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        assert "lr = 30 is out of range." in screen_text(app) and "The diff is edited: y approves it so." in screen_text(app)
    decision = await decided(again, "e", "enter", size=(120, 40))
    assert decision is not None and decision.edits is not None and decision.edits.patch is not None
    assert decision.edits.model_copy(update={"patch": patch}) == edits
    assert decision.edits.patch.rstrip("\n") == patch.rstrip("\n") != REVIEWED.proposal.patch.rstrip("\n")
