"""An experiment as a line of the log's table, for any width."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from mltui.experiments.log_query import mean_interval
from mltui.experiments.render import decimals_for
from mltui.ui.figures import duration
from mltui.ui.plots.intervals import Scale, interval
from mltui.ui.tui.experiment_card import STATE_STYLES, VERDICT_STYLES
from mltui.ui.tui.proposal_view import KIND_STYLES
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from mltui.experiments.index import Row
    from mltui.ui.plots.canvas import Line, Piece

_ACTIONS: dict[str, list[tuple[str, str]]] = {
    "proposed": [("log.decide", "decide")],
    "held": [("log.decide", "decide")],
    "approved": [("log.run", "run")],
    "running": [("log.stop", "stop")],
    "compared": [("log.keep", "keep or discard"), ("log.interpret", "interpret")],
    "interpreted": [("log.keep", "keep or discard"), ("log.interpret", "interpret again")],
    "maintenance": [("log.keep", "keep or discard")],
    "accepted": [("log.promote", "promote")],
    "failed": [("log.discard", "discard")],
    "stopped": [("log.discard", "discard")],
    "unplanned": [("log.adopt", "adopt"), ("log.discard", "discard")],
}
_FADED = {"muted": "$foreground 62%", "faint": "$foreground 45%"}
_COLUMNS = (
    ("id", 7),
    ("state", 13),
    ("kind", 6),
    ("title", 0),
    ("metric", 8),
    ("95 % interval", 19),
    ("difference", 10),
    ("verdict", 12),
    ("p", 7),
    ("cost", 6),
    ("time", 6),
    ("who", 10),
    ("age", 4),
)
_FROM = {
    "kind": 108,
    "metric": 98,
    "95 % interval": 120,
    "difference": 56,
    "verdict": 76,
    "p": 78,
    "cost": 150,
    "time": 144,
    "who": 138,
    "age": 92,
}
"""Widths from which a column is shown; the others always are."""
_RIGHT = frozenset({"metric", "difference", "p", "cost", "time", "age"})
_SORTED_BY = {"95 % interval": "metric", "verdict": "difference", "id": "age"}
"""Columns that stand for another one's order."""
_HEADS = {"p": "p Holm", "cost": "CPU", "difference": "change"}
_UNUSUAL = 0.02
"""Share of the rows at each end of a metric that do not stretch its scale, where there are many."""
_MANY = 50


def actions_for(state: str) -> list[tuple[str, str]]:
    """Returns: (id of a binding, what it does) for an experiment in this state, or `unplanned` training."""
    return _ACTIONS.get(state, [])


def color_of(name: str) -> str:
    """Returns: a named style as Textual's content writes it."""
    return _FADED.get(name, f"${name}")


@dataclass
class Table:
    """What the lines have in common.

    Attributes:
        corrected: p-values by id; families: how many comparisons they were corrected for, by id.
        progress: runs done and planned, of what runs.
        ends: of each metric's scale.
    """

    corrected: Mapping[str, float] = field(default_factory=dict[str, float])
    families: Mapping[str, int] = field(default_factory=dict[str, int])
    marked: set[str] = field(default_factory=set[str])
    progress: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    sort: str = "age"
    reverse: bool = False
    ends: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    def measure(self, rows: Iterable[Row]) -> None:
        """Finds each metric's scale: all intervals and baselines, but for a few that lie far out."""
        values: dict[str, list[float]] = {}
        for row in rows:
            if row.baseline is not None and row.candidate is not None:
                values.setdefault(row.metric, []).extend((row.baseline, *(mean_interval(row) or (row.candidate,))))
        self.ends = {}
        for metric, found in values.items():
            found.sort()
            out = int(len(found) * _UNUSUAL) if len(found) > _MANY else 0
            self.ends[metric] = (found[out], found[-1 - out])


def widths(width: int) -> list[tuple[str, int]]:
    """Returns: the columns for a width, the title with what is left."""
    shown = [(name, columns) for name, columns in _COLUMNS if width >= _FROM.get(name, 0)]
    left = width - 2 - sum(columns for _, columns in shown) - len(shown) + 1
    return [(name, columns or max(4, left)) for name, columns in shown]


def heading(width: int, table: Table) -> Text:
    """Returns: the names of the columns, the sorted one with an arrow; a metric's scale with its ends where there is only one."""
    head = Text("  ", no_wrap=True, overflow="crop")
    columns_of = dict(widths(width))
    for at, (name, columns) in enumerate(columns_of.items()):
        label = _HEADS.get(name, name)
        sorted_by = name == table.sort or (name == "id" and table.sort == "age" and "age" not in columns_of)
        if name == "95 % interval" and len(table.ends) == 1:
            low, high = next(iter(table.ends.values()))
            first, last = f"{low:.3g}", f"{high:.3g}"
            label = f"{first}{last:>{columns - len(first)}}"
        if sorted_by:
            label = f"{label[: columns - 1]}{'▲' if table.reverse else '▼'}"
        text = label.rjust(columns) if name in _RIGHT else label.ljust(columns)
        head.append(" " if at else "")
        head.append(text[:columns], style="strong" if sorted_by else "faint")
    return head


