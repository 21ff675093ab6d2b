"""Lines of the experiment log's list, for any width."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text
from textual.content import Content

from mltui.experiments.render import difference_text
from mltui.ui.tui.experiment_card import STATE_STYLES, VERDICT_STYLES
from mltui.ui.tui.proposal_view import KIND_STYLES
from mltui.ui.tui.text import clip, duration, one_line

if TYPE_CHECKING:
    from mltui.core.experiment import Experiment, ExperimentState

_ACTIONS: dict[str, list[tuple[str, str]]] = {
    "proposed": [("y", "decide")],
    "held": [("y", "decide")],
    "approved": [("r", "run")],
    "running": [("s", "stop")],
    "compared": [("k", "keep or discard")],
    "interpreted": [("k", "keep or discard")],
}
_ID, _KIND, _STATE, _AGE = 7, 7, 14, 4
_DIFF = 26
_THEME = {"muted": "$foreground 62%", "faint": "$foreground 40%"}


def actions_for(state: ExperimentState) -> list[tuple[str, str]]:
    """Returns: (key, what it does) for an experiment in this state."""
    return _ACTIONS.get(state, [])


def columns(width: int) -> dict[str, int]:
    """Returns: the columns that fit, with their widths; the title gets what is left."""
    shown = {"id": _ID, "title": 0, "state": _STATE}
    left = width - _ID - _STATE - 2
    for name, cost, least in (("age", _AGE, 16), ("kind", _KIND, 20), ("diff", _DIFF, 20)):
        if left - cost - 1 >= least:
            shown[name] = cost
            left -= cost + 1
    shown["title"] = max(4, left)
    return {name: shown[name] for name in ("id", "title", "kind", "state", "diff", "age") if name in shown}


def head_row(width: int) -> Text:
    """Returns: the names of the columns."""
    return Text(" ".join(f"{name:<{room}}" for name, room in columns(width).items()), style="faint", no_wrap=True, overflow="crop")


def row_of(experiment: Experiment, width: int, progress: tuple[int, int] | None) -> Content:
    """Returns: one line with id, title, state or verdict, and where there is room kind, difference and age."""
    cells: dict[str, tuple[str, str]] = {
        "id": (experiment.id, "bold"),
        "title": (one_line(experiment.proposal.title), ""),
        "kind": (experiment.proposal.kind, f"${KIND_STYLES[experiment.proposal.kind]}"),
        "state": _state(experiment, progress),
        "diff": (difference_text(experiment.comparison) if experiment.comparison and experiment.comparison.n else "", ""),
        "age": (duration(max(10.0, time.time() - experiment.proposal.created)), "$muted"),
    }
    parts: list[tuple[str, str]] = []
    for name, room in columns(width).items():
        text, style = cells[name]
        # A style of $muted is no variable of Textual's themes.
        style = _THEME.get(style.removeprefix("$"), style)
        fitted = Text(clip(text, room))
        fitted.truncate(room, overflow="ellipsis", pad=True)
        parts += [(fitted.plain, style), (" ", "")]
    return Content.assemble(*parts[:-1])


def _state(experiment: Experiment, progress: tuple[int, int] | None) -> tuple[str, str]:
    if experiment.state == "running" and progress is not None:
        return f"running {progress[0]}/{progress[1]}", "$primary"
    if experiment.comparison is not None and experiment.state in ("compared", "interpreted"):
        return experiment.comparison.verdict, f"${VERDICT_STYLES[experiment.comparison.verdict]}"
    if experiment.state in ("proposed", "held"):
        return "waits for you" if experiment.state == "proposed" else "held", "$accent"
    return experiment.state, f"${STATE_STYLES[experiment.state]}"
