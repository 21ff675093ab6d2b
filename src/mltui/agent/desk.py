"""The road of an experiment through a conversation: proposed, decided by a person, run, compared, concluded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from mltui.agent.promotion_desk import promote
from mltui.core.approval import ApprovalRequest, Decision, ExperimentRequest, KeepRequest
from mltui.core.data import JsonObject
from mltui.core.errors import ApprovalVoidError, ExperimentError, UndeclaredEffectError
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
from mltui.core.sweep import SweepRequest
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.error_summary import summary_lines
from mltui.experiments.intake import OPEN
from mltui.experiments.origin import origin as origin_of
from mltui.experiments.service import Experiments

PROPOSAL_WAIT = 600.0
"""Seconds that a proposing call waits for the runs before it comes back and leaves them running."""

MOST_LISTED = 50
"""Experiments that the model is told of when it asks for all."""

TRIES = 4
"""Questions about one proposal before it is left to wait: an answer that cannot be carried out is asked again."""

Ask = Callable[[ApprovalRequest], Awaitable[Decision]]


@dataclass(frozen=True, slots=True)
class Desk:
    """Implements `tools.base.ExperimentDesk` for one call.

    Attributes:
        ask: puts a request to the approver, with its events.
        author: who proposes, for the journal (`model:NAME`).
        may: the effect kinds that were granted.
        doubted: proposals on which the agent's own command may have decided; a person confirms them before they run.
        quiet: entered when no command runs, so that `doubted` is the whole truth.
    """

    experiments: Experiments
    session_id: str
    author: str
    call: ToolCall
    ask: Ask
    emit: Emit
    may: frozenset[str]
    doubted: set[str] = field(default_factory=set[str])
    quiet: Callable[[], AbstractAsyncContextManager[object]] = nullcontext

    async def propose(self, request: ProposalRequest | SweepRequest) -> ToolResult:
        """Makes the proposal, has it decided, and if it is approved runs it and waits for the comparison.

        The plan of an earlier proposal is not asked about again: what was said to it holds.
        """
        self._need("propose")
        origin = await asyncio.to_thread(origin_of, self.experiments.root, "agent")
        who = {"session_id": self.session_id, "author": self.author, "origin": origin}
        if isinstance(request, SweepRequest):
            proposal = await asyncio.to_thread(partial(self.experiments.sweeps.propose, request, **who))
        else:
            proposal = await asyncio.to_thread(partial(self.experiments.propose, request, **who))
        experiment = await asyncio.to_thread(self.experiments.get, proposal.id)
        if experiment.state != "proposed":
            return await self._known(experiment)
        await self.emit(ExperimentProposed(proposal=proposal))
        return await self._decided(experiment)

    async def answer(self, experiment_id: str, answer: str) -> ToolResult:
        """Records the answer to the person's question and has the proposal decided."""
        self._need("propose")
        experiment = await asyncio.to_thread(self.experiments.answer, experiment_id, answer, by=self.author)
        return await self._decided(experiment)

    async def _decided(self, experiment: Experiment) -> ToolResult:
        """Asks until an answer can be carried out; a person's slip is shown to them and asked again."""
        refused, edits = "", None
        for _ in range(TRIES):
            proposal = experiment.proposal
            request = ExperimentRequest(
                id=uuid4().hex, call=self.call, proposal=proposal, exchanges=experiment.exchanges, refused=refused, edits=edits
            )
            decision = await self.ask(request)
            edits = decision.edits
            # The log screen or another terminal may have decided while this question was open.
            experiment = await asyncio.to_thread(self.experiments.get, proposal.id)
            if experiment.state not in OPEN:
                break
            try:
                experiment = await self._carry_out(experiment, decision)
            except ApprovalVoidError as error:
                refused = str(error)
                await self.emit(Notice(level="warning", text=refused))
                experiment = await self._renewed(experiment)
                edits = edits and edits.model_copy(update={"patch": None})  # it was of another diff
                continue
            except ExperimentError as error:
                refused = str(error)
                await self.emit(Notice(level="error", text=refused))
                experiment = await asyncio.to_thread(self.experiments.get, experiment.id)
                if experiment.state in OPEN:
                    continue
            break
        return await self._known(experiment)

    async def _carry_out(self, experiment: Experiment, decision: Decision) -> Experiment:
        """Raises: ExperimentError: the decision cannot be what it says; nothing was decided, or it says what was."""
        id_, log = experiment.id, self.experiments
        origin = await asyncio.to_thread(origin_of, log.root, _via(decision))
        if decision.approved and decision.edits is not None and not decision.edits.empty:
            revised = await asyncio.to_thread(log.revise, id_, decision.edits, by=decision.by, reason=decision.reason, origin=origin)
            await self.emit(ExperimentProposed(proposal=revised))
            id_, answer = revised.id, "approve"
        else:
            answer = "hold" if decision.answer == "stop" else decision.answer
            # A front-end asks twice before it answers `maintenance` for evaluation or data.
            decide = partial(
                log.decide, answer=answer, by=decision.by, reason=decision.reason, origin=origin, confirmed=True, rule=decision.rule
            )
            await asyncio.to_thread(decide, id_)
        await self.emit(ExperimentDecided(proposal_id=id_, answer=answer, by=decision.by, reason=decision.reason))
        return await asyncio.to_thread(log.get, id_)

    async def _renewed(self, experiment: Experiment) -> Experiment:
        """The same change with the data and the environment of now."""
        origin = await asyncio.to_thread(origin_of, self.experiments.root, "agent")
        proposal = await asyncio.to_thread(self.experiments.refresh, experiment.id, by=self.author, origin=origin)
        await self.emit(ExperimentProposed(proposal=proposal))
        return await asyncio.to_thread(self.experiments.get, proposal.id)

    async def _known(self, experiment: Experiment) -> ToolResult:
        """What an experiment's state says to whoever proposed it."""
        proposal, approval = experiment.proposal, experiment.approval
        by, reason = (approval.by, approval.reason) if approval else ("", experiment.message)
        details: JsonObject = {"experiment_id": proposal.id, "state": experiment.state}
        match experiment.state:
            case "approved":
                return await self._start_approved(experiment)
            case "running":
                return await self._follow(proposal.id, PROPOSAL_WAIT)
            case "held" if approval is not None and approval.answer == "ask":
                return ToolResult(
                    content=f"{by} asks about {proposal.id}: {reason}\n"
                    f"Answer with ProposeExperiment, experiment_id {proposal.id} and answer. They decide then; nothing was run.",
                    details=details,
                )
            case "proposed" | "held":
                details["state"] = "held"
                return ToolResult(
                    content=f"{proposal.id} is in the experiment log and waits for a person's decision{_because(reason)}. "
                    "Nothing was run and the working tree is unchanged. Do what else can be done, "
                    "then end your turn and say that it waits.",
                    details=details,
                )
            case "rejected":
                draft = "" if proposal.sweep else "; the edits are still in the draft"  # of which a sweep has none
                return ToolResult(
                    content=f"{proposal.id} was rejected by {by}{_because(reason)}. Nothing was run and the working tree "
                    f"is unchanged{draft}. Take the reason into account before you propose again.",
                    is_error=True,
                    details=details,
                )
            case "maintenance":
                return ToolResult(
                    content=f"{by} lets {proposal.id} through as maintenance, but it could not be put into the working tree yet. "
                    f"A person finishes it with: mltui experiments accept {proposal.id} (or discard).",
                    is_error=True,
                    details=details,
                )
            case "accepted" if approval is not None and approval.answer == "maintenance":
                return ToolResult(
                    content=f"{by} let {proposal.id} through as maintenance{_because(reason)}: the change is in the working tree. "
                    "Nothing was run, so claim nothing about what it does to the results.",
                    details=details,
                )
            case _:
                return await self._described(experiment)

    async def _start_approved(self, experiment: Experiment) -> ToolResult:
        async with self.quiet():  # a command of a subagent may have decided just now
            doubted = experiment.id in self.doubted
        if doubted and not await self._confirmed(experiment):
            return ToolResult(content=f"{experiment.id} waits for a person to confirm its approval.", details={"state": "approved"})
        return await self._run(experiment.id)

    async def _run(self, proposal_id: str) -> ToolResult:
        experiment = await asyncio.to_thread(self.experiments.get, proposal_id)
        if experiment.state == "approved":
            job = await asyncio.to_thread(self.experiments.start, proposal_id)
            await self.emit(ExperimentStarted(proposal_id=proposal_id, job=job, runs=experiment.proposal.planned_runs))
        return await self._follow(proposal_id, PROPOSAL_WAIT)

    async def _follow(self, proposal_id: str, seconds: float) -> ToolResult:
        """Shows the runs as they go, those that confirm a sweep's best included. They are a process of their own: leaving here does not
        end them."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                async for event in self.experiments.follow(proposal_id):
                    await self.emit(event)
                    if isinstance(event, ExperimentFinished):
                        break
        except TimeoutError:
            pass
        experiment = await asyncio.to_thread(self.experiments.get, proposal_id)
        if experiment.proposal.sweep is None or experiment.state != "measured":
            return await self._described(experiment)
        return await self._confirmation(experiment, seconds - (time.monotonic() - begun))

    async def _confirmation(self, sweep: Experiment, seconds: float) -> ToolResult:
        """What came of a sweep's best trial."""
        trials = describe(sweep)
        try:
            confirming = await asyncio.to_thread(self.experiments.sweeps.confirm, sweep.id)
        except ExperimentError as error:
            return trials.model_copy(update={"content": f"{trials.content}\n{error}"})
        if confirming.state not in ("running", "compared"):
            return trials
        await self.emit(ExperimentProposed(proposal=confirming.proposal))
        approval = confirming.approval
        if approval is not None:
            await self.emit(ExperimentDecided(proposal_id=confirming.id, answer="approve", by=approval.by, reason=approval.reason))
        if confirming.state == "running":  # whoever does not see its end here is told of it later
            await self.emit(ExperimentStarted(proposal_id=confirming.id, job=confirming.id, runs=confirming.proposal.planned_runs))
        rest = await self._follow(confirming.id, max(0.0, seconds))
        return rest.model_copy(update={"content": f"{trials.content}\n\n{rest.content}"})

    def _newest(self) -> str:
        """A line for each of the newest experiments, the newest last."""
        count = len(self.experiments.rows())
        newest = self.experiments.newest(MOST_LISTED)
        lines = [f"{e.id}  {e.state}  {e.proposal.title}" + (f"  {e.comparison.summary}" if e.comparison else "") for e in newest]
        if count > len(lines):
            lines.insert(0, f"{count - len(lines)} earlier ones are left out: name one with experiment_id.")
        return "\n".join(lines) or "There are no experiments yet."

    async def status(self, experiment_id: str | None, wait_seconds: float) -> ToolResult:
        """One experiment in full, or a line for each; waits for running ones if asked to."""
        self._need("note")
        if experiment_id is None:
            return ToolResult(content=await asyncio.to_thread(self._newest))
        experiment = await asyncio.to_thread(self.experiments.get, experiment_id)
        if experiment.state == "approved":
            return await self._start_approved(experiment)
        if experiment.state == "running" and wait_seconds > 0:
            return await self._follow(experiment.id, wait_seconds)
        return await self._described(experiment)

    async def _described(self, experiment: Experiment) -> ToolResult:
        """As the model reads it, with where its predictions are wrong."""
        over = experiment.state in ("compared", "interpreted", "measured")
        errors = await asyncio.to_thread(self.experiments.looking.errors, experiment) if over else None
        return describe(experiment, errors)

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
        if decision.answer not in ("approve", "reject"):
            return ToolResult(
                content=f"The interpretation of {experiment.id} is recorded. Whether the change is kept is still open.", details=details
            )
        try:
            settle = self.experiments.accept if decision.approved else self.experiments.discard
            origin = await asyncio.to_thread(origin_of, self.experiments.root, _via(decision))
            await asyncio.to_thread(settle, experiment.id, by=decision.by, origin=origin)
        except ExperimentError as error:
            await self.emit(Notice(level="error", text=str(error)))
            return ToolResult(content=f"The decision could not be carried out: {error}", is_error=True, details=details)
        outcome = "accepted" if decision.approved else "discarded"
        await self.emit(ExperimentConcluded(proposal_id=experiment.id, conclusion=conclusion, outcome=outcome))
        where = (
            "the change is in the working tree" if decision.approved else "the change is gone from the draft; the working tree is unchanged"
        )
        return ToolResult(content=f"{decision.by} {outcome} {experiment.id}{_because(decision.reason)}: {where}.", details=details)

    async def promote(self, experiment_id: str, alias: str) -> ToolResult:
        """Judges the promotion by the journal, and asks a person if nothing is missing."""
        self._need("promote")
        return await promote(self.experiments, self.call, self.ask, self.author, experiment_id, alias)

    def _need(self, kind: str) -> None:
        if kind not in self.may:
            raise UndeclaredEffectError(f"{self.call.name} did not declare the effect {kind!r}")


