"""The line at the bottom: what costs, what is allowed, what is going on. The least important leaves first when it is narrow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rich.text import Text
from textual.strip import Strip

from mltui.ui.figures import dollars, duration, tokens
from mltui.ui.tui.strip_view import StripView
from mltui.ui.tui.text import clip, one_line


@dataclass(frozen=True, slots=True)
class Status:
    """Attributes: activity: what mltui is busy with, or empty; hint: one-off advice that stands before everything else;
    mouse: whether the mouse is the app's."""

    model: str = ""
    context_tokens: int = 0
    context_window: int | None = None
    cost_usd: float | None = None
    mode: str = ""
    persona: str = ""
    sandboxed: bool = True
    drafts: int = 0
    experiment: str = ""
    activity: str = ""
    elapsed: float = 0.0
    hint: str = ""
    mouse: bool = True


_MODE_STYLES = {"plan": "secondary", "accept-edits": "warning", "auto": "error"}


def short_model(model: str) -> str:
    """Returns: the model's name without provider and folder."""
    return one_line(model).rstrip("/").rsplit("/", 1)[-1]


def segments(status: Status) -> list[tuple[int, Text]]:
    """Returns: (importance, text) of each part in the order in which they stand."""
    parts: list[tuple[int, Text]] = []
    if status.hint:
        parts.append((10, Text(one_line(status.hint), style="accent")))
    if status.activity:
        text = Text.assemble(("◐ ", "accent"), (one_line(status.activity), ""))
        text.append(f" {duration(status.elapsed) if status.elapsed >= 10 else f'{status.elapsed:.0f}s'}", style="muted")
        parts.append((9, text))
    if status.experiment:
        parts.append((8, Text(one_line(status.experiment), style="primary")))
    if status.mode:
        parts.append((7, Text(status.mode, style=_MODE_STYLES.get(status.mode, "muted"))))
    if not status.mouse:
        parts.append((8, Text("mouse off (F12)", style="accent")))
    if not status.sandboxed:
        parts.append((7, Text("no sandbox", style="warning")))
    if status.drafts:
        parts.append((6, Text(f"{status.drafts} drafted", style="accent")))
    if status.model:
        parts.append((5, Text(clip(short_model(status.model), 32), style="muted")))
    if status.context_tokens or status.context_window:
        parts.append((4, _context(status)))
    if status.cost_usd is not None:
        parts.append((3, Text(dollars(status.cost_usd), style="muted")))
    if status.persona:
        parts.append((2, Text(one_line(status.persona), style="muted")))
    return parts


def _context(status: Status) -> Text:
    used = tokens(status.context_tokens)
    if not status.context_window:
        return Text(used, style="muted")
    share = status.context_tokens / status.context_window
    return Text(f"{used} {share:.0%}", style="error" if share > 0.9 else "warning" if share > 0.75 else "muted")


def fit(parts: list[tuple[int, Text]], width: int) -> Text:
    """Returns: as many parts as fit, joined by ` · `; the most important is cut if even it is too long."""
    if width < 2:
        return Text()
    kept = list(parts)

    def needed() -> int:
        return sum(text.cell_len for _, text in kept) + 3 * max(0, len(kept) - 1)

    while len(kept) > 1 and needed() > width:
        kept.remove(min(kept, key=lambda part: part[0]))
    line = Text(" · ", style="faint").join(text for _, text in kept)
    line.no_wrap = True
    line.truncate(max(0, width), overflow="ellipsis")
    return line


class StatusLine(StripView):
    DEFAULT_CSS = "StatusLine { height: 1; padding: 0 1; color: $foreground; }"

    def __init__(self) -> None:
        super().__init__()
        self._status = Status()

    @property
    def status(self) -> Status:
        return self._status

    def put(self, **changes: Any) -> None:
        """Changes what is shown; draws only if something did change."""
        status = replace(self._status, **changes)
        if status != self._status:
            self._status = status
            self.changed()

    def build(self, width: int) -> list[Strip]:
        return self.paint.strips(fit(segments(self._status), width), width)[:1]
