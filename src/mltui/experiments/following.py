"""What happens in a running experiment, as events, read from the journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from mltui.core.errors import ProposalError
from mltui.core.events import ExperimentFinished, ExperimentProgressed
from mltui.core.experiment import ExperimentState
from mltui.experiments.fold import HINTS
from mltui.experiments.journal import Record
from mltui.experiments.ledger import Ledger
from mltui.experiments.records import RunFinished, RunStarted, RunWaiting, TrialFinished
from mltui.experiments.render import setting

NOT_STARTED: tuple[ExperimentState, ...] = ("proposed", "held", "rejected", "approved")
CHECK_EVERY = 1.0
"""Seconds between two looks at whether the supervisor lives."""


async def follow(
    ledger: Ledger, proposal_id: str, poll: float, recover: Callable[[str], None]
) -> AsyncIterator[ExperimentProgressed | ExperimentFinished]:
    """Yields what has happened so far and what happens, to the end.

    Args:
        recover: ends the experiment in the journal if its supervisor is dead.

    Raises:
        ProposalError: the experiment was not started.
    """
    experiment = await asyncio.to_thread(ledger.get, proposal_id)
    if experiment.state in NOT_STARTED:
        raise ProposalError(f"{proposal_id} is not running: it is {experiment.state}", hint=HINTS[experiment.state])
    plan = experiment.proposal
    judged_by = (plan.metric.name, *(guardrail.name for guardrail in plan.guardrails))
    seen = 0
    unchecked = CHECK_EVERY
    while True:
        known = ledger.journal.seq
        experiment = await asyncio.to_thread(ledger.get, proposal_id)
        for record in ledger.records(proposal_id, since=seen):
            seen = record.seq
            event = _progress(record, judged_by)
            if event:
                yield event
        if experiment.state != "running":
            yield ExperimentFinished(
                proposal_id=proposal_id, state=experiment.state, comparison=experiment.comparison, message=experiment.message
            )
            return
        # News come from other processes (the file grew) and from this one (it was read already).
        while not ledger.journal.changed() and ledger.journal.seq == known:
            if unchecked >= CHECK_EVERY:
                unchecked = 0.0
                await asyncio.to_thread(recover, proposal_id)
                continue
            await asyncio.sleep(poll)
            unchecked += poll


def _progress(record: Record, judged_by: Sequence[str]) -> ExperimentProgressed | None:
    if record.type in (RunStarted.type, RunWaiting.type):
        entry = (RunStarted if record.type == RunStarted.type else RunWaiting).model_validate(record.payload)
        return ExperimentProgressed(
            at=record.ts,
            proposal_id=entry.proposal_id,
            arm=entry.arm,
            seed=entry.seed,
            done=entry.done,
            total=entry.total,
            message=f"waits for {entry.message}" if isinstance(entry, RunWaiting) else "",
        )
    if record.type == RunFinished.type:
        entry = RunFinished.model_validate(record.payload)
        run = entry.run
        return ExperimentProgressed(
            at=record.ts,
            proposal_id=entry.proposal_id,
            arm=run.arm,
            seed=run.seed,
            done=entry.done,
            total=entry.total,
            # What decides comes first: autologging leaves many more.
            metrics={name: run.metrics[name] for name in dict.fromkeys((*judged_by, *run.metrics)) if name in run.metrics},
            message=run.message or ("reused" if run.reused else run.status),
        )
    if record.type == TrialFinished.type:
        trial = (ended := TrialFinished.model_validate(record.payload)).trial
        return ExperimentProgressed(
            at=record.ts,
            proposal_id=ended.proposal_id,
            arm="candidate",
            seed=trial.runs[0].seed if trial.runs else 0,
            trial=trial.number,
            done=ended.done,
            total=ended.total,
            metrics={} if trial.value is None else {judged_by[0]: trial.value},
            message=setting(trial.params) + ("" if trial.state == "complete" else f": {trial.state}, {trial.message}"),
        )
    return None
