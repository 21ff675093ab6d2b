"""Cards of experiments say what the journal says by now: much is decided in the log, in other terminals and from the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from mltui.core.errors import MltuiError

if TYPE_CHECKING:
    from mltui.core.experiment import Experiment
    from mltui.ui.session import ExperimentLog
    from mltui.ui.tui.app import MltuiApp
    from mltui.ui.tui.experiment_card import ExperimentCardState

MOST = 50
"""Experiments that are looked up at once, the newest."""
_FINAL = ("accepted", "discarded", "superseded")


def watch_focus(app: MltuiApp) -> None:
    """Looks again whenever the person comes back to the terminal."""

    def back(focused: bool) -> None:
        if focused:
            catch_up(app)

    app.watch(app, "app_focus", back, init=False)


def catch_up(app: MltuiApp, ids: Iterable[str] = ()) -> None:
    """Looks in the journal for what became of the experiments of the conversation.

    Args:
        ids: experiments to look at beside those that are known to be open.
    """
    presenter = app.presenter
    if presenter is None:
        return
    states = {id_: card.state.state for id_, card in presenter.experiments.items()}
    states |= {id_: known.state for id_, known in presenter.known.items() if id_ not in states}
    states |= {id_: "" for id_ in ids if id_ not in states}
    seen = {id_: state for id_, state in states.items() if state not in _FINAL}
    if seen:
        app.run_worker(partial(_catch_up, app, seen), group="catch-up", exclusive=True, exit_on_error=False)


async def _catch_up(app: MltuiApp, seen: dict[str, str]) -> None:
    session, presenter = app.session, app.presenter
    if session is None or presenter is None:
        return
    for experiment in await asyncio.to_thread(_look, session.experiments, sorted(seen)[-MOST:]):
        card = presenter.experiments.get(experiment.id)
        if card is not None and seen[experiment.id] not in ("", card.state.state):
            continue  # an event came in between, and is newer
        presenter.settle(experiment)
        if experiment.state == "running" and not app.working:
            app.follow(experiment.id)


def _look(log: ExperimentLog, ids: list[str]) -> list[Experiment]:
    found: list[Experiment] = []
    for id_ in ids:
        try:
            found.append(log.peek(id_))
        except MltuiError:
            continue  # the journal is another one, or cannot be read: the card stays as the conversation has it
    return found


def take_over(state: ExperimentCardState, experiment: Experiment) -> bool:
    """Lets a card say what became of an experiment. Returns: whether that is news."""
    if state.state == experiment.state and state.proposal is not None:
        return False
    state.proposal = state.proposal or experiment.proposal
    approval = experiment.approval
    state.state = experiment.state
    state.by = experiment.decided_by or (approval.by if approval is not None else "")
    state.reason = approval.reason if approval is not None else ""
    state.comparison = experiment.comparison or state.comparison
    state.conclusion = experiment.conclusion or state.conclusion
    state.note = experiment.message
    return True
