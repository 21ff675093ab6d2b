"""How the screens look. After a wanted change: `pytest tests/tui/test_snapshots.py --snapshot-update`, and look at the pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mltui.core.approval import ExperimentRequest
from mltui.core.events import ExperimentDecided, ExperimentProgressed, ExperimentProposed, ExperimentStarted
from mltui.core.experiment import Exchange, Experiment
from mltui.ui.tui.chooser import Chooser

from .driving import app_with, idle, screen_text, until
from .fake_session import FakeExperiments, call, said, streamed, tool
from .samples import experiment, proposal, reviewed
from .test_panes import CALL, EXPERIMENT, KEEP, PERMISSION, QUESTION

SIZES = {"wide": (120, 40), "usual": (80, 24), "narrow": (40, 20)}
ROOMY = {"roomy": (150, 44)}
ANSWER = """The loss **oscillates** in the last ten epochs: a step of `lr = 0.1` is too large there.

## What I found

1. `train.py` reads `conf/train.yaml`
2. six pairs should be enough

```python
def step(model: Model, batch: Batch) -> Tensor:
    return cross_entropy(model(batch.x), batch.y)
```
"""
DIFF = "--- a/p.txt\n+++ b/p.txt\n@@ -1,2 +1,2 @@\n You are careful.\n-Answer with a word.\n+Answer yes or no.\n"
READ, BASH, EDIT = (
    call("Read", file_path="/home/anna/digits/train.py"),
    call("Bash", command="pytest -q"),
    call("Edit", file_path="prompts/p.txt"),
)
CHAT = [
    said("I'll look at the code first.", READ, BASH, EDIT),
    *tool(READ, "...", details={"lines": 212}),
    *tool(BASH, "1 failed", is_error=True, details={"exit_code": 1}),
    *tool(EDIT, "ok", details={"diff": DIFF, "staged": True}),
    *streamed(ANSWER),
]
RUNNING = [
    ExperimentProposed(proposal=proposal()),
    ExperimentDecided(proposal_id="P-0007", answer="approve", by="anna"),
    ExperimentStarted(proposal_id="P-0007", job="j", runs=12),
    ExperimentProgressed(proposal_id="P-0007", arm="candidate", seed=1, done=7, total=12),
]
LOG = (
    experiment("accepted", id="P-0001", title="Add momentum"),
    experiment("rejected", id="P-0002", title="Train on the test split", kind="data"),
    experiment("compared", id="P-0003", title="Cosine schedule", kind="train"),
    experiment(id="P-0004", title="Macro F1 in place of accuracy", kind="eval"),
)
REVIEWED = ExperimentRequest(id="1", call=CALL, proposal=reviewed())
PENDING = (
    experiment(id="P-0004", title="Macro F1 in place of accuracy", kind="eval"),
    experiment("held", id="P-0005", title="A cosine schedule with warm-up", kind="train"),
    Experiment(proposal=reviewed(), state="proposed"),
    Experiment(
        proposal=reviewed(id="P-0008", kind="prompt", title="A shorter system prompt", parameters=()),
        state="held",
        exchanges=(Exchange(question="Why shorter?", by="anna"),),
    ),
)


def on_pane(pilot: Any) -> Callable[[], object]:
    return lambda: getattr(pilot.app.screen, "armed", False)


@pytest.mark.parametrize("size", SIZES)
def test_conversation(size: str, snap_compare: Any) -> None:
    assert snap_compare(app_with([*CHAT, *RUNNING], prompt="Make the classifier better"), terminal_size=SIZES[size], run_before=idle)


@pytest.mark.usefixtures("quick_panes")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("request_", [EXPERIMENT, KEEP, PERMISSION, QUESTION], ids=["experiment", "keep", "permission", "question"])
def test_panes(request_: Any, size: str, snap_compare: Any) -> None:
    async def wait(pilot: Any) -> None:
        await until(pilot, on_pane(pilot))
        pilot.app.status_line.put(activity="")
        await pilot.pause(0.1)

    assert snap_compare(app_with([*CHAT[:7], request_], prompt="Go on"), terminal_size=SIZES[size], run_before=wait)


@pytest.mark.usefixtures("quick_panes")
@pytest.mark.parametrize("keys", [[], ["e", "tab"], ["m"], ["d"]], ids=["warnings", "form", "note", "diff"])
@pytest.mark.parametrize("size", [*SIZES, "roomy"])
def test_reviewed_proposal(size: str, keys: list[str], snap_compare: Any) -> None:
    async def wait(pilot: Any) -> None:
        await until(pilot, on_pane(pilot))
        pilot.app.status_line.put(activity="")
        await pilot.press(*keys)
        for box in pilot.app.screen.query("Input"):
            box.cursor_blink = False
        await pilot.pause(0.2)

    assert snap_compare(app_with([REVIEWED], prompt="Go on"), terminal_size=(SIZES | ROOMY)[size], run_before=wait)


@pytest.mark.usefixtures("quick_panes")
def test_answered_question(snap_compare: Any) -> None:
    async def wait(pilot: Any) -> None:
        await until(pilot, on_pane(pilot))
        pilot.app.status_line.put(activity="")
        await pilot.pause(0.1)

    answer = "One change at a time: the batch size moves the noise too, and then the two could not be told apart."
    exchanges = (Exchange(question="Why not also the batch size?", by="anna", answer=answer),)
    request = REVIEWED.model_copy(update={"exchanges": exchanges})
    assert snap_compare(app_with([request], prompt="Go on"), terminal_size=SIZES["usual"], run_before=wait)


@pytest.mark.parametrize("size", [*SIZES, "roomy"])
def test_review(size: str, snap_compare: Any) -> None:
    async def wait(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.session)
        pilot.app.review()
        await until(pilot, lambda: "P-0004" in screen_text(pilot.app))
        await pilot.press("down", "space")
        await pilot.pause(0.2)

    assert snap_compare(app_with(experiments=FakeExperiments(*PENDING)), terminal_size=(SIZES | ROOMY)[size], run_before=wait)


@pytest.mark.parametrize("size", SIZES)
def test_log(size: str, snap_compare: Any) -> None:
    async def wait(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.session)
        await pilot.press("f2")
        await until(pilot, lambda: LOG[-1].id in screen_text(pilot.app))
        await pilot.pause(0.1)

    assert snap_compare(app_with(experiments=FakeExperiments(*LOG)), terminal_size=SIZES[size], run_before=wait)


def test_completions_and_welcome(snap_compare: Any) -> None:
    async def wait(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.session)
        await pilot.press("slash")
        await idle(pilot)

    app = app_with(note="This model can demonstrate, but not reason", notices=("AGENTS.md is larger than 32 KiB",))
    assert snap_compare(app, terminal_size=(80, 24), run_before=wait)


def test_help(snap_compare: Any) -> None:
    async def wait(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.session)
        await pilot.press("f1")

    assert snap_compare(app_with(), terminal_size=(80, 40), run_before=wait)


@pytest.mark.parametrize("size", SIZES)
def test_picker_with_a_preview(size: str, snap_compare: Any) -> None:
    options = [
        ("Why does the validation loss rise?", "2m05s ago · 3 turns · sonnet · 3f2a9c01"),
        ("Sweep the learning rate", "4d ago · 12 turns · $1.20 · 9b1c77aa"),
    ]

    async def wait(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.session)
        pilot.app.push_screen(
            Chooser("Go on with a session", options, lambda at: f"> prompt of {at}\n\n  The **answer**.\n\n● Read train.py")
        )
        await until(pilot, lambda: "prompt of 0" in screen_text(pilot.app))
        await pilot.pause(0.1)

    assert snap_compare(app_with(), terminal_size=SIZES[size], run_before=wait)
