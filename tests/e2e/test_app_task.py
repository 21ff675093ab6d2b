"""The same coding task in the app, over both wire protocols: a person allows, approves and keeps by keys."""

from __future__ import annotations

from typing import Any

import pytest

from mltui.runtime import Options, open_session
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.decision_pane import DecisionPane
from tests.servers.provider import Provider
from tests.tui.driving import running, screen_text, until

from .project import FILES, Project
from .test_coding_task import PROTOCOLS, call

SCRIPT: list[Any] = [
    {"text": "Looking.", "calls": [call("Grep", pattern="def add"), call("Read", file_path="src/util.py")]},
    {"calls": [call("Edit", file_path="src/util.py", old_string="a - b", new_string="a + b")]},
    {"calls": [call("Bash", command="python -c 'from src.util import add; print(add(40, 2))'")]},
    {"calls": [call("Read", file_path="train.py"), call("Edit", file_path="train.py", old_string="BONUS = 0.0", new_string="BONUS = 0.1")]},
    {"calls": [call("ProposeExperiment", title="A bonus", hypothesis="A bonus raises accuracy", methodology="six seeds, paired")]},
    {"calls": [call("ConcludeExperiment", experiment_id="P-0001", interpretation="It does.", recommendation="accept")]},
    "All **done**.",
]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_person_decides_by_keys(project: Project, protocol: str) -> None:
    with Provider(SCRIPT) as provider:
        settings = {name: value.format(url=provider.url) for name, value in PROTOCOLS[protocol].items()}
        model = settings.pop("model")

        async def opened(approver: Any) -> Any:
            return await open_session(Options(cwd=project.root, model=model, trusted=True), approver, project.environ(**settings))

        app = MltuiApp(opened, "Fix add, then try a bonus")
        async with running(app, (120, 40)) as pilot:

            async def decide(words: str, key: str, *, untouched: str) -> None:
                await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed and words in screen_text(app))
                assert project.read(untouched) == FILES[untouched]
                await pilot.press(key)

            await decide("src/util.py", "y", untouched="src/util.py")
            await decide("add(40, 2)", "y", untouched="train.py")
            assert "a + b" in project.read("src/util.py")
            await decide("May this experiment run?", "y", untouched="train.py")
            await decide("Keep this change?", "k", untouched="train.py")
            session: Any = app.session
            await until(pilot, lambda: not session.busy)
            await pilot.pause(0.3)
            shown = screen_text(app)

    assert "BONUS = 0.1" in project.read("train.py")
    assert "All done." in shown
    assert "accepted" in shown
    # The small model may be asked for a title meanwhile.
    asked = [body for body in provider.bodies if body["model"] == provider.bodies[0]["model"]]
    assert len(asked) == len(SCRIPT)
    assert "42" in str(asked[3]["messages"])
