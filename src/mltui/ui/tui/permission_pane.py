"""May this call run? What would run, what it touches, the diff if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Vertical, VerticalScroll

from mltui.core.approval import Decision, PermissionRequest
from mltui.ui.tui.choices import Choice
from mltui.ui.tui.decision_pane import DecisionPane
from mltui.ui.tui.diff import DiffText
from mltui.ui.tui.diff_layout import Layout, stands_beside
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import clean, one_line
from mltui.ui.tui.tool_card import ToolCard

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual import events
    from textual.app import ComposeResult

YES = Choice("y", "yes, once", "success")
NO = Choice("n", "no", "error", asks_reason=True)
_VERBS = {
    "read": "reads",
    "write": "writes",
    "exec": "runs",
    "net": "connects to",
    "mcp": "calls",
    "ask": "asks",
    "propose": "proposes",
    "conclude": "concludes",
}


class PermissionPane(DecisionPane[Decision]):
    """y once, a always (when there is a rule for it), n no with a reason, Esc no; s shows a diff the other way."""

    DEFAULT_CSS = """
    PermissionPane { align: center bottom; background: transparent;
        & > Vertical { height: auto; max-height: 85%; background: $surface; border-top: solid $accent; }
        & VerticalScroll { height: auto; max-height: 1fr; padding: 1 2; scrollbar-size-vertical: 1; }
    }
    """
    stop_ends_turn = True
    escape_key = "n"
    tail = "Esc no"

    def __init__(self, request: PermissionRequest, by: str) -> None:
        self._request = request
        self._by = by
        self._layout: Layout = "auto"
        self._view = RichView()
        always = (Choice("a", f"always: {one_line(request.rule)}", "warning"),) if request.rule else ()
        self.choices = (YES, *always, NO)
        super().__init__(marked=len(self.choices) - 1)

    def compose(self) -> ComposeResult:
        with Vertical():
            self._view.update(*self._content())
            scroll = VerticalScroll(self._view, can_focus=False)
            yield scroll
            yield self.reason
            yield self.bar

    def _content(self) -> list[RenderableType]:
        request = self._request
        lines: list[RenderableType] = [Text.assemble(("May this run?  ", "accent.bold"), (one_line(request.call.name), "strong"))]
        if request.reason:
            lines.append(Text(clean(request.reason), style="muted", overflow="fold"))
        lines.append(Text())
        command = request.call.arguments.get("command")
        if isinstance(command, str):
            lines += [Text(f"$ {clean(command)}", style="secondary", overflow="fold"), Text()]
        for effect in request.effects:
            if effect.kind == "exec" and effect.target == command and not effect.opaque and not effect.folder:
                continue  # the line above says it
            line = Text.assemble((f"{_VERBS.get(effect.kind, effect.kind):>11} ", "muted"), (one_line(effect.target), ""), overflow="fold")
            if effect.opaque:
                line.append("  cannot be taken apart", style="warning")
            if effect.folder:
                line.append(f"  in {one_line(effect.folder)}", style="muted")
            lines.append(line)
        if not isinstance(command, str) and not request.diff:
            lines += [
                Text.assemble(
                    (f"{one_line(key):>11} ", "faint"), (clean(value if isinstance(value, str) else repr(value)), "muted"), overflow="fold"
                )
                for key, value in request.call.arguments.items()
            ]
        if request.diff:
            lines += [Text(), DiffText(request.diff, layout=self._layout)]
        return lines

    def handle(self, event: events.Key) -> bool:
        if not self._request.diff or not self.is_key(event, "transcript.layout", ToolCard.BINDINGS):
            return False
        self._layout = "below" if stands_beside(self._layout, self._view.content_size.width) else "beside"
        self._view.update(*self._content())
        return True

    def tail_line(self) -> str:
        return f"{self.key_for('transcript.layout', ToolCard.BINDINGS)} beside or below · {self.tail}" if self._request.diff else self.tail

    def result_of(self, choice: Choice, reason: str) -> Decision:
        if choice.key == "n":
            return Decision(answer="reject", by=self._by, reason=reason)
        return Decision(answer="approve", by=self._by, remember=choice.key == "a")

    def stop(self) -> None:
        self.dismiss(Decision(answer="stop", by=self._by))
