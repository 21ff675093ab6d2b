"""A promotion in the app: two presses, and Esc promotes nothing."""

from __future__ import annotations

import pytest

from mltui.core.approval import PromotionRequest
from mltui.core.experiment import Clause
from mltui.ui.tui.decision_pane import DecisionPane

from .driving import app_with, running, screen_text, until
from .fake_session import call
from .samples import experiment
from .test_panes import decided

pytestmark = pytest.mark.usefixtures("quick_panes")
REQUEST = PromotionRequest(
    id="5",
    call=call("Promote", experiment_id="P-0007"),
    experiment=experiment("accepted"),
    target="model:digits",
    alias="champion",
    clauses=(
        Clause(name="quality", holds=True, found="accuracy +0.02: better"),
        Clause(name="data", holds=True, found="test.csv unchanged"),
    ),
    previous="P-0003 (version 2)",
)


@pytest.mark.parametrize(
    ("keys", "answer"), [(("y", "y"), "approve"), (("y", "l"), "hold"), (("escape",), "hold"), (("n", *"later", "enter"), "reject")]
)
async def test_it_is_decided_by_keys(keys: tuple[str, ...], answer: str) -> None:
    decision = await decided(REQUEST, *keys)
    assert decision is not None
    assert decision.answer == answer


async def test_one_press_promotes_nothing() -> None:
    assert await decided(REQUEST, "y") is None


@pytest.mark.parametrize("size", [(140, 50), (80, 24)])
async def test_what_was_required_and_found_is_shown(size: tuple[int, int]) -> None:
    app = app_with([REQUEST], prompt="go")
    async with running(app, size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        text = screen_text(app)
    assert "Make it champion of digits?" in text
    assert "P-0003 (version 2)" in text
    assert "accuracy +0.02: better" in text
