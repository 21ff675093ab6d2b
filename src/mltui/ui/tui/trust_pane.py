"""May this folder's own instructions and settings be used?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Vertical

from mltui.core.approval import Decision, TrustRequest
from mltui.ui.tui.choices import Choice
from mltui.ui.tui.decision_pane import DecisionPane
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import clean, one_line

if TYPE_CHECKING:
    from textual.app import ComposeResult


class TrustPane(DecisionPane[Decision]):
    """Yes or no; Esc is no."""

    DEFAULT_CSS = """
    TrustPane { align: center middle; background: $background 60%;
        & > Vertical { height: auto; width: 72; max-width: 100%; background: $surface; border: round $accent; }
        & RichView { padding: 1 2; }
    }
    """
    choices = (Choice("y", "trust it", "success"), Choice("n", "not now", "error"))
    stop_ends_turn = True
    escape_key = "n"
    tail = "Esc not now"

    def __init__(self, request: TrustRequest, by: str) -> None:
        super().__init__(marked=1)
        self._request = request
        self._by = by

    def compose(self) -> ComposeResult:
        found = ", ".join(self._request.found)
        title, would, without = "Do you trust this folder?", f"It would obey {found}", "Without trust its files are only material"
        if self._request.item:
            title, would, without = "Let this run?", f"New or changed: {found}", "Without your yes it stays off"
        with Vertical():
            yield RichView(
                Text(title, style="accent.bold"),
                Text(),
                Text(one_line(self._request.folder), style="strong", overflow="fold"),
                Text(),
                Text(clean(would), overflow="fold"),
                Text(),
                Text(f"{without}: mltui works, and uses none of these.", style="muted", overflow="fold"),
            )
            yield self.bar

    def result_of(self, choice: Choice, reason: str) -> Decision:
        return Decision(answer="approve" if choice.key == "y" else "reject", by=self._by)

    def stop(self) -> None:
        self.dismiss(Decision(answer="stop", by=self._by))
