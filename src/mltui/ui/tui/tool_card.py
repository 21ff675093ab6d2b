"""A tool call: one line, its output below when it is opened, its diff always."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.padding import Padding
from rich.text import Text
from textual.binding import Binding, BindingType

from mltui.ui.figures import duration
from mltui.ui.tui.diff import DiffText, counts
from mltui.ui.tui.diff_layout import Layout, stands_beside
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.items import Fold
from mltui.ui.tui.text import clean, clip, one_line
from mltui.ui.tui.tool_summary import EDITS, outcome_of, target_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mltui.core.data import JsonObject
    from mltui.ui.tui.gallery import Picture

LIVE_LINES = 4
PREVIEW_LINES = 14
BODY_LINES = 300
"""Rows of a diff in an opened card."""
HEAD_LINES = 60
TAIL_LINES = 30
"""Lines of output at the beginning and at the end of an opened card; `a` shows those in between."""
MOST_LINES = 5000
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
    """Attributes: output: streamed so far, its last part; pictures: those that came with the result."""

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
    pictures: tuple[Picture, ...] = ()


class ToolCard(Fold[ToolState]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "layout", "Old and new beside or below each other", show=False, id="transcript.layout"),
        Binding("a", "all", "Show all of a long output, or its ends", show=False, id="transcript.all"),
    ]

    def __init__(self, state: ToolState) -> None:
        super().__init__(state)
        self._layout: Layout = "auto"
        self._all = False
        self._read: tuple[str, DiffLines] | None = None

    def action_layout(self) -> None:
        if self._diff is not None:
            self._layout = "below" if stands_beside(self._layout, self.content_size.width - 2) else "beside"
            self.changed()

    def action_all(self) -> None:
        self._all = not self._all or not self.opened
        self.opened = True
        self.changed()

    @classmethod
    def words(cls, state: ToolState) -> str:
        texts = [f"{state.name} {target_of(state.name, state.arguments, state.cwd)}"]
        if state.name == "Bash":
            texts = [f"$ {state.arguments.get('command', '')}"]
        patch = state.details.get("diff")
        return "\n".join([*texts, state.reason, patch if isinstance(patch, str) else "", state.content or state.output]).strip()

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
        lines = self._diff
        if lines is not None and lines:
            tail = Text.assemble(" ", counts(lines), tail)
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
    def _diff(self) -> DiffLines | None:
        patch = self.state.details.get("diff")
        if not isinstance(patch, str) or not patch:
            return None
        if self._read is None or self._read[0] is not patch:
            self._read = patch, DiffLines(patch, heads=False)
        return self._read[1]

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
        if state.name in EDITS and (lines := self._diff) is not None:
            return [DiffText(lines, limit=PREVIEW_LINES, layout=self._layout)]
        return self.pictures(state.pictures)

    def _body(self) -> list[RenderableType]:
        state = self.state
        parts: list[RenderableType] = []
        if state.name == "Bash":
            parts.append(Text(f"$ {clean(str(state.arguments.get('command', '')))}", style="secondary", overflow="fold"))
        elif state.name not in EDITS and state.arguments:
            parts += [_argument(key, value) for key, value in state.arguments.items()]
        if (diff := self._diff) is not None:
            parts.append(DiffText(diff, limit=None if self._all else BODY_LINES, layout=self._layout))
        parts += self.pictures(state.pictures)
        text = clean(state.output if state.phase == "running" else state.content).strip("\n")
        lines = text.split("\n") if text else []
        head, tail = (MOST_LINES - TAIL_LINES, TAIL_LINES) if self._all else (HEAD_LINES, TAIL_LINES)
        if len(lines) <= head + tail:
            return [*parts, Text("\n".join(lines), style="muted", overflow="fold")] if lines else parts
        between = f"… {len(lines) - head - tail:,} lines in between" + ("" if self._all else "; a shows them")
        return [
            *parts,
            Text("\n".join(lines[:head]), style="muted", overflow="fold"),
            Text(between, style="accent"),
            Text("\n".join(lines[-tail:]), style="muted", overflow="fold"),
        ]


def _argument(key: str, value: object) -> Text:
    shown = clean(value if isinstance(value, str) else repr(value))
    return Text.assemble((f"{clean(key)}: ", "faint"), (clip(shown, 2000), "muted"), overflow="fold")
