from __future__ import annotations

import pytest
from textual import _wait

from mltui.ui.tui import app
from mltui.ui.tui.decision_pane import DecisionPane


@pytest.fixture(autouse=True)
def open_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session opens with the first paint: no one types here before."""
    monkeypatch.setattr(app, "FIRST_KEY", 0.001)


@pytest.fixture(autouse=True)
def own_history(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test has the prompts of another."""
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's pilot looks two or three times a key whether the app is idle, 20 ms each: most of what these tests take."""
    monkeypatch.setattr(_wait, "SLEEP_GRANULARITY", 0.005)
    monkeypatch.setattr(_wait, "SLEEP_IDLE", 0.005 / 20)


@pytest.fixture
def quick_panes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panes take keys almost at once: for tests of what the keys do, not of the guard."""
    monkeypatch.setattr(DecisionPane, "quiet", 0.01)
