"""A small session that plays scripted turns, and an experiment log in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal
from uuid import uuid4

from mltui.config.schema import Ui
from mltui.core.approval import ApprovalRequest, Approver, Decision
from mltui.core.errors import MltuiError, ProposalError
from mltui.core.events import (
    ApprovalRequested,
    ApprovalResolved,
    Emit,
    Event,
    ExperimentFinished,
    ExperimentProgressed,
    MessageCompleted,
    ModelChanged,
    TextDelta,
    ToolCompleted,
    ToolStarted,
    TurnCompleted,
    TurnStarted,
)
from mltui.core.experiment import Answer, Approval, Conclusion, Exchange, Experiment, Origin, ProposalEdits, Recommendation
from mltui.core.messages import AssistantMessage, Image, Text, ToolCall, Usage
from mltui.experiments.index import Row
from mltui.experiments.looking import Looking
from mltui.experiments.orphans import Orphan, Settled
from mltui.experiments.promotion import Promotions
from mltui.models.base import ModelInfo
from mltui.models.roles import Effort, ModelOption
from mltui.tools.base import Workspace
from tests.fake_commands import FakeCommands
from tests.fake_history import FakeCommits, FakeHistory
from tests.fake_manners import FakeFiles, FakeManners, FakeShell

NOWHERE = Path("/nowhere")
CWD = Path("/home/anna/digits")
Step = Event | ApprovalRequest | float | Callable[[], Awaitable[None]]
"""An event to emit, a request to put to the approver, or seconds to wait."""


def said(text: str, *calls: ToolCall, thinking: Sequence[object] = (), usage: Usage | None = None) -> MessageCompleted:
    parts = ([Text(text=text)] if text else []) + list(calls)
    return MessageCompleted(
        message=AssistantMessage(parts=tuple(parts)),
        usage=usage or Usage(input_tokens=900, output_tokens=80, cache_read_tokens=11_500, cost_usd=0.0123),
        stop_reason="tool_use" if calls else "end_turn",
        model="anthropic/claude-sonnet-4-5",
        seconds=1.5,
    )


def call(name: str, id: str = "", **arguments: object) -> ToolCall:
    return ToolCall.model_validate({"id": id or uuid4().hex, "name": name, "arguments": arguments})


def tool(made: ToolCall, content: str = "", **rest: object) -> list[Event]:
    """Returns: the events of a call that ran."""
    end = ToolCompleted.model_validate({"call_id": made.id, "name": made.name, "content": content, **rest})
    return [ToolStarted(call_id=made.id, name=made.name, arguments=made.arguments), end]


def streamed(text: str, size: int = 12) -> list[Event]:
    """Returns: the text in deltas and the message that ends it."""
    return [*(TextDelta(text=text[at : at + size]) for at in range(0, len(text), size)), said(text)]


class FakeConversation:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.usage = Usage()
        self.context_tokens = 0
        self.title = ""

    def apply(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, MessageCompleted):
            self.usage = self.usage + event.usage
            self.context_tokens = event.usage.prompt_tokens + event.usage.output_tokens


def row(experiment: Experiment) -> Row:
    """Returns: what a list shows of it."""
    made, plan, runs = experiment.comparison, experiment.proposal, [run for run in experiment.runs if not run.reused]
    compared = Row(plan.id, experiment.state, plan.kind, plan.title, plan.created, plan.created)
    if made is not None:
        compared = compared._replace(
            verdict=made.verdict,
            diff=made.diff,
            ci_low=made.ci_low,
            ci_high=made.ci_high,
            p_value=made.p_value,
            pairs=made.n,
            runs=len(made.pairs) or made.n,
            unit=made.metric.unit,
            baseline=made.baseline_mean,
            candidate=made.candidate_mean,
            spread=made.candidate_std,
        )
    return compared._replace(
        metric=plan.metric.name,
        direction=plan.metric.direction,
        author=plan.author,
        decided_by=experiment.decided_by or (experiment.approval.by if experiment.approval else ""),
        wall_seconds=max((run.ended for run in runs), default=0.0) - min((run.started for run in runs), default=0.0),
        cpu_seconds=sum(run.cpu_seconds for run in runs),
    )


class FakeOrphans:
    """Training outside a proposal, in memory."""

    def __init__(self, *orphans: Orphan) -> None:
        self.all = {orphan.training.id: orphan for orphan in orphans}

    def list(self) -> list[Orphan]:
        return [*self.all.values()]

    glance = list

    def settle(self, orphan_id: str, outcome: Settled, *, by: str, origin: Origin | None = None) -> Orphan:
        known = self.all[orphan_id]
        self.all[orphan_id] = Orphan(known.training, known.when, outcome, by)
        return self.all[orphan_id]


class FakeExperiments:
    """Experiments in memory; `follow` plays what a test put into `progress`."""

    def __init__(self, *experiments: Experiment) -> None:
        self.all = {experiment.id: experiment for experiment in experiments}
        self.calls: list[tuple[str, ...]] = []
        self.progress: dict[str, list[ExperimentProgressed | ExperimentFinished]] = {}
        self.gate = asyncio.Event()
        self.error: MltuiError | None = None
        self.unplanned = FakeOrphans()
        self.looking = Looking(NOWHERE, NOWHERE / ".mltui")

    def _change(self, id_: str, **changes: object) -> Experiment:
        if self.error is not None:
            raise self.error
        self.all[id_] = self.get(id_).model_copy(update=changes)
        return self.all[id_]

    def decide(self, proposal_id: str, *, answer: Answer, by: str, reason: str = "", origin: Origin | None = None) -> Experiment:
        self.calls.append(("decide", proposal_id, answer, reason))
        proposal = self.get(proposal_id).proposal
        approval = Approval(
            proposal_id=proposal_id, proposal_hash=proposal.hash, answer=answer, by=by, at=time.time(), reason=reason, origin=origin
        )
        if self.get(proposal_id).state not in ("proposed", "held"):
            raise ProposalError(f"{proposal_id} was decided meanwhile by bob")
        states = {"approve": "approved", "reject": "rejected", "hold": "held", "ask": "held", "maintenance": "maintenance"}
        asked = (Exchange(question=reason, by=by),) if answer == "ask" else ()
        exchanges = (*self.get(proposal_id).exchanges, *asked)
        return self._change(proposal_id, state=states[answer], approval=approval, exchanges=exchanges)

    def revise(self, proposal_id: str, edits: ProposalEdits, *, by: str, origin: Origin | None = None) -> Experiment:
        self.calls.append(("revise", proposal_id, edits.model_dump_json(exclude_defaults=True)))
        old = self.get(proposal_id)
        new = f"P-{len(self.all) + 1:04d}"
        self._change(proposal_id, state="superseded", superseded_by=new)
        changed = {"id": new, "seeds": edits.seeds or old.proposal.seeds, "supersedes": proposal_id}
        self.all[new] = old.model_copy(update={"proposal": old.proposal.model_copy(update=changed)})
        return self.all[new]

    def start(self, proposal_id: str) -> str:
        self.calls.append(("start", proposal_id))
        self._change(proposal_id, state="running")
        return "job-1"

    def stop(self, proposal_id: str) -> None:
        self.calls.append(("stop", proposal_id))
        self._change(proposal_id, state="stopped")

    def accept(self, proposal_id: str, *, by: str, origin: Origin | None = None) -> Experiment:
        self.calls.append(("accept", proposal_id))
        return self._change(proposal_id, state="accepted", decided_by=by)

    def discard(self, proposal_id: str, *, by: str, origin: Origin | None = None) -> Experiment:
        self.calls.append(("discard", proposal_id))
        return self._change(proposal_id, state="discarded", decided_by=by)

    def conclude(self, proposal_id: str, *, interpretation: str, recommendation: Recommendation, by: str) -> Experiment:
        self.calls.append(("conclude", proposal_id, interpretation, recommendation))
        conclusion = Conclusion(interpretation=interpretation, recommendation=recommendation, by=by, at=0.0)
        return self._change(proposal_id, state="interpreted", conclusion=conclusion)

    def promotions(self) -> Promotions:
        raise ProposalError("tracking is switched off, so there is no registry")

    def rows(self) -> list[Row]:
        return [row(experiment) for experiment in self.all.values()]

    def newest(self, limit: int | None = None, states: Collection[str] = ()) -> list[Experiment]:
        found = [experiment for experiment in self.all.values() if not states or experiment.state in states]
        return found[-limit:] if limit else found

    def peek(self, proposal_id: str) -> Experiment:
        return self.get(proposal_id)

    def orphans(self) -> FakeOrphans:
        return self.unplanned

    def get(self, proposal_id: str) -> Experiment:
        if proposal_id not in self.all:
            raise ProposalError(f"There is no {proposal_id}")
        return self.all[proposal_id]

    async def follow(self, proposal_id: str) -> AsyncIterator[ExperimentProgressed | ExperimentFinished]:
        for event in self.progress.get(proposal_id, []):
            if isinstance(event, ExperimentFinished):
                await self.gate.wait()
                self._change(proposal_id, state="compared", comparison=event.comparison)
            yield event


class FakeBackground:
    """Nothing runs in the background."""

    def listed(self) -> Sequence[tuple[str, str, str]]:
        return ()

    def tail(self, job_id: str) -> str:
        raise AssertionError(job_id)

    async def kill(self, job_id: str) -> tuple[str, tuple[str, ...]]:
        raise AssertionError(job_id)


class FakeSession(FakeManners):
    """Plays one list of steps for each prompt. Answers of the approver are kept in `decisions`."""

    def __init__(
        self,
        approver: Approver,
        turns: Sequence[Sequence[Step]] = (),
        *,
        experiments: FakeExperiments | None = None,
        note: str = "",
        notices: tuple[str, ...] = (),
        events: Sequence[Event] = (),
    ) -> None:
        super().__init__()
        self.id = "20260101-abc"
        self.approver = approver
        self.experiments = experiments or FakeExperiments()
        self.transcript = FakeConversation()
        for event in events:
            self.transcript.apply(event)
        self.history = FakeHistory()
        self.history.take = self.transcript.apply
        self.commits = FakeCommits()
        self.commands = FakeCommands()
        self.background = FakeBackground()
        self.shell = FakeShell()
        self.files = FakeFiles()
        self.model_info = ModelInfo("anthropic/claude-sonnet-4-5", context_window=200_000, note=note)
        self.persona_name = "ml-engineer"
        self.ui = Ui()
        self.sandbox = "bubblewrap"
        self.workspace = Workspace(cwd=CWD, roots=(CWD,))
        self.draft_paths: tuple[str, ...] = ()
        self.notices = notices
        self.decisions: list[Decision] = []
        self.prompts: list[str] = []
        self.images: tuple[Image, ...] = ()
        self.closed = False
        self._turns = list(turns)
        self._task: asyncio.Task[None] | None = None

    async def prompt(self, text: str, show: Emit, /, *, images: tuple[Image, ...] = ()) -> TurnCompleted:
        self.prompts.append(text)
        self.images += images
        number = len(self.prompts)

        async def emit(event: Event) -> None:
            self.transcript.apply(event)
            await show(event)

        await emit(TurnStarted(turn=number, text=text))
        steps = self._turns.pop(0) if self._turns else []
        self._task = asyncio.create_task(self._play(steps, emit))
        outcome: Literal["completed", "interrupted"] = "completed"
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                self._task.cancel()
                await asyncio.wait([self._task])
                raise
            outcome = "interrupted"
        finally:
            self._task = None
        end = TurnCompleted(turn=number, outcome=outcome, usage=Usage(), steps=1, seconds=2.0)
        await emit(end)
        return end

    async def _play(self, steps: Sequence[Step], emit: Emit) -> None:
        for step in steps:
            if isinstance(step, (int, float)):
                await asyncio.sleep(step)
            elif callable(step):
                await step()
            elif hasattr(step, "kind"):
                request: ApprovalRequest = step  # type: ignore[assignment]
                await emit(ApprovalRequested(request=request))
                decision = await self.approver.decide(request)
                self.decisions.append(decision)
                await emit(
                    ApprovalResolved(
                        request_id=request.id, call_id=request.call.id, answer=decision.answer, by=decision.by, reason=decision.reason
                    )
                )
            else:
                await emit(step)  # type: ignore[arg-type]

    def interrupt(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def set_model(self, name: str, show: Emit) -> None:
        if name == "nonesuch":
            raise MltuiError("There is no model nonesuch", hint="Try sonnet")
        self.model_info = ModelInfo(name)
        await show(ModelChanged(model=name, reason="chosen"))

    def model_options(self) -> Sequence[ModelOption]:
        return (
            ModelOption("sonnet", "anthropic/claude-sonnet-4-5", 200_000, 3.0, 15.0),
            ModelOption("opus", "anthropic/claude-opus-4-5", 200_000, 5.0, 25.0, "no key"),
        )

    async def set_effort(self, effort: Effort, show: Emit) -> None:
        self.model_info = replace(self.model_info, effort=effort)
        await show(ModelChanged(model=self.model_info.id, reason=f"effort {effort}"))

    async def set_architect(self, on: bool, show: Emit) -> None:
        self.architect = on
        await show(ModelChanged(model="opus" if on else self.model_info.id, reason="architect" if on else "architect off"))

    async def warm_up(self) -> None:
        return None

    async def close(self) -> None:
        self.interrupt()
        self.closed = True
