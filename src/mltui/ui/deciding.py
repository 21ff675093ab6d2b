"""What can be decided about an experiment outside of a turn, in the log and among the pending ones, and carrying it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from mltui.core.errors import MltuiError
from mltui.core.messages import ToolCall

if TYPE_CHECKING:
    from mltui.core.approval import Decision, PromotionRequest
    from mltui.core.experiment import Origin, Recommendation
    from mltui.experiments.orphans import Settled
    from mltui.ui.session import ExperimentLog

WORDS = {
    "approve": "approved, and runs",
    "reject": "rejected",
    "hold": "held",
    "ask": "asked about, and waits for the agent",
    "maintenance": "let through as maintenance: the change is in the working tree",
}
SETTLING = ("compared", "interpreted", "maintenance")
"""States in which the change is kept or let go."""
OVER = ("failed", "stopped")


def is_open(state: str) -> bool:
    """Whether a person has yet to decide on an experiment in this state."""
    return state in ("proposed", "held")


def can(name: str, state: str) -> bool:
    """Whether a deed of the log is one for an experiment, or training outside one (`unplanned`), in this state."""
    match name:
        case "decide":
            return is_open(state) or state in (*SETTLING, "approved")
        case "keep":
            return state in SETTLING
        case "discard":
            return state in (*SETTLING, *OVER, "unplanned")
        case "interpret":
            return state in ("compared", "interpreted")
        case "promote":
            return state == "accepted"
        case _:
            return {"run": "approved", "stop": "running", "adopt": "unplanned"}.get(name) == state


def question_about(proposal_id: str, question: str) -> str:
    """Returns: the prompt that puts a person's question about a proposal to the agent."""
    return f'About {proposal_id}: {question}\n\nAnswer with ProposeExperiment, experiment_id "{proposal_id}" and answer.'


@dataclass(frozen=True)
class Done:
    """What was done, for the person.

    Attributes:
        runs: the experiment that runs now, or empty.
        question: what the agent is to answer, or empty.
        error: what went wrong after the decision was recorded, or empty.
    """

    id: str
    text: str
    runs: str = ""
    question: str = ""
    error: str = ""


class Decider:
    """Its methods block: they are called in threads.

    Args:
        origin: who decides from where; asked for at each decision.
    """

    def __init__(self, experiments: ExperimentLog, by: str, origin: Callable[[], Origin | None]) -> None:
        self.experiments = experiments
        self.by = by
        self._origin = origin

    def decide(self, id_: str, decision: Decision) -> Done:
        """Records the decision, and starts what was approved. Raises: MltuiError: nothing was decided; says why."""
        if decision.answer == "stop":
            return Done(id_, f"{id_} is left as it is")
        origin, log = self._origin(), self.experiments
        text = f"{id_} is {WORDS[decision.answer]}"
        if decision.answer == "approve" and decision.edits is not None and not decision.edits.empty:
            revised = log.revise(id_, decision.edits, by=decision.by, origin=origin).id
            if log.get(revised).state in ("proposed", "held"):
                log.decide(revised, answer="approve", by=decision.by, reason=decision.reason, origin=origin)
            text = f"{id_} is approved with edits as {revised}, and runs"
            id_ = revised
        else:
            log.decide(id_, answer=decision.answer, by=decision.by, reason=decision.reason, origin=origin)
        if decision.answer == "ask":
            return Done(id_, text, question=decision.reason)
        if decision.answer != "approve":
            return Done(id_, text)
        try:
            if log.get(id_).state == "approved":
                log.start(id_)
        except MltuiError as error:
            return Done(id_, f"{id_} is approved", error=str(error))
        return Done(id_, text, runs=id_)

    def settle(self, id_: str, decision: Decision) -> Done:
        """Keeps the change, or lets it go. Raises: MltuiError: neither was done; says why."""
        if decision.approved:
            self.experiments.accept(id_, by=decision.by, origin=self._origin())
            return Done(id_, f"{id_} is kept: the change is in the working tree")
        self.experiments.discard(id_, by=decision.by, origin=self._origin())
        return Done(id_, f"{id_} is discarded")

    def conclude(self, id_: str, decision: Decision) -> Done:
        """Records what a result means. Raises: MltuiError: there is no result, or no words."""
        recommendation = cast("Recommendation", (decision.answers or {}).get("recommendation", "inconclusive"))
        self.experiments.conclude(id_, interpretation=decision.reason, recommendation=recommendation, by=decision.by)
        return Done(id_, f"What {id_} means is recorded: {recommendation}")

    def promotion(self, id_: str) -> tuple[PromotionRequest | None, str]:
        """What the promotion gate says of an experiment: what a person is asked, or None and the names of what is missing.

        Raises: MltuiError: there is nothing to promote, or the registry does not answer.
        """
        from mltui.experiments.promotion_request import request_of

        promotions = self.experiments.promotions()
        plan = promotions.check(id_, promotions.target())
        if not plan.passes:
            return None, ", ".join(f"{clause.name} ({clause.found})" for clause in plan.missing)
        return request_of(promotions, plan, ToolCall(id="", name="")), ""

    def promote(self, id_: str, decision: Decision) -> Done:
        """Promotes what a person said yes to; a no is written down. Raises: MltuiError: the gate or the registry refused."""
        from mltui.experiments.promotion_plan import Who

        promotions = self.experiments.promotions()
        plan = promotions.check(id_, promotions.target())
        who = Who(decision.by, self._origin())
        if not decision.approved:
            promotions.refuse(plan, who, decision.reason)
            return Done(id_, f"{id_} is not promoted")
        done = promotions.promote(plan, who)
        return Done(id_, f"{id_} is {done.alias} of {plan.target.name} now")

    def settle_orphan(self, id_: str, outcome: Settled) -> Done:
        """Says of training outside a proposal that it is worth an experiment, or not. Raises: MltuiError: it was settled before."""
        command = self.experiments.orphans().settle(id_, outcome, by=self.by, origin=self._origin()).training.command
        if outcome == "adopt":
            return Done(id_, f"{id_} is adopted. Now ask the agent to propose it, with this command as the entry point: {command}")
        return Done(id_, f"{id_} is discarded: it stays in the log, and what it wrote stays on the disk")
