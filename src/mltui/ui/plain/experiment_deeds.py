"""What the app does from its log, by text: decide, run, stop, interpret, keep, discard, promote, adopt."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from mltui.core.approval import Decision, ExperimentRequest, KeepRequest
from mltui.core.errors import UsageError
from mltui.core.messages import ToolCall
from mltui.experiments.origin import origin
from mltui.experiments.standing import require_person
from mltui.ui.deciding import OVER, Decider, Done, can, is_open, question_about
from mltui.ui.plain.experiment_log import named
from mltui.ui.plain.experiments import list_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from mltui.core.experiment import Experiment
    from mltui.experiments.orphans import Settled
    from mltui.ui.plain.approver import PlainApprover
    from mltui.ui.plain.commands import PlainConsole
    from mltui.ui.plain.text import Printer

DEEDS: Final = ("decide", "run", "stop", "interpret", "keep", "discard", "promote", "adopt")
_SAME: Final = {"approve": "decide", "reject": "decide", "hold": "decide", "accept": "keep", "review": "pending", "conclude": "interpret"}
"""What people may type in the words of the command line."""
_CALL: Final = ToolCall(id="", name="")


async def do(argument: str, console: PlainConsole, printer: Printer) -> bool:
    """Does what the first word says to the experiment that the second names, or to each that waits (`pending`).

    Returns: whether the first word is a deed.

    Raises:
        MltuiError: there is no such experiment, it is in no state for it, or it was refused.
        DeniedError: the agent's own shell typed this.
    """
    word, _, rest = argument.strip().partition(" ")
    name = _SAME.get(word.lower(), word.lower())
    if name not in (*DEEDS, "pending"):
        return False
    require_person()
    desk = _Desk(console, printer)
    if name == "pending":
        await desk.pending()
    elif len(rest.split()) != 1:
        raise UsageError(f"Say which experiment: /experiments {word.lower()} ID")
    else:
        await desk.act(name, named(rest.strip()))
    return True


class _Desk:
    def __init__(self, console: PlainConsole, printer: Printer) -> None:
        session = console.session
        self._console = console
        self._printer = printer
        self._approver: PlainApprover = console.approver
        self._log = session.experiments
        self._decider = Decider(session.experiments, console.approver.by, partial(origin, session.workspace.cwd, "plain"))

    async def pending(self) -> None:
        """Puts every proposal that waits to the person, the oldest first."""
        found = await asyncio.to_thread(lambda: self._log.newest(states=("proposed", "held")))
        self._printer.lines(map(list_line, found))
        self._printer.line(
            f"{len(found)} to decide. An empty line three times leaves one as it is." if found else "Nothing waits for a decision."
        )
        for experiment in found:
            await self._decide(experiment)

    async def act(self, name: str, id_: str) -> None:
        orphans = await asyncio.to_thread(self._log.orphans)
        orphan = next((found for found in await asyncio.to_thread(orphans.glance) if found.training.id == id_), None)
        if orphan is not None:
            self._check(name, id_, "settled" if orphan.settled else "unplanned")
            outcome: Settled = "adopt" if name == "adopt" else "discard"
            await self._carry_out(partial(self._decider.settle_orphan, id_, outcome))
            return
        experiment = await asyncio.to_thread(self._log.get, id_)
        self._check(name, id_, experiment.state)
        match name:
            case "promote":
                await self._promote(id_)
            case "interpret":
                await self._interpret(experiment)
            case "stop":
                await self._carry_out(lambda: (self._log.stop(id_), Done(id_, f"{id_} is stopped"))[1])
            case _ if experiment.state == "approved":
                await self._carry_out(lambda: (self._log.start(id_), Done(id_, f"{id_} runs", runs=id_))[1])
            case _ if is_open(experiment.state):
                await self._decide(experiment)
            case "discard" if experiment.state in OVER:
                await self._carry_out(partial(self._decider.settle, id_, Decision(answer="reject", by=self._approver.by)))
            case _:
                await self._keep(experiment)

    def _check(self, name: str, id_: str, state: str) -> None:
        if not can(name, state):
            possible = [deed for deed in DEEDS if can(deed, state)]
            hint = f"What can be done: {', '.join(possible)}" if possible else ""
            raise UsageError(f"{id_} is {state}: nothing to {name}", hint=hint)

    async def _decide(self, experiment: Experiment) -> None:
        request = ExperimentRequest(id=experiment.id, call=_CALL, proposal=experiment.proposal, exchanges=experiment.exchanges)
        said = await self._approver.decide(request)
        if said.answer == "hold" and experiment.state == "held":
            self._printer.line(f"{experiment.id} waits, as before.")
        else:
            await self._carry_out(lambda: self._decider.decide(experiment.id, said))

    async def _keep(self, experiment: Experiment) -> None:
        said = await self._approver.decide(KeepRequest(id=experiment.id, call=_CALL, experiment=experiment))
        if said.answer in ("approve", "reject"):
            await self._carry_out(lambda: self._decider.settle(experiment.id, said))
        else:
            self._printer.line(f"{experiment.id} stays as it is.")

    async def _interpret(self, experiment: Experiment) -> None:
        said = await self._approver.interpretation(experiment)
        if said is None:
            self._printer.line(f"{experiment.id} stays as it is.")
            return
        decision = Decision(answer="approve", by=self._approver.by, reason=said[1], answers={"recommendation": said[0]})
        await self._carry_out(lambda: self._decider.conclude(experiment.id, decision))

    async def _promote(self, id_: str) -> None:
        self._printer.line(f"{id_}: asking the registry what is in use.")
        request, missing = await asyncio.to_thread(self._decider.promotion, id_)
        if request is None:
            raise UsageError(f"{id_} cannot be promoted. Missing: {missing}", hint=f"mltui promote --from {id_} --dry-run says more")
        said = await self._approver.decide(request)
        if said.answer in ("approve", "reject"):
            await self._carry_out(lambda: self._decider.promote(id_, said))
        else:
            self._printer.line(f"{id_} is not promoted.")

    async def _carry_out(self, act: Callable[[], Done]) -> None:
        done = await asyncio.to_thread(act)
        self._printer.line(f"{done.text}.")
        if done.error:
            self._printer.line(f"error: {done.error}")
        if done.runs:
            self._printer.line(f"/experiments {done.runs} says how far it is; /jobs what runs.")
        if done.question:
            await self._console.prompt(question_about(done.id, done.question))
