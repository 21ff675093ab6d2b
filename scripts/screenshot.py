"""Makes docs/*.svg from the app itself: a real session on the packaged example, with a model that plays a script."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
SIZE = (110, 34)
PROMPT = "Accuracy is stuck at 0.93. Find out why and propose one change."
SCRIPT: list[dict[str, Any]] = [
    {
        "text": "I look at the training code and its configuration first.",
        "calls": [
            {"name": "Grep", "arguments": {"pattern": "learning_rate", "output_mode": "content"}},
            {"name": "Read", "arguments": {"file_path": "conf/train.yaml"}},
        ],
    },
    {
        "text": "The step is small and the number of epochs is fixed, so training may simply stop too early. **I need to test this.**",
        "calls": [
            {
                "name": "ProposeExperiment",
                "arguments": {
                    "title": "A larger learning rate",
                    "hypothesis": "With a fixed number of epochs the network stops before it has converged; a twice larger step "
                    "reaches a lower loss in the same time. If it diverges instead, log_loss rises and the guardrail says so.",
                    "methodology": "Eight seeds, baseline and change on the same split for each seed; paired differences.",
                    "changes": {"learning_rate": 0.1},
                },
            }
        ],
    },
    {
        "calls": [
            {
                "name": "ConcludeExperiment",
                "arguments": {
                    "experiment_id": "P-0001",
                    "interpretation": "The larger step is better on every seed that was tried, and the interval excludes zero. "
                    "It says nothing about longer training, where the smaller step may catch up.",
                    "recommendation": "accept",
                },
            }
        ]
    },
    {"text": "Kept. What I would test next: the same step with twice the epochs."},
]


async def main() -> None:
    from mltui.runtime import Options, open_session
    from mltui.tryout.project import make_project
    from mltui.ui.tui.app import MltuiApp
    from mltui.ui.tui.decision_pane import DecisionPane

    # A fixed place, since its name is in the pictures.
    folder = Path(tempfile.gettempdir()) / "demo"
    folder.mkdir()
    try:
        root = make_project(folder / "digits")
        script = folder / "script.json"
        script.write_text(json.dumps(SCRIPT))
        environ = {**os.environ, "MLTUI_HOME": str(folder / "home"), "MLTUI_TRACKING__ENABLED": "false"}

        async def opened(approver: Any, _resume: str | None = None) -> Any:
            return await open_session(Options(cwd=root, model=f"scripted:{script}", trusted=True), approver, environ)

        app = MltuiApp(opened, PROMPT)

        def save(name: str) -> None:
            svg = re.sub(r"@font-face \{.*?\}\s*", "", app.export_screenshot(title="mltui"), flags=re.DOTALL)
            (DOCS / name).write_text(svg, encoding="utf-8")

        def asked(words: str) -> Callable[[], bool]:
            return lambda: isinstance(app.screen, DecisionPane) and app.screen.armed and words in app.export_screenshot()

        async with app.run_test(size=SIZE) as pilot:
            await until(pilot, asked("experiment"))
            save("approval.svg")
            await pilot.press("y")
            await until(pilot, asked("Keep"))
            save("result.svg")
            await pilot.press("k")
            session: Any = app.session
            await until(pilot, lambda: not isinstance(app.screen, DecisionPane) and not session.busy)
            await pilot.pause(0.5)
            save("conversation.svg")
    finally:
        shutil.rmtree(folder)


async def until(pilot: Any, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(180):
        while not holds():
            await pilot.pause(0.2)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