def _via(decision: Decision) -> str:
    """How the decision came, for the journal."""
    if decision.via:
        return decision.via
    return "policy" if decision.by.startswith(("policy:", "grant:")) else "headless" if decision.by == "headless" else "app"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def describe(experiment: Experiment, errors: ErrorAnalysis | None = None) -> ToolResult:
    """An experiment as the model reads it: state, comparison first, then what to do next."""
    lines = [f"{experiment.id} {experiment.proposal.title}: {experiment.state}"]
    comparison = experiment.comparison
    if comparison is not None:
        lines.append(comparison.summary)
        effect = f"{comparison.effect_name}: {_number(comparison.effect_size)}"
        lines.append(f"verdict: {comparison.verdict}; test: {comparison.test}; {effect}; n = {comparison.n} {comparison.of}s")
        lines += [f"note: {note}" for note in comparison.notes]
        lines += [f"seed {seed}: baseline {before:g}, candidate {after:g}" for seed, before, after in comparison.pairs]
        lines += [f"guardrail {guard.metric.name}: {guard.summary}" for guard in experiment.guardrails]
    if errors is not None:
        lines += [f"errors, {line}" for line in summary_lines(errors)]
    if experiment.message:
        lines.append(experiment.message)
    if experiment.proposal.selected is not None:
        lines.append(f"It confirms the {experiment.proposal.selected.words}.")
    if experiment.confirmation is not None:
        lines.append(f"{experiment.confirmation} compares the best trial with the baseline: look there for the result.")
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
