"""The road of an experiment through a conversation: proposed, decided by a person, run, compared, concluded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

from mltui.core.approval import ApprovalRequest, Decision, ExperimentRequest, KeepRequest
from mltui.core.data import JsonObject
from mltui.core.errors import ExperimentError, UndeclaredEffectError
from mltui.core.events import (
    Emit,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProposed,
    ExperimentStarted,
    Notice,
)
from mltui.core.experiment import Conclusion, Experiment, ProposalRequest, Recommendation
from mltui.core.messages import ToolCall, ToolResult
from mltui.experiments.service import Experiments

PROPOSAL_WAIT = 600.0
"""Seconds that a proposing call waits for the runs before it comes back and leaves them running."""

Ask = Callable[[ApprovalRequest], Awaitable[Decision]]


@dataclass(frozen=True, slots=True)
class Desk:
    """Implements `tools.base.ExperimentDesk` for one call.

    Attributes:
        ask: puts a request to the approver, with its events.
        author: who proposes, for the journal (`model:NAME`).
        may: the effect kinds that were granted.
        doubted: proposals on which the agent's own command may have decided; a person confirms them before they run.
    """

    experiments: Experiments
    session_id: str
    author: str
    call: ToolCall
    ask: Ask
    emit: Emit
    may: frozenset[str]
    doubted: set[str] = field(default_factory=set[str])

    async def propose(self, request: ProposalRequest) -> ToolResult:
        """Makes the proposal, has it decided, and if it is approved runs it and waits for the comparison."""
        self._need("propose")
        proposal = await asyncio.to_thread(self.experiments.propose, request, session_id=self.session_id, author=self.author)
        await self.emit(ExperimentProposed(proposal=proposal))
        decision = await self.ask(ExperimentRequest(id=uuid4().hex, call=self.call, proposal=proposal))
        answer = "hold" if decision.answer == "stop" else decision.answer
        # The log screen or another terminal may have decided while this question was open.
        current = await asyncio.to_thread(self.experiments.get, proposal.id)
        if current.state in ("proposed", "held"):
            await asyncio.to_thread(self.experiments.decide, proposal.id, answer=answer, by=decision.by, reason=decision.reason)
            await self.emit(ExperimentDecided(proposal_id=proposal.id, answer=answer, by=decision.by, reason=decision.reason))
        elif current.approval is not None:
            # What was decided there holds, with its reason.
            answer = "reject" if current.state == "rejected" else "approve"
            decision = Decision(answer=answer, by=current.approval.by, reason=current.approval.reason)
        if answer == "approve":
            return await self._run(proposal.id)
        details: JsonObject = {"experiment_id": proposal.id, "state": "held" if answer == "hold" else "rejected"}
        if answer == "hold":
            return ToolResult(
                content=f"{proposal.id} is in the experiment log and waits for a person's decision{_because(decision.reason)}. "
                "Nothing was run and the working tree is unchanged. Do what else can be done, then end your turn and say that it waits.",
                details=details,
            )
        return ToolResult(
            content=f"{proposal.id} was rejected by {decision.by}{_because(decision.reason)}. Nothing was run and the working tree "
            "is unchanged; the edits are still in the draft. Take the reason into account before you propose again.",
            is_error=True,
            details=details,
        )

    async def _run(self, proposal_id: str) -> ToolResult:
        experiment = await asyncio.to_thread(self.experiments.get, proposal_id)
        if experiment.state == "approved":
            job = await asyncio.to_thread(self.experiments.start, proposal_id)
            await self.emit(ExperimentStarted(proposal_id=proposal_id, job=job, runs=experiment.proposal.planned_runs))
        return await self._follow(proposal_id, PROPOSAL_WAIT)

    async def _follow(self, proposal_id: str, seconds: float) -> ToolResult:
        """Shows the runs as they go. They are a process of their own: leaving here does not end them."""
        try:
            async with asyncio.timeout(seconds):
                async for event in self.experiments.follow(proposal_id):
                    await self.emit(event)
                    if isinstance(event, ExperimentFinished):
                        break
        except TimeoutError:
            pass
        return describe(await asyncio.to_thread(self.experiments.get, proposal_id))

    async def status(self, experiment_id: str | None, wait_seconds: float) -> ToolResult:
        """One experiment in full, or a line for each; waits for running ones if asked to."""
        self._need("note")
        if experiment_id is None:
            experiments = await asyncio.to_thread(self.experiments.list)
            lines = [f"{e.id}  {e.state}  {e.proposal.title}" + (f"  {e.comparison.summary}" if e.comparison else "") for e in experiments]
            return ToolResult(content="\n".join(lines) or "There are no experiments yet.")
        experiment = await asyncio.to_thread(self.experiments.get, experiment_id)
        if experiment.state == "approved":
            if experiment.id in self.doubted and not await self._confirmed(experiment):
                return ToolResult(content=f"{experiment.id} waits for a person to confirm its approval.", details={"state": "approved"})
            return await self._run(experiment.id)
        if experiment.state == "running" and wait_seconds > 0:
            return await self._follow(experiment.id, wait_seconds)
        return describe(experiment)

    async def _confirmed(self, experiment: Experiment) -> bool:
        decision = await self.ask(ExperimentRequest(id=uuid4().hex, call=self.call, proposal=experiment.proposal))
        if decision.approved:
            self.doubted.discard(experiment.id)
        return decision.approved

    async def conclude(self, experiment_id: str, interpretation: str, recommendation: Recommendation) -> ToolResult:
        """Records the interpretation and asks the person whether the change is kept."""
        self._need("conclude")
        experiment = await asyncio.to_thread(
            self.experiments.conclude, experiment_id, interpretation=interpretation, recommendation=recommendation, by=self.author
        )
        conclusion = experiment.conclusion or Conclusion(
            interpretation=interpretation, recommendation=recommendation, by=self.author, at=time.time()
        )
        await self.emit(ExperimentConcluded(proposal_id=experiment.id, conclusion=conclusion))
        decision = await self.ask(KeepRequest(id=uuid4().hex, call=self.call, experiment=experiment))
        details: JsonObject = {"experiment_id": experiment.id}
        if decision.answer in ("hold", "stop"):
            return ToolResult(
                content=f"The interpretation of {experiment.id} is recorded. Whether the change is kept is still open.", details=details
            )
        try:
            settle = self.experiments.accept if decision.approved else self.experiments.discard
            await asyncio.to_thread(settle, experiment.id, by=decision.by)
        except ExperimentError as error:
            await self.emit(Notice(level="error", text=str(error)))
            return ToolResult(content=f"The decision could not be carried out: {error}", is_error=True, details=details)
        outcome = "accepted" if decision.approved else "discarded"
        await self.emit(ExperimentConcluded(proposal_id=experiment.id, conclusion=conclusion, outcome=outcome))
        where = (
            "the change is in the working tree" if decision.approved else "the change is gone from the draft; the working tree is unchanged"
        )
        return ToolResult(content=f"{decision.by} {outcome} {experiment.id}{_because(decision.reason)}: {where}.", details=details)

    def _need(self, kind: str) -> None:
        if kind not in self.may:
            raise UndeclaredEffectError(f"{self.call.name} did not declare the effect {kind!r}")


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def describe(experiment: Experiment) -> ToolResult:
    """An experiment as the model reads it: state, comparison first, then what to do next."""
    lines = [f"{experiment.id} {experiment.proposal.title}: {experiment.state}"]
    comparison = experiment.comparison
    if comparison is not None:
        lines.append(comparison.summary)
        effect = f"{comparison.effect_name}: {_number(comparison.effect_size)}"
        lines.append(f"verdict: {comparison.verdict}; test: {comparison.test}; {effect}; n = {comparison.n}")
        lines += [f"seed {seed}: baseline {before:g}, candidate {after:g}" for seed, before, after in comparison.pairs]
        lines += [f"guardrail {guard.metric.name}: {guard.summary}" for guard in experiment.guardrails]
    if experiment.message:
        lines.append(experiment.message)
    lines += [f"{run.arm} seed {run.seed} {run.status}: {run.message}" for run in experiment.runs if run.status != "finished"]
    if experiment.conclusion is not None:
        lines.append(f"interpretation ({experiment.conclusion.recommendation}): {experiment.conclusion.interpretation}")
    match experiment.state:
        case "compared":
            lines.append("Interpret this with ConcludeExperiment: what it shows and what it does not, with the interval.")
        case "running":
            lines.append("It is still running, also if this session ends; look again with ExperimentStatus.")
        case _:
            pass
    details: JsonObject = {"experiment_id": experiment.id, "state": experiment.state, "verdict": comparison.verdict if comparison else None}
    return ToolResult(content="\n".join(lines), is_error=experiment.state == "failed", details=details)


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3g}"
