from __future__ import annotations

import pytest

from mltui.ui.tui.decision_pane import DecisionPane


@pytest.fixture
def quick_panes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panes take keys almost at once: for tests of what the keys do, not of the guard."""
    monkeypatch.setattr(DecisionPane, "quiet", 0.01)
