"""An experiment in the log's list: two lines, for any width."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text
from textual.content import Content

from mltui.experiments.render import difference_text
from mltui.ui.tui.experiment_card import STATE_STYLES, VERDICT_STYLES
from mltui.ui.tui.proposal_view import KIND_STYLES
from mltui.ui.tui.text import duration, one_line

if TYPE_CHECKING:
    from mltui.core.experiment import Experiment, ExperimentState

_ACTIONS: dict[str, list[tuple[str, str]]] = {
    "proposed": [("y", "decide")],
    "held": [("y", "decide")],
    "approved": [("r", "run")],
    "running": [("s", "stop")],
    "compared": [("k", "keep or discard")],
    "interpreted": [("k", "keep or discard")],
    "maintenance": [("k", "keep or discard")],
}
_FADED = {"muted": "$foreground 62%", "faint": "$foreground 45%"}


def actions_for(state: ExperimentState) -> list[tuple[str, str]]:
    """Returns: (key, what it does) for an experiment in this state."""
    return _ACTIONS.get(state, [])


def row_of(experiment: Experiment, width: int, progress: tuple[int, int] | None) -> Content:
    """Returns: id, title and state on one line; kind, difference with its interval and age on the next, no line wider than `width`."""
    state, style = _state(experiment, progress)
    id_ = f"{experiment.id} "
    room = max(4, width - len(id_) - len(state) - 2)
    title = Text(one_line(experiment.proposal.title))
    title.truncate(room, overflow="ellipsis", pad=True)
    facts = [duration(max(10.0, time.time() - experiment.proposal.created)) + " ago"]
    if experiment.comparison is not None and experiment.comparison.n:
        facts.insert(0, difference_text(experiment.comparison))
    kind = experiment.proposal.kind
    below = Text(" · ".join(["", *facts]))
    below.truncate(max(0, width - len(id_) - len(kind) - 1), overflow="ellipsis")
    return Content.assemble(
        (id_, "bold"),
        (title.plain, ""),
        "  ",
        (state, color_of(style)),
        "\n" + " " * len(id_),
        (kind, color_of(KIND_STYLES[kind])),
        (below.plain, _FADED["muted"]),
    )


def color_of(name: str) -> str:
    """Returns: a named style as Textual's content writes it."""
    return _FADED.get(name, f"${name}")


def _state(experiment: Experiment, progress: tuple[int, int] | None) -> tuple[str, str]:
    """The verdict is the state as long as it still is to be acted on."""
    if experiment.state == "running" and progress is not None:
        return f"running {progress[0]}/{progress[1]}", "primary"
    if experiment.comparison is not None and experiment.state in ("compared", "interpreted"):
        return experiment.comparison.verdict, VERDICT_STYLES[experiment.comparison.verdict]
    if experiment.state == "proposed":
        return "waits for you", "accent"
    return experiment.state, STATE_STYLES[experiment.state]
