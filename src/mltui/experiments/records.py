"""What the journal's records carry, by type. The fold of them is the state of every experiment."""

from __future__ import annotations

from typing import ClassVar, cast, get_args

from pydantic import Field

from mltui.core.data import Data, JsonObject
from mltui.core.experiment import Approval, Arm, Clause, Comparison, Conclusion, Proposal, Run, Trial
from mltui.core.origin import Origin
from mltui.core.reproduction import Reproduction, ReproductionState, RunAgain


class Entry(Data):
    """What one record says of one experiment."""

    type: ClassVar[str]
    proposal_id: str


class ProposalCreated(Data):
    """A plan as it was proposed.

    Attributes:
        left_out: files that are neither in git nor declared as data and so do not reach the runs.
        staged: digests of the staged edits that it was made of, by path; what is staged later is not part of it.
    """

    type: ClassVar[str] = "proposal.created"
    proposal: Proposal
    left_out: tuple[str, ...] = ()
    staged: dict[str, str] = Field(default_factory=dict)

    @property
    def proposal_id(self) -> str:
        return self.proposal.id


class ProposalDecided(Data):
    type: ClassVar[str] = "proposal.decided"
    approval: Approval

    @property
    def proposal_id(self) -> str:
        return self.approval.proposal_id


class ProposalAnswered(Entry):
    """The agent's answer to the question that a person asked about a proposal."""

    type: ClassVar[str] = "proposal.answered"
    answer: str


class ProposalSuperseded(Entry):
    """Attributes: successor: the proposal that takes its place."""

    type: ClassVar[str] = "proposal.superseded"
    successor: str
    by: str


class ProposalReopened(Entry):
    """What was decided holds no more, and is to be decided again. Attributes: reason: what changed, or why a person wants it."""

    type: ClassVar[str] = "proposal.reopened"
    reason: str
    by: str = "mltui"


class JobStarted(Entry):
    type: ClassVar[str] = "job.started"
    job: str
    runs: int


class RunStarted(Entry):
    type: ClassVar[str] = "run.started"
    arm: Arm
    seed: int
    done: int
    total: int


class RunWaiting(Entry):
    """A run whose turn it is in its plan, and which others on the machine hold up. Attributes: message: what it waits for."""

    type: ClassVar[str] = "run.waiting"
    arm: Arm
    seed: int
    done: int
    total: int
    message: str


class RunFinished(Entry):
    """Attributes: key: what made the run (tree, command, seed, data, environment), hashed; equal keys may share a result."""

    type: ClassVar[str] = "run.finished"
    run: Run
    key: str
    done: int
    total: int


class ExperimentCompared(Entry):
    type: ClassVar[str] = "experiment.compared"
    comparison: Comparison
    guardrails: tuple[Comparison, ...] = ()


class BaselineMeasured(Entry):
    """Attributes: message: mean and spread, for people."""

    type: ClassVar[str] = "baseline.measured"
    message: str


class TrialFinished(Entry):
    """A trial of a sweep: complete, pruned or failed. What it measured is the sweep's own, and compared with nothing."""

    type: ClassVar[str] = "trial.finished"
    trial: Trial
    done: int
    total: int


class SweepFinished(Entry):
    """Attributes: best: number of the best trial; minutes: of the budget that are spent; message: for people."""

    type: ClassVar[str] = "sweep.finished"
    best: int
    minutes: float
    message: str


class SweepConfirmed(Entry):
    """Attributes: confirmation: the experiment that compares the winner with the baseline on seeds that no trial had."""

    type: ClassVar[str] = "sweep.confirmed"
    confirmation: str


class ExperimentFailed(Entry):
    type: ClassVar[str] = "experiment.failed"
    message: str


class ExperimentStopped(Entry):
    type: ClassVar[str] = "experiment.stopped"
    message: str


class ExperimentConcluded(Entry):
    type: ClassVar[str] = "experiment.concluded"
    conclusion: Conclusion


class ExperimentAccepted(Entry):
    """Attributes: paths: what was written into the working tree."""

    type: ClassVar[str] = "experiment.accepted"
    by: str
    paths: tuple[str, ...] = ()
    origin: Origin | None = None


class ExperimentDiscarded(Entry):
    type: ClassVar[str] = "experiment.discarded"
    by: str
    origin: Origin | None = None


class ReproductionStarted(Entry):
    """Runs of an experiment are made again. Attributes: reproduction: as it begins, without runs."""

    type: ClassVar[str] = "reproduction.started"
    reproduction: Reproduction


class ReproductionRun(Entry):
    """Attributes: job: of the reproduction; run: a run of it, beside the recorded one."""

    type: ClassVar[str] = "reproduction.run"
    job: str
    run: RunAgain


class ReproductionFinished(Entry):
    """Attributes: outcome: agrees, differs, failed or stopped; differences: those that were found while it ran."""

    type: ClassVar[str] = "reproduction.finished"
    job: str
    outcome: ReproductionState
    message: str
    ended: float
    machine: dict[str, str] = Field(default_factory=dict)
    differences: tuple[str, ...] = ()


