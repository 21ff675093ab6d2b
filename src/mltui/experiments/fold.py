"""From the journal's records to the experiments as they stand."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from mltui.core.errors import JournalError, ProposalError
from mltui.core.experiment import Answer, Exchange, Experiment, ExperimentState
from mltui.core.reproduction import Reproduction
from mltui.experiments.journal import Record
from mltui.experiments.records import (
    ENTRIES,
    AnyEntry,
    BaselineMeasured,
    ExperimentAccepted,
    ExperimentCompared,
    ExperimentConcluded,
    ExperimentDiscarded,
    ExperimentFailed,
    ExperimentStopped,
    JobStarted,
    ProposalAnswered,
    ProposalCreated,
    ProposalDecided,
    ProposalReopened,
    ProposalSuperseded,
    ReproductionFinished,
    ReproductionRun,
    ReproductionStarted,
    RunFinished,
    RunStarted,
    RunWaiting,
    SweepConfirmed,
    SweepFinished,
    SyncFailed,
    TrialFinished,
)

BEFORE: dict[str, tuple[ExperimentState, ...]] = {
    ProposalDecided.type: ("proposed", "held"),
    ProposalAnswered.type: ("held",),
    ProposalSuperseded.type: ("proposed", "held"),
    ProposalReopened.type: ("approved", "rejected"),
    JobStarted.type: ("approved",),
    RunWaiting.type: ("running",),
    RunStarted.type: ("running",),
    RunFinished.type: ("running",),
    ExperimentCompared.type: ("running",),
    BaselineMeasured.type: ("running",),
    TrialFinished.type: ("running",),
    SweepFinished.type: ("running",),
    SweepConfirmed.type: ("measured",),
    ExperimentFailed.type: ("running",),
    ExperimentStopped.type: ("running",),
    ExperimentConcluded.type: ("compared", "interpreted"),
    ExperimentAccepted.type: ("compared", "interpreted", "maintenance"),
    ExperimentDiscarded.type: ("compared", "interpreted", "failed", "stopped", "maintenance"),
    ReproductionStarted.type: ("failed", "stopped", "measured", "compared", "interpreted", "accepted", "discarded"),
}
"""The states in which a record is legal. A proposal must be new; the fate of a synchronisation changes no state."""

VERBS = {
    ProposalDecided.type: "be decided on",
    ProposalAnswered.type: "be answered for",
    ProposalSuperseded.type: "be replaced",
    ProposalReopened.type: "be opened again",
    JobStarted.type: "be started",
    RunWaiting.type: "wait",
    RunStarted.type: "run",
    RunFinished.type: "run",
    ExperimentCompared.type: "be compared",
    BaselineMeasured.type: "be measured",
    TrialFinished.type: "have trials",
    SweepFinished.type: "end as a sweep",
    SweepConfirmed.type: "be confirmed",
    ExperimentFailed.type: "fail",
    ExperimentStopped.type: "be stopped",
    ExperimentConcluded.type: "be interpreted",
    ExperimentAccepted.type: "be accepted",
    ExperimentDiscarded.type: "be discarded",
    ReproductionStarted.type: "be run again",
}

HINTS: dict[ExperimentState, str] = {
    "proposed": "Decide first: approve, reject or hold it.",
    "held": "It waits: approve or reject it first.",
    "rejected": "It was rejected; propose again.",
    "superseded": "Another proposal took its place.",
    "maintenance": "It is maintenance: accept or discard it.",
    "approved": "It is approved: start it first.",
    "running": "It is running: wait for the end, or stop it.",
    "failed": "Its runs failed; discard it, or propose again.",
    "stopped": "It was stopped; discard it, or propose again.",
    "measured": "It is measured: propose a change to compare with it, or look at what confirms a sweep's winner.",
    "compared": "Its result is there: interpret, accept or discard it.",
    "interpreted": "Its result is there: accept or discard it.",
    "accepted": "It was accepted already.",
    "discarded": "It was discarded already.",
}


_DECIDED: dict[Answer, ExperimentState] = {
    "approve": "approved",
    "reject": "rejected",
    "hold": "held",
    "ask": "held",
    "maintenance": "maintenance",
}


def fold(records: Iterable[Record], into: dict[str, Experiment]) -> None:
    """Brings `into` up to date. Types of later versions are passed over.

    Raises:
        JournalError: a record is not readable or comes out of order.
    """
    for record in records:
        kind = ENTRIES.get(record.type)
        if kind is None or kind is SyncFailed:
            continue
        try:
            entry = kind.model_validate(record.payload)
            into[entry.proposal_id] = advance(into.get(entry.proposal_id), entry)
        except (ValidationError, ProposalError) as error:
            raise JournalError(
                f"journal record {record.seq} ({record.type}) makes no sense: {_first_line(error)}",
                hint="Was it written by a newer mltui? `mltui experiments verify` checks the journal.",
            ) from error


def advance(experiment: Experiment | None, entry: AnyEntry) -> Experiment:
    """The experiment after one more record.

    Raises:
        ProposalError: the record is not legal in the experiment's state.
    """
    if isinstance(entry, ProposalCreated):
        if experiment is not None:
            raise ProposalError(f"{entry.proposal_id} exists already")
        return Experiment(proposal=entry.proposal, state="proposed")
    if experiment is None:
        raise ProposalError(f"there is no experiment {entry.proposal_id}")
    if entry.type in BEFORE and experiment.state not in BEFORE[entry.type] and not _resumes(experiment, entry):
        raise ProposalError(f"{experiment.id} cannot {VERBS[entry.type]}: it is {experiment.state}", hint=HINTS[experiment.state])
    return _changed(experiment, entry)


def _resumes(experiment: Experiment, entry: AnyEntry) -> bool:
    """A sweep goes on where it was: what is left of its trials is still what was approved."""
    return isinstance(entry, JobStarted) and experiment.proposal.sweep is not None and experiment.state in ("failed", "stopped")


def _changed(experiment: Experiment, entry: AnyEntry) -> Experiment:
    match entry:
        case ProposalDecided(approval=approval):
            if approval.proposal_hash != experiment.proposal.hash:
                raise ProposalError(f"the decision is about another version of {experiment.id}", hint="Show it again and decide.")
            exchanges = experiment.exchanges
            if approval.answer == "ask":
                exchanges = (*exchanges, Exchange(question=approval.reason, by=approval.by))
            return _with(experiment, state=_DECIDED[approval.answer], approval=approval, message=approval.reason, exchanges=exchanges)
        case ProposalAnswered(answer=answer):
            if not experiment.exchanges or experiment.exchanges[-1].answer:
                raise ProposalError(f"nobody asked anything about {experiment.id}", hint="Wait for the decision.")
            answered = experiment.exchanges[-1].model_copy(update={"answer": answer})
            return _with(experiment, state="proposed", exchanges=(*experiment.exchanges[:-1], answered), message="")
        case ProposalSuperseded(successor=successor, by=by):
            return _with(experiment, state="superseded", superseded_by=successor, decided_by=by, message=f"replaced by {successor}")
        case ProposalReopened(reason=reason):
            return _with(experiment, state="proposed", approval=None, message=reason)
        case JobStarted():
            return _with(experiment, state="running", message="")
        case RunFinished(run=run):
            if any((old.arm, old.seed) == (run.arm, run.seed) for old in experiment.runs):
                raise ProposalError(f"{experiment.id} already has a {run.arm} run with seed {run.seed}")
            return _with(experiment, runs=(*experiment.runs, run))
        case ExperimentCompared(comparison=comparison, guardrails=guardrails):
            return _with(experiment, state="compared", comparison=comparison, guardrails=guardrails)
        case TrialFinished(trial=trial):
            if any(old.number == trial.number for old in experiment.trials):
                raise ProposalError(f"{experiment.id} already has a trial {trial.number}")
            return _with(experiment, trials=(*experiment.trials, trial))
        case SweepConfirmed(confirmation=confirmation):
            return _with(experiment, confirmation=confirmation)
        case BaselineMeasured(message=message) | SweepFinished(message=message):
            return _with(experiment, state="measured", message=message)
        case ExperimentFailed(message=message):
            return _with(experiment, state="failed", message=message)
        case ExperimentStopped(message=message):
            return _with(experiment, state="stopped", message=message)
        case ExperimentConcluded(conclusion=conclusion):
            return _with(experiment, state="interpreted", conclusion=conclusion)
        case ExperimentAccepted(by=by):
            return _with(experiment, state="accepted", decided_by=by)
        case ExperimentDiscarded(by=by):
            return _with(experiment, state="discarded", decided_by=by)
        case ReproductionStarted() | ReproductionRun() | ReproductionFinished():
            return _with(experiment, reproductions=_reproductions(experiment, entry))
        case _:
            return experiment


def _reproductions(experiment: Experiment, entry: ReproductionStarted | ReproductionRun | ReproductionFinished) -> tuple[Reproduction, ...]:
    if isinstance(entry, ReproductionStarted):
        if experiment.repeating:
            raise ProposalError(f"{experiment.id} is being run again already", hint="Wait for the end, or stop it.")
        return (*experiment.reproductions, entry.reproduction)
    if not experiment.repeating or experiment.reproductions[-1].job != entry.job:
        raise ProposalError(f"{experiment.id} is not being run again by {entry.job}", hint="Start it: mltui experiments run ID --again")
    *before, last = experiment.reproductions
    if isinstance(entry, ReproductionRun):
        return (*before, last.model_copy(update={"runs": (*last.runs, entry.run)}))
    found = {
        "state": entry.outcome,
        "message": entry.message,
        "ended": entry.ended,
        "machine": entry.machine or last.machine,
        "differences": tuple(dict.fromkeys((*last.differences, *entry.differences))),
    }
    return (*before, last.model_copy(update=found))


def _with(experiment: Experiment, **changes: object) -> Experiment:
    """A copy; the parts are validated values already, so they are not validated again."""
    return experiment.model_copy(update=changes)


def _first_line(error: ValidationError | ProposalError) -> str:
    if isinstance(error, ProposalError):
        return str(error.args[0])
    problem = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
