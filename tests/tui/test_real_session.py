"""The app on a real session: a real git project, the real gate and runner, a model that plays a script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.decision_pane import DecisionPane

from .driving import running, screen_text, until

TRAIN = """import json, os, sys
lr = json.load(open("conf/train.json"))["lr"]
seed = int(sys.argv[sys.argv.index("--seed") + 1])
json.dump({"accuracy": 0.9 - lr + seed / 1000}, open("metrics.json", "w"))
"""
CONFIG = f"""
[tracking]
enabled = false
[experiments]
entrypoints = ["{sys.executable} train.py --seed {{seed}}"]
training = ["train.py"]
configs = ["conf/**"]
metrics = {{ file = "metrics.json" }}
primary = {{ name = "accuracy", direction = "maximize", min_effect = 0.005 }}
seeds = [0, 1, 2, 3, 4, 5]
[experiments.space]
lr = {{ type = "float", low = 0.001, high = 0.5, key = "conf/train.json:lr" }}
"""


def project(folder: Path, script: list[object]) -> Path:
    root = folder / "project"
    for name, text in {
        "train.py": TRAIN,
        "conf/train.json": '{"lr": 0.1}\n',
        "notes.txt": "one\n",
        ".mltui/config.toml": CONFIG,
        ".gitignore": ".mltui/\nmetrics.json\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (folder / "script.json").write_text(json.dumps(script))
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def app_on(root: Path, prompt: str) -> MltuiApp:
    async def open_session(approver: Any) -> Any:
        from mltui.runtime import Options, open_session

        environ = {"PATH": "/usr/bin:/bin", "HOME": str(root.parent), "MLTUI_HOME": str(root.parent / "home")}
        return await open_session(Options(cwd=root, model=f"scripted:{root.parent / 'script.json'}", trusted=True), approver, environ)

    return MltuiApp(open_session, prompt)


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"name": name, "arguments": arguments}


def shows(app: MltuiApp, *parts: str) -> bool:
    text = screen_text(app)
    return all(part in text for part in parts)


def armed(app: MltuiApp) -> bool:
    return isinstance(app.screen, DecisionPane) and app.screen.armed


@pytest.mark.usefixtures("quick_panes")
async def test_read_edit_and_answer(tmp_path: Path) -> None:
    script = [
        {"text": "Reading.", "calls": [call("Read", file_path="notes.txt")]},
        {"calls": [call("Edit", file_path="notes.txt", old_string="one", new_string="two")]},
        "All **done**.",
    ]
    root = project(tmp_path, script)
    app = app_on(root, "change the notes")
    async with running(app) as pilot:
        await until(pilot, lambda: armed(app))
        assert shows(app, "May this run?", "notes.txt", "+ two")
        await pilot.press("y")
        await until(pilot, lambda: shows(app, "All done.", "● Read notes.txt", "● Edit notes.txt +1 -1"))
    await app.close_session()
    assert (root / "notes.txt").read_text() == "two\n"


@pytest.mark.slow
@pytest.mark.usefixtures("quick_panes")
async def test_an_experiment_from_proposal_to_the_working_tree(tmp_path: Path) -> None:
    script = [
        {
            "text": "I propose.",
            "calls": [
                call("ProposeExperiment", title="Halve the rate", hypothesis="Less is more", changes={"lr": 0.05}, seeds=[0, 1, 2, 3, 4, 5])
            ],
        },
        {"calls": [call("ConcludeExperiment", experiment_id="P-0001", interpretation="Better on every seed", recommendation="accept")]},
        "Kept.",
    ]
    root = project(tmp_path, script)
    app = app_on(root, "make it better")
    async with running(app, (120, 50)) as pilot:
        await until(pilot, lambda: armed(app))
        assert shows(app, "May this experiment run?", "Halve the rate", "0.1 → 0.05")
        assert json.loads((root / "conf/train.json").read_text()) == {"lr": 0.1}
        await pilot.press("y")
        await until(pilot, lambda: armed(app) and shows(app, "Keep this change?"))
        assert shows(app, "BETTER", "Better on every seed")
        await pilot.press("k")
        await until(pilot, lambda: shows(app, "Kept.", "accepted"))
        assert json.loads((root / "conf/train.json").read_text()) == {"lr": 0.05}
        await pilot.press("f2")
        await until(pilot, lambda: shows(app, "P-0001", "accepted", "Result"))
    await app.close_session()


@pytest.mark.slow
@pytest.mark.usefixtures("quick_panes")
async def test_what_was_held_is_approved_with_edits_among_the_pending_ones(tmp_path: Path) -> None:
    proposed = call("ProposeExperiment", title="Halve the rate", hypothesis="Less is more here", changes={"lr": 0.05})
    root = project(tmp_path, [{"calls": [proposed]}, "Held."])
    app = app_on(root, "make it better")
    async with running(app, (120, 50)) as pilot:
        await until(pilot, lambda: armed(app))
        await pilot.press("h")
        await until(pilot, lambda: shows(app, "Held."))
        await pilot.press(*"/review", "enter")
        await until(pilot, lambda: shows(app, "To decide", "P-0001"))
        await pilot.press("enter")
        await until(pilot, lambda: armed(app))
        await pilot.press("e", "end", *["backspace"] * 4, *"0-6", "tab", "tab", "end", *["backspace"] * 5, *"0.02", "enter")
        await until(pilot, lambda: shows(app, "approved with edits as P-0002", "Nothing waits for a decision"))
        session: Any = app.session
        await until(pilot, lambda: session.experiments.get("P-0002").state == "compared")
        revised, replaced = session.experiments.get("P-0002"), session.experiments.get("P-0001")
        assert (replaced.state, replaced.superseded_by) == ("superseded", "P-0002")
        assert revised.proposal.seeds == tuple(range(7))
        assert [change.after for change in revised.proposal.parameters] == [0.02]
        assert revised.approval.origin.via == "app"
    await app.close_session()
