"""What can be done about an experiment from the log: decide, run, stop, interpret, keep, discard, promote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from mltui.core.approval import Decision, ExperimentRequest, KeepRequest
from mltui.core.errors import MltuiError
from mltui.core.messages import ToolCall
from mltui.ui.deciding import OVER, SETTLING, Decider, Done, can, is_open
from mltui.ui.tui.conclude_pane import ConcludePane
from mltui.ui.tui.experiment_pane import ExperimentPane, KeepPane

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from textual.screen import Screen

    from mltui.experiments.orphans import Settled

_OUTCOMES: dict[str, Settled] = {"adopt": "adopt", "discard": "discard"}


class Desk(Protocol):
    """The screen that the deeds are done from."""

    def ask(self, pane: Screen[Decision], take: Callable[[Decision | None], None]) -> None:
        """Puts a pane over the screen."""
        ...

    def say(self, text: str, style: str = "success") -> None: ...

    async def reload(self) -> None: ...

    def work(self, deed: Callable[[], Awaitable[None]], name: str) -> None:
        """Goes on with it beside the screen."""
        ...


class Deeds:
    """Args: follow: shows a running experiment in the conversation too; ask: puts a question about an experiment to the agent."""

    def __init__(self, desk: Desk, decider: Decider, follow: Callable[[str], None], ask: Callable[[str, str], None]) -> None:
        self._desk = desk
        self._decider = decider
        self._follow = follow
        self._ask = ask

    def can(self, name: str, state: str) -> bool:
        """Whether the deed is one for an experiment in this state."""
        return can(name, state)

    def act(self, name: str, id_: str, state: str) -> None:
        """Does it, or says why it cannot be done."""
        if not self.can(name, state):
            unplanned = f"{id_} is training outside a proposal: adopt or discard it"
            self._desk.say(unplanned if state == "unplanned" else f"{id_} is {state}: nothing to {name}", "warning")
            return
        log, decider = self._decider.experiments, self._decider
        if state == "unplanned":
            self._do(id_, partial(decider.settle_orphan, id_, _OUTCOMES[name]))
        elif name == "promote":
            self._desk.work(partial(self._promote, id_), "pane")
        elif name == "interpret":
            self._desk.work(partial(self._interpret, id_), "pane")
        elif state == "approved":
            self._do(id_, lambda: (log.start(id_), Done(id_, f"{id_} runs", runs=id_))[1])
        elif name == "stop":
            self._do(id_, lambda: (log.stop(id_), Done(id_, f"{id_} is stopped"))[1])
        elif state in OVER:
            self._do(id_, partial(decider.settle, id_, Decision(answer="reject", by=decider.by)))
        else:
            self._desk.work(partial(self._put_to_person, id_), "pane")

    async def _put_to_person(self, id_: str) -> None:
        """Opens the pane that decides, on what the journal itself says."""
        try:
            experiment = await asyncio.to_thread(self._decider.experiments.get, id_)
        except MltuiError as error:
            self._desk.say(str(error), "error")
            return
        call, by = ToolCall(id="", name=""), self._decider.by
        if is_open(experiment.state):
            request = ExperimentRequest(id=id_, call=call, proposal=experiment.proposal, exchanges=experiment.exchanges)
            self._desk.ask(ExperimentPane(request, by), self._taken(id_, ("stop",), lambda said: self._decider.decide(id_, said)))
        elif experiment.state in SETTLING:
            keep = KeepPane(KeepRequest(id=id_, call=call, experiment=experiment), by)
            self._desk.ask(keep, self._taken(id_, ("stop", "hold"), lambda said: self._decider.settle(id_, said)))
        else:
            self._desk.say(f"{id_} was decided elsewhere: it is {experiment.state}", "warning")
            await self._desk.reload()

    async def _interpret(self, id_: str) -> None:
        try:
            experiment = await asyncio.to_thread(self._decider.experiments.get, id_)
        except MltuiError as error:
            self._desk.say(str(error), "error")
            return
        pane = ConcludePane(experiment, self._decider.by)
        self._desk.ask(pane, self._taken(id_, ("stop", "hold"), lambda said: self._decider.conclude(id_, said)))

    async def _promote(self, id_: str) -> None:
        """Asks the gate first; what is missing is said, and only what passes is put to the person."""
        from mltui.ui.tui.promotion_pane import PromotionPane

        self._desk.say(f"{id_}: asking the registry what is in use …", "muted")
        try:
            request, missing = await asyncio.to_thread(self._decider.promotion, id_)
        except MltuiError as error:
            self._desk.say(str(error), "error")
            return
        if request is None:
            self._desk.say(f"{id_} cannot be promoted. Missing: {missing}. See: mltui promote --from {id_} --dry-run", "warning")
            return
        self._desk.say("")
        pane = PromotionPane(request, self._decider.by)
        self._desk.ask(pane, self._taken(id_, ("stop", "hold"), lambda said: self._decider.promote(id_, said)))

    def _taken(self, id_: str, nothing: tuple[str, ...], act: Callable[[Decision], Done]) -> Callable[[Decision | None], None]:
        def take(decision: Decision | None) -> None:
            if decision is not None and decision.answer not in nothing:
                self._do(id_, lambda: act(decision))

        return take

    def _do(self, id_: str, act: Callable[[], Done]) -> None:
        async def work() -> None:
            try:
                done = await asyncio.to_thread(act)
            except MltuiError as error:
                self._desk.say(str(error), "error")
            else:
                self._desk.say(*((done.error, "error") if done.error else (done.text, "success")))
                if done.runs:
                    self._follow(done.runs)
                if done.question:
                    self._ask(id_, done.question)
            await self._desk.reload()

        self._desk.work(work, f"act-{id_}")
