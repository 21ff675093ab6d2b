"""What the journal's records carry, by type. The fold of them is the state of every experiment."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mltui.core.data import Data
from mltui.core.experiment import Approval, Arm, Comparison, Conclusion, Proposal, Run


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


class ExperimentDiscarded(Entry):
    type: ClassVar[str] = "experiment.discarded"
    by: str


class SyncFailed(Data):
    type: ClassVar[str] = "sync.failed"
    proposal_id: str
    message: str


AnyEntry = (
    ProposalCreated
    | ProposalDecided
    | JobStarted
    | RunStarted
    | RunFinished
    | ExperimentCompared
    | BaselineMeasured
    | ExperimentFailed
    | ExperimentStopped
    | ExperimentConcluded
    | ExperimentAccepted
    | ExperimentDiscarded
    | SyncFailed
)

ENTRIES: dict[str, type[AnyEntry]] = {
    entry.type: entry
    for entry in (
        ProposalCreated,
        ProposalDecided,
        JobStarted,
        RunStarted,
        RunFinished,
        ExperimentCompared,
        BaselineMeasured,
        ExperimentFailed,
        ExperimentStopped,
        ExperimentConcluded,
        ExperimentAccepted,
        ExperimentDiscarded,
        SyncFailed,
    )
}
