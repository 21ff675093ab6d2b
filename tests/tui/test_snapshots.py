"""How the screens look. After a wanted change: `pytest tests/tui/test_snapshots.py --snapshot-update`, and look at the pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste

from mltui.core.approval import ExperimentRequest
from mltui.core.events import ExperimentDecided, ExperimentProgressed, ExperimentProposed, ExperimentStarted, TurnStarted
from mltui.core.experiment import Exchange, Experiment, Run
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.looking import Looking
from mltui.experiments.run_records import RunRecord, Series
from mltui.ui.tui import screens
from mltui.ui.tui.chooser import Chooser

from .driving import app_with, fake, idle, screen_text, until
from .fake_session import FakeExperiments, FakeFiles, call, said, streamed, tool
from .samples import error_analysis, experiment, proposal, reviewed, sweep
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
        screens.review(pilot.app)
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


def result_of(id_: str, title: str, shift: float) -> Experiment:
    runs = [
        Run(arm=arm, seed=seed, status="finished", metrics={"accuracy": 0.93 + by + (seed * 3 % 5) / 1000}, started=0, ended=40 + seed)
        for arm, by in (("baseline", 0.0), ("candidate", shift))
        for seed in range(6)
    ]
    return experiment("interpreted", id=id_, title=title).model_copy(update={"runs": tuple(runs)})


class Recorded(Looking):
    """Curves as runs would have left them, for whatever experiment."""

    def records(self, experiment: Experiment) -> list[RunRecord]:
        steps = tuple(range(1, 31))

        def series(arm: str, seed: int) -> dict[str, Series]:
            rate = (0.12 if arm == "baseline" else 0.2) + seed * 0.01
            losses = tuple(2.2 * math.exp(-rate * step) + 0.1 for step in steps)
            return {"val_loss": Series(steps, losses, "epoch"), "accuracy": Series(steps, tuple(1 - loss / 3 for loss in losses), "epoch")}

        return [RunRecord(arm, seed, series(arm, seed)) for arm in experiment.proposal.arms for seed in range(4)]

    def errors(self, experiment: Experiment) -> ErrorAnalysis | None:
        return error_analysis()


@pytest.mark.parametrize("theme", ["mltui-dark", "mltui-light"])
@pytest.mark.parametrize("size", ["wide", "usual", "small"])
@pytest.mark.parametrize("shown", ["result", "curves", "seeds", "runs", "errors", "compare"])
def test_log_details(shown: str, size: str, theme: str, snap_compare: Any) -> None:
    experiments = FakeExperiments(result_of("P-0001", "Add momentum", 0.01), result_of("P-0002", "Cosine schedule", -0.004))
    experiments.looking = Recorded(Path("/nowhere"), Path("/nowhere"))

    async def wait(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.session)
        pilot.app.theme = theme
        await pilot.press("f2")
        await until(pilot, lambda: "P-0002 hyper" in screen_text(pilot.app))
        keys = {"result": "1", "curves": "2", "seeds": "3", "runs": "6", "errors": "8", "compare": "space space c"}[shown]
        await pilot.press(*keys.split())
        await pilot.pause(0.4)

    assert snap_compare(app_with(experiments=experiments), terminal_size=(SIZES | {"small": (60, 20)})[size], run_before=wait)


@pytest.mark.parametrize("size", ["wide", "usual"])
def test_log_details_of_a_sweep(size: str, snap_compare: Any) -> None:
    async def wait(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.session)
        await pilot.press("f2")
        await until(pilot, lambda: "accuracy by trial" in screen_text(pilot.app))
        await pilot.pause(0.4)

    assert snap_compare(app_with(experiments=FakeExperiments(sweep())), terminal_size=SIZES[size], run_before=wait)


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


COMPOSING = {"small": (80, 24), "large": (120, 40)}
PROMPTS = ["Sweep the learning rate between 1e-4 and 1e-2", "Why does the validation loss rise after epoch 3?", "Explain the loss curve"]


@pytest.mark.parametrize("part", ["files", "search", "folded", "queue", "vi"])
@pytest.mark.parametrize("size", COMPOSING)
def test_composer(size: str, part: str, snap_compare: Any) -> None:
    async def wait(pilot: Any) -> None:
        app, area = pilot.app, pilot.app.composer.area
        await until(pilot, lambda: app.session)
        match part:
            case "files":
                app.composer.files = FakeFiles("train.py", "src/training/", "conf/train.yaml", "tests/test train.py").matches
                await pilot.press(*"Look at @train")
                await until(pilot, lambda: area.completing)
                await pilot.press("down")
            case "search":
                area.sent[:] = PROMPTS
                await pilot.press("ctrl+r", *"loss")
            case "folded":
                area.post_message(Paste("\n".join(f"epoch {number}: loss 0.{number}" for number in range(42))))
                await pilot.press(*" What is wrong here?")
            case "queue":
                await until(pilot, lambda: fake(app).prompts)
                for prompt in PROMPTS:
                    area.put(prompt)
                    area.send()
                    await pilot.pause()
                app.status_line.put(elapsed=0.0)
                app._clock.stop()
            case _:
                area.vim.on = True
                await pilot.press(*"Explain the loss", "escape", "v", "b")
        await pilot.pause(0.1)

    assert snap_compare(app_with([60.0], prompt="Go on" if part == "queue" else ""), terminal_size=COMPOSING[size], run_before=wait)


@pytest.mark.parametrize("size", SIZES)
def test_finding(size: str, snap_compare: Any) -> None:
    turns = [(TurnStarted(turn=number, text=f"rate {number}?"), said(f"The **rate** is {number}.")) for number in range(1, 9)]
    events = [event for turn in turns for event in turn]

    async def wait(pilot: Any) -> None:
        def at() -> str:
            found = re.search(r"(\d+) of 16", screen_text(pilot.app))
            return found[1] if found else ""

        await until(pilot, lambda: "is 8." in screen_text(pilot.app))
        await pilot.press("ctrl+f", *"rate")
        await until(pilot, at)
        for _ in range(2):
            before = at()
            await pilot.press("up")
            await until(pilot, lambda: at() not in ("", before))  # noqa: B023 - awaited at once
        await pilot.pause(0.2)

    assert snap_compare(app_with(events=events), terminal_size=SIZES[size], run_before=wait)


@pytest.mark.parametrize("size", SIZES)
def test_tool_cards(size: str, snap_compare: Any) -> None:
    change = "-def train(lr=0.1):  # old\n+def train(lr=0.05):  # new\n"
    patch = f"--- a/train.py\n+++ b/train.py\n@@ -1,3 +1,3 @@\n import torch\n{change}     return 1\n"
    edit, run, no = call("Edit", file_path="train.py"), call("Bash", command="seq 200"), call("Bash", command="rm -rf /")
    output = "\n".join(f"row {number}" for number in range(1, 201))
    events = [
        TurnStarted(turn=1, text="go"),
        said("", edit, no, run),
        *tool(edit, "ok", details={"diff": patch}),
        *tool(no, "A rule denies it: Bash(rm *)", denied=True),
        *tool(run, output, details={"exit_code": 0}),
    ]

    async def wait(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.session)
        await pilot.press("tab", "enter", "up", "up")
        pilot.app.view.scroll_home(animate=False)
        await pilot.pause(0.2)

    assert snap_compare(app_with(events=events), terminal_size=SIZES[size], run_before=wait)