def column_at(x: int, width: int) -> str:
    """Returns: by what the column at this place can be sorted; empty between columns."""
    at = 2
    for name, columns in widths(width):
        if at <= x < at + columns:
            return _SORTED_BY.get(name, name)
        at += columns + 1
    return ""


def row_of(row: Row, width: int, table: Table) -> Line:
    """Returns: the line of an experiment, no wider than `width`."""
    shown = widths(width)
    names = {name for name, _ in shown}
    line: list[Piece] = [("● " if row.id in table.marked else "  ", "accent")]
    for at, (name, columns) in enumerate(shown):
        if at:
            line.append((" ", ""))
        if name == "95 % interval":
            line += _bar(row, columns, table)
        else:
            text, style = _cell(row, name, table, verdict_apart="verdict" in names)
            line.append((_fit(text, columns, right=name in _RIGHT), style))
    return line


def _cell(row: Row, name: str, table: Table, *, verdict_apart: bool) -> Piece:
    match name:
        case "id":
            return row.id, "strong"
        case "state":
            return state_of(row, table.progress.get(row.id), verdict_apart=verdict_apart)
        case "kind":
            return ("unplan", "warning") if row.kind == "unplanned" else (row.kind, KIND_STYLES.get(row.kind, "muted"))
        case "title":
            return one_line(row.title), ""
        case "metric":
            return ("" if row.candidate is None else _number(row, row.candidate)), ""
        case "difference":
            return ("" if row.diff is None or not row.pairs else _difference(row)), ""
        case "verdict":
            return row.verdict or "", VERDICT_STYLES.get(row.verdict or "", "muted")
        case "p":
            found = table.corrected.get(row.id)
            return ("" if found is None else "<0.001" if found < 0.001 else f"{found:.2g}" if found < 1 else "1"), "muted"
        case "cost":
            return (_short(row.cpu_seconds) if row.cpu_seconds else ""), "muted"
        case "time":
            return (_short(row.wall_seconds) if row.wall_seconds else ""), "muted"
        case "who":
            return who(row), "muted"
        case _:
            return _age(time.time() - row.created), "muted"


def who(row: Row) -> str:
    """Returns: who decided last, or with `by` before it who proposed, short."""
    name = row.decided_by or row.author
    short = one_line(name).removeprefix("model:").rpartition("/")[2].removeprefix("claude-")
    return short if row.decided_by else f"by {short}" if short else ""


def _short(seconds: float) -> str:
    """Returns: `42s`, `5m`, `3h`, `12d`."""
    if seconds < 100:
        return duration(seconds)
    if seconds < 6000:
        return f"{seconds / 60:.0f}m"
    return f"{seconds / 3600:.0f}h" if seconds < 172_800 else f"{seconds / 86_400:.0f}d"


def _age(seconds: float) -> str:
    """Returns: `<1m`, `5m`, `3h`, `12d`."""
    return _short(seconds) if seconds >= 100 else "1m" if seconds >= 60 else "<1m"


def _digits(row: Row) -> int:
    return min(5, decimals_for((row.ci_high or 0.0) - (row.ci_low or 0.0), row.diff or 0.0) + 1)


def _number(row: Row, value: float) -> str:
    text = f"{value:.{_digits(row)}f}"
    return text if len(text) <= 8 else f"{value:.3g}"


def _difference(row: Row) -> str:
    text = f"{row.diff:+.{_digits(row)}f}"
    return text if len(text) <= 10 else f"{row.diff:+.2e}"


def _bar(row: Row, columns: int, table: Table) -> list[Piece]:
    ends = table.ends.get(row.metric)
    if ends is None or row.candidate is None or row.baseline is None or ends[0] == ends[1]:
        return [(" " * columns, "")]
    low, high = mean_interval(row) or (row.candidate, row.candidate)
    style = VERDICT_STYLES.get(row.verdict or "", "muted")
    return interval(Scale(*ends, columns), row.candidate, low, high, style, rule=row.baseline)


def state_of(row: Row, progress: tuple[int, int] | None, *, verdict_apart: bool) -> Piece:
    """Returns: the state in a word with its style; the verdict in its place as long as it is to be acted on and has no column."""
    if row.state == "running" and progress is not None:
        return f"running {progress[0]}/{progress[1]}", "primary"
    if row.verdict is not None and row.state in ("compared", "interpreted") and not verdict_apart:
        return row.verdict, VERDICT_STYLES.get(row.verdict, "muted")
    if row.state == "proposed":
        return "waits for you", "accent"
    if row.kind == "unplanned":
        return ("not settled", "warning") if row.state == "unplanned" else (row.state, "muted")
    return row.state, STATE_STYLES.get(row.state, "muted")


def _fit(text: str, columns: int, *, right: bool) -> str:
    if text.isascii():
        cut = text if len(text) <= columns else text[: columns - 1] + "…"
        return cut.rjust(columns) if right else cut.ljust(columns)
    cell = Text(text)
    cell.truncate(columns, overflow="ellipsis", pad=True)
    return cell.plain


def scale_note(rows: Sequence[Row], table: Table) -> str:
    """Returns: what the picture's scale is of, for a legend."""
    metrics = sorted(table.ends)
    if len(metrics) == 1 and rows:
        return f"{metrics[0]}: mean with its 95 % interval; │ the baseline"
    return "each metric on a scale of its own; │ the baseline" if metrics else ""
