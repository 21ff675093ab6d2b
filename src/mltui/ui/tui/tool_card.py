"""A tool call: one line, its output below when it is opened, its diff always."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from rich.padding import Padding
from rich.text import Text

from mltui.ui.figures import duration
from mltui.ui.tui.diff import DiffText
from mltui.ui.tui.items import Fold
from mltui.ui.tui.text import clean, clip, one_line
from mltui.ui.tui.tool_summary import EDITS, outcome_of, target_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mltui.core.data import JsonObject

LIVE_LINES = 4
PREVIEW_LINES = 14
BODY_LINES = 300
_KEPT_OUTPUT = 40_000

Phase = Literal["asked", "waiting", "running", "done", "failed", "denied"]
_MARKS = {
    "asked": ("○", "faint"),
    "waiting": ("?", "accent.bold"),
    "running": ("◐", "accent"),
    "done": ("●", "success"),
    "failed": ("●", "error"),
    "denied": ("⊘", "warning"),
}


@dataclass
class ToolState:
    """Attributes: output: streamed so far, its last part; inner: what a subagent is doing."""

    call_id: str
    name: str
    arguments: JsonObject
    cwd: PurePath | None = None
    phase: Phase = "asked"
    output: str = ""
    content: str = ""
    details: JsonObject = field(default_factory=lambda: {})
    seconds: float = 0.0
    reason: str = ""


class ToolCard(Fold[ToolState]):
    DEFAULT_CSS = "ToolCard { margin: 1 0 0 0; }"

    def output(self, text: str) -> None:
        self.state.output = (self.state.output + text)[-_KEPT_OUTPUT:]
        self.soon()

    def set_phase(self, phase: Phase, reason: str = "") -> None:
        self.state.phase = phase
        self.state.reason = reason or self.state.reason
        self.changed()

    def complete(self, content: str, details: JsonObject, *, failed: bool, denied: bool, seconds: float) -> None:
        state = self.state
        state.content, state.details, state.seconds = content, details, seconds
        state.phase = "denied" if denied else "failed" if failed else "done"
        state.output = ""
        self.finish_frame()
        self.changed()

    def renderables(self, width: int) -> list[RenderableType]:
        parts: list[RenderableType] = [self._head(width)]
        if self.opened:
            parts += [Padding(part, (0, 0, 0, 2)) for part in self._body()]
        else:
            parts += [Padding(part, (0, 0, 0, 2)) for part in self._preview()]
        return parts

    def _head(self, width: int) -> Text:
        state = self.state
        mark, style = _MARKS[state.phase]
        notes = [note for note in (outcome_of(state.name, state.details), self._word(), self._took()) if note]
        tail = Text("".join(f" · {note}" for note in notes), style="muted")
        if self._diff is not None and self._diff:
            tail = Text.assemble(" ", self._diff.counts, tail)
        if state.details.get("staged"):
            tail.append(" staged", style="accent")
        target = target_of(state.name, state.arguments, state.cwd)
        room = max(8, width - 3 - len(state.name) - tail.cell_len)
        head = Text.assemble((mark, style), " ", (one_line(state.name), "strong"), " ", (clip(target, room), "muted"), tail)
        head.no_wrap, head.overflow = True, "ellipsis"
        return head

    def _word(self) -> str:
        return {"waiting": "waiting for you", "denied": "not run", "failed": "failed"}.get(self.state.phase, "")

    def _took(self) -> str:
        return duration(self.state.seconds) if self.state.seconds >= 2 else ""

    @property
    def _diff(self) -> DiffText | None:
        patch = self.state.details.get("diff")
        return DiffText(patch, limit=None, heads=False) if isinstance(patch, str) and patch else None

    def _preview(self) -> list[RenderableType]:
        state = self.state
        if state.phase == "running" and state.output:
            lines = [line for line in clean(state.output).split("\n") if line.strip()][-LIVE_LINES:]
            return [Text("\n".join(lines), style="muted", no_wrap=True, overflow="ellipsis")]
        if state.phase in ("failed", "denied"):
            lines = [line for line in clean(state.content or state.reason).split("\n") if line.strip()]
            shown = lines[-2:] if state.name == "Bash" and state.phase == "failed" else lines[:2]
            style = "error" if state.phase == "failed" else "warning"
            return [Text("\n".join(shown), style=style, overflow="fold")] if shown else []
        patch = state.details.get("diff")
        if state.name in EDITS and isinstance(patch, str) and patch:
            return [DiffText(patch, limit=PREVIEW_LINES, heads=False)]
        return []

    def _body(self) -> list[RenderableType]:
        state = self.state
        parts: list[RenderableType] = []
        if state.name == "Bash":
            parts.append(Text(f"$ {clean(str(state.arguments.get('command', '')))}", style="secondary", overflow="fold"))
        elif state.name not in EDITS and state.arguments:
            parts += [_argument(key, value) for key, value in state.arguments.items()]
        patch = state.details.get("diff")
        if isinstance(patch, str) and patch:
            parts.append(DiffText(patch, limit=BODY_LINES, heads=False))
        text = clean(state.output if state.phase == "running" else state.content).strip("\n")
        lines = text.split("\n") if text else []
        if lines:
            parts.append(Text("\n".join(lines[:BODY_LINES]), style="muted", overflow="fold"))
        if len(lines) > BODY_LINES:
            parts.append(Text(f"… {len(lines) - BODY_LINES} more lines", style="faint"))
        return parts


def _argument(key: str, value: object) -> Text:
    shown = clean(value if isinstance(value, str) else repr(value))
    return Text.assemble((f"{clean(key)}: ", "faint"), (clip(shown, 2000), "muted"), overflow="fold")