class Matter(Data):
    """A record that is about no single experiment. The fold passes it over; whoever needs it reads the records of its type."""

    type: ClassVar[str]
    proposal_id: str = ""


class ChangePassed(Matter):
    """A change of a file under experiment that is no experiment (comments, formatting), and so went to the tree."""

    type: ClassVar[str] = "change.passed"
    path: str
    reason: str
    by: str


class UnplannedTraining(Matter):
    """Training outside a proposal: recorded, never comparable.

    Attributes:
        libraries: training libraries that were imported; call_sites: `file:line` of the imports.
        cpu_seconds, gpu_seconds: of the command and all that it started.
        models: new model files, relative where they are the project's.
        outcome: `ended` when the scratch budget stopped it.
    """

    type: ClassVar[str] = "training.unplanned"
    id: str
    session_id: str
    command: str
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    libraries: tuple[str, ...] = ()
    call_sites: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    outcome: str = ""


class UnplannedSettled(Matter):
    """What a person said of an orphan: `adopt` (to be proposed and run again) or `discard`."""

    type: ClassVar[str] = "training.settled"
    id: str
    outcome: str
    by: str
    origin: Origin | None = None


class GrantGiven(Matter):
    """A standing approval with scope and end.

    Attributes:
        rule: the policy rule (`experiments.policy.ApproveRule`) as JSON.
        expires: seconds since the epoch.
    """

    type: ClassVar[str] = "grant.given"
    id: str
    rule: JsonObject
    by: str
    expires: float
    reason: str = ""
    origin: Origin | None = None


class GrantRevoked(Matter):
    type: ClassVar[str] = "grant.revoked"
    id: str
    by: str
    origin: Origin | None = None


class MetricConfirmed(Matter):
    """A person confirmed that another primary metric judges from now on, although results were seen.

    Attributes:
        before, after: name, direction and least effect (`experiments.metric_history.key`).
    """

    type: ClassVar[str] = "metric.confirmed"
    before: str
    after: str
    reason: str
    by: str
    origin: Origin | None = None


class PromotionIntended(Matter):
    """Written before a registry or a production prompt is touched, so that a crash in between is seen and mended.

    Attributes:
        id: by which a model version is found again in the registry.
        target: `model:NAME` or `prompt:PATH`.
        seed: the run whose model it is; None for a prompt.
        version: what gets the alias back in a roll-back; empty where a version is yet to be made.
        previous: what has the alias until then; empty: nothing.
        sha256: of the model, or of the prompt's text.
        outcome: what it is when it succeeds: `promoted`, `overridden` or `rolled back`.
    """

    type: ClassVar[str] = "promotion.intended"
    id: str
    target: str
    alias: str
    experiment_id: str
    seed: int | None = None
    version: str = ""
    previous: str = ""
    sha256: str = ""
    outcome: str
    clauses: tuple[Clause, ...] = ()
    reason: str = ""
    by: str
    origin: Origin | None = None


class PromotionDecided(Matter):
    """A promotion that was made, refused, overridden, rolled back or undone.

    Attributes:
        id: of the intent; empty where none was needed.
        outcome: `promoted`, `refused`, `overridden`, `rolled back`, or `undone` after a crash.
        clauses: each requirement, whether it held, and what was found.
        previous: what had the alias before.
    """

    type: ClassVar[str] = "promotion.decided"
    id: str = ""
    target: str
    alias: str
    experiment_id: str
    version: str = ""
    outcome: str
    clauses: tuple[Clause, ...] = ()
    previous: str = ""
    sha256: str = ""
    reason: str = ""
    by: str
    origin: Origin | None = None


class SyncFailed(Data):
    type: ClassVar[str] = "sync.failed"
    proposal_id: str
    message: str


AnyEntry = (
    ProposalCreated
    | ProposalDecided
    | ProposalAnswered
    | ProposalSuperseded
    | ProposalReopened
    | JobStarted
    | RunWaiting
    | RunStarted
    | RunFinished
    | ExperimentCompared
    | BaselineMeasured
    | TrialFinished
    | SweepFinished
    | SweepConfirmed
    | ExperimentFailed
    | ExperimentStopped
    | ExperimentConcluded
    | ExperimentAccepted
    | ExperimentDiscarded
    | ReproductionStarted
    | ReproductionRun
    | ReproductionFinished
    | SyncFailed
)

ENTRIES: dict[str, type[AnyEntry]] = {entry.type: entry for entry in cast("tuple[type[AnyEntry], ...]", get_args(AnyEntry))}

AnyMatter = (
    ChangePassed | UnplannedTraining | UnplannedSettled | GrantGiven | GrantRevoked | MetricConfirmed | PromotionIntended | PromotionDecided
)
"""Records about no single experiment."""
