"""An experiment in the log's list: two lines, for any width."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text
from textual.content import Content

from mltui.experiments.render import difference_of
from mltui.ui.figures import duration
from mltui.ui.tui.experiment_card import STATE_STYLES, VERDICT_STYLES
from mltui.ui.tui.proposal_view import KIND_STYLES
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from mltui.experiments.index import Row

_ACTIONS: dict[str, list[tuple[str, str]]] = {
    "proposed": [("y", "decide")],
    "held": [("y", "decide")],
    "approved": [("r", "run")],
    "running": [("s", "stop")],
    "compared": [("k", "keep or discard")],
    "interpreted": [("k", "keep or discard")],
    "maintenance": [("k", "keep or discard")],
    "unplanned": [("a", "adopt"), ("x", "discard")],
}
_FADED = {"muted": "$foreground 62%", "faint": "$foreground 45%"}


def actions_for(state: str) -> list[tuple[str, str]]:
    """Returns: (key, what it does) for an experiment in this state, or `unplanned` training."""
    return _ACTIONS.get(state, [])


def is_open(state: str) -> bool:
    """Whether a person has yet to decide on an experiment in this state."""
    return state in ("proposed", "held")


def row_of(row: Row, width: int, progress: tuple[int, int] | None) -> Content:
    """Returns: id, title and state on one line; kind, difference with its interval and age on the next, no line wider than `width`."""
    facts = [duration(max(10.0, time.time() - row.created)) + " ago"]
    if row.diff is not None and row.ci_low is not None and row.ci_high is not None and row.pairs:
        facts.insert(0, difference_of(row.diff, row.ci_low, row.ci_high, row.pairs, one_line(row.unit or "")))
    return two_lines(width, row.id, one_line(row.title), _state(row, progress), (row.kind, KIND_STYLES.get(row.kind, "muted")), facts)


def two_lines(width: int, id_: str, title: str, state: tuple[str, str], kind: tuple[str, str], facts: list[str]) -> Content:
    """Returns: a row of the log. `state` and `kind` are words with their styles."""
    lead = f"{id_} "
    shown = Text(title)
    shown.truncate(max(4, width - len(lead) - len(state[0]) - 2), overflow="ellipsis", pad=True)
    below = Text(" · ".join(["", *facts]))
    below.truncate(max(0, width - len(lead) - len(kind[0]) - 1), overflow="ellipsis")
    return Content.assemble(
        (lead, "bold"),
        (shown.plain, ""),
        "  ",
        (state[0], color_of(state[1])),
        "\n" + " " * len(lead),
        (kind[0], color_of(kind[1])),
        (below.plain, _FADED["muted"]),
    )


def color_of(name: str) -> str:
    """Returns: a named style as Textual's content writes it."""
    return _FADED.get(name, f"${name}")


def _state(row: Row, progress: tuple[int, int] | None) -> tuple[str, str]:
    """The verdict is the state as long as it still is to be acted on."""
    if row.state == "running" and progress is not None:
        return f"running {progress[0]}/{progress[1]}", "primary"
    if row.verdict is not None and row.state in ("compared", "interpreted"):
        return row.verdict, VERDICT_STYLES.get(row.verdict, "muted")
    if row.state == "proposed":
        return "waits for you", "accent"
    return row.state, STATE_STYLES.get(row.state, "muted")
