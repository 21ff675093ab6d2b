"""Proposals, runs and decisions: the data of experiments, with those of comparisons (`core.comparison`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mltui.core.comparison import Comparison as Comparison
from mltui.core.comparison import ComparisonPlan as ComparisonPlan
from mltui.core.comparison import Design as Design
from mltui.core.comparison import Direction as Direction
from mltui.core.comparison import Guardrail as Guardrail
from mltui.core.comparison import Metric as Metric
from mltui.core.comparison import SecondInterval as SecondInterval
from mltui.core.comparison import Verdict as Verdict
from mltui.core.data import Data, JsonObject, JsonValue
from mltui.core.origin import Origin
from mltui.core.reproduction import Reproduction
from mltui.core.sweep import Selection, SweepPlan, TrialState

ExperimentKind = Literal["train", "hparam", "prompt", "data", "eval", "infra"]
ExperimentState = Literal[
    "proposed",
    "held",
    "rejected",
    "superseded",
    "maintenance",
    "approved",
    "running",
    "failed",
    "stopped",
    "measured",
    "compared",
    "interpreted",
    "accepted",
    "discarded",
]
Recommendation = Literal["accept", "discard", "inconclusive"]
Arm = Literal["baseline", "candidate"]
Answer = Literal["approve", "reject", "hold", "maintenance", "ask"]
"""What a person may say to a proposal: `hold` defers, `ask` asks the agent, `maintenance` lets the change be without a run."""


class ParameterChange(Data):
    """One hyperparameter moved: where it stands, from what, to what."""

    name: str
    key: str
    before: JsonValue = None
    after: JsonValue = None


class Budget(Data):
    """What one approval may spend. `minutes` is wall time of all runs together."""

    minutes: float = 60.0
    runs: int = 64


class DataVersion(Data):
    """A data file as it was approved; `digest` is the SHA-256 in hexadecimal."""

    name: str
    digest: str
    size: int


class ControlledChange(Data):
    """A file under experiment that a proposal changes, and why it is under experiment."""

    path: str
    kind: ExperimentKind
    reason: str
    change: Literal["added", "modified", "deleted"] = "modified"


class ProposalRequest(Data):
    """What the agent asks for; the rest of a proposal is found out, not asked.

    Attributes:
        evaluation_reason: why evaluation changes together with what it evaluates; without it that is refused.
        supersedes: an open proposal that this one takes the place of.
    """

    title: str
    hypothesis: str
    methodology: str = ""
    changes: dict[str, JsonValue] = Field(default_factory=dict)
    entrypoint: str | None = None
    seeds: tuple[int, ...] | None = None
    minutes: float | None = None
    evaluation_reason: str = ""
    supersedes: str | None = None


class ProposalEdits(Data):
    """What a person changes of a proposal before approving it; None and empty: as proposed.

    Attributes:
        patch: the unified diff that takes the place of the proposal's, from the same base; parameters are set after it.
    """

    seeds: tuple[int, ...] | None = None
    minutes: float | None = None
    changes: dict[str, JsonValue] = Field(default_factory=dict)
    patch: str | None = None

    @property
    def empty(self) -> bool:
        return self.seeds is None and self.minutes is None and self.patch is None and not self.changes


class Exchange(Data):
    """A question that a person asked about a proposal, and the agent's answer (empty: not yet)."""

    question: str
    by: str
    answer: str = ""


class BaselineSummary(Data):
    """What is known of the baseline before anything runs: runs of the same tree, command, data and environment.

    Attributes:
        std: standard deviation over the seeds, in the metric's unit.
        source: the experiment that measured it.
    """

    mean: float
    std: float
    n: int
    source: str


class Power(Data):
    """What the planned seeds can show.

    Attributes:
        std: standard deviation of a paired difference, assumed or measured, in the metric's unit.
        detectable: the smallest difference that the plan finds with power 0.8.
        needed_n: pairs that `min_effect` would take; None without one.
        basis: where `std` comes from, for people.
    """

    std: float
    n: int
    detectable: float
    needed_n: int | None = None
    basis: str = ""


class Estimate(Data):
    """What the runs will cost. `minutes`: wall time of all runs, from earlier runs; None where nothing like it ever ran."""

    minutes: float | None = None
    runs: int = 0
    reused: int = 0
    basis: str = ""


class Review(Data):
    """What a person should know for the decision beyond the plan itself; found out, and no part of what an approval covers."""

    baseline: BaselineSummary | None = None
    power: Power | None = None
    estimate: Estimate | None = None
    warnings: tuple[str, ...] = ()


class Proposal(Data):
    """A plan that a person decides on, complete enough to be run and judged without asking again.

    Attributes:
        base_commit: the commit of the tree that the change starts from (the baseline's code).
        commit: the commit with the change, whose tree is `tree`.
        patch: the unified diff from base to proposal.
        command: the training command, with `{seed}` where the seed goes.
        data: the declared data files, digested.
        environment: digest of interpreter and packages that the runs use; empty where they are not known.
        evaluate: the evaluator's command, run from the baseline's tree; empty where the metrics are self-reported.
        test: how it is decided; None in journals of versions that paired by seed alone.
        sweep: the plan of a sweep, whose trials are made from the base with `seeds`; None: it compares.
        selected: the trial of a sweep that it confirms.
        origin: who the process that proposed belongs to; None in journals of versions that did not say.
        hash: SHA-256 over everything that an approval covers (see `experiments.proposals`).
    """

    id: str
    title: str
    kind: ExperimentKind
    hypothesis: str
    methodology: str
    metric: Metric
    guardrails: tuple[Guardrail, ...] = ()
    files: tuple[ControlledChange, ...] = ()
    parameters: tuple[ParameterChange, ...] = ()
    base_commit: str
    base_tree: str
    commit: str
    tree: str
    patch: str
    command: str
    seeds: tuple[int, ...]
    budget: Budget
    data: tuple[DataVersion, ...] = ()
    environment: str = ""
    evaluate: str = ""
    test: ComparisonPlan | None = None
    evaluation_reason: str = ""
    supersedes: str | None = None
    sweep: SweepPlan | None = None
    selected: Selection | None = None
    review: Review = Review()
    author: str
    session_id: str | None = None
    origin: Origin | None = None
    created: float
    hash: str

    @property
    def arms(self) -> tuple[Arm, ...]:
        """What is run: a plan that changes nothing measures the baseline."""
        return ("baseline",) if self.tree == self.base_tree else ("baseline", "candidate")

    @property
    def planned_runs(self) -> int:
        """Of a sweep with those that confirm its winner."""
        if self.sweep is not None:
            return self.sweep.trials * len(self.seeds) + 2 * len(self.sweep.confirm_seeds)
        return len(self.arms) * len(self.seeds)


class Approval(Data):
    """A decision about a proposal, bound to its hash."""

    proposal_id: str
    proposal_hash: str
    answer: Answer
    by: str
    at: float
    reason: str = ""
    origin: Origin | None = None


class Run(Data):
    """One run of one arm with one seed.

    Attributes:
        metrics: the evaluator's, or what the run reported of itself, last value of each.
        self_reported: what the run said of itself where an evaluator measured; shown, and satisfies no gate.
        model: the model that it left: path below the project and SHA-256; empty where none is declared.
        peak_memory: bytes that its processes held together at the most, as far as was seen; 0 where that was not recorded.
        signal: what ended it, as `SIGKILL`; empty where none did, or that was not recorded.
        message: what went wrong, for people, when it did not finish.
        notes: what a person should know of how it was logged.
        sandbox: what confined it: `bubblewrap`, `landlock` or `none`; empty where that was not recorded.
        evaluator: SHA-256 of what measured it (command, tree, data with labels); empty where it reported its own metrics, or
            where that was not recorded.
        per_example: SHA-256 of what the evaluator said of single examples; empty where it said nothing.
        reused: the run was made for an earlier proposal and stands for this one too (same tree,
            command, seed and data).
    """

    arm: Arm
    seed: int
    status: Literal["finished", "failed", "killed", "timeout"]
    metrics: dict[str, float] = Field(default_factory=dict)
    self_reported: dict[str, float] = Field(default_factory=dict)
    model: dict[str, str] = Field(default_factory=dict)
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    params: JsonObject = Field(default_factory=dict)
    started: float
    ended: float
    exit_code: int | None = None
    signal: str = ""
    message: str = ""
    notes: tuple[str, ...] = ()
    folder: str = ""
    sandbox: str = ""
    evaluator: str = ""
    per_example: str = ""
    reused: bool = False


class Trial(Data):
    """One setting of a sweep. Attributes: value: mean of the primary metric over the runs; None where there is none."""

    number: int
    params: JsonObject
    state: TrialState
    value: float | None = None
    runs: tuple[Run, ...] = ()
    message: str = ""

    @property
    def lost(self) -> bool:
        """Whether its process ended before a run of it did. It is made again under a new number, and is none of those asked for."""
        return not self.runs


class Conclusion(Data):
    """What the result means, in words, and what is recommended."""

    interpretation: str
    recommendation: Recommendation
    by: str
    at: float


class Clause(Data):
    """One requirement of a promotion.

    Attributes:
        found: what was found, for people.
        remedy: what to do where it does not hold.
        absolute: no person may override it: there would be nothing to promote.
    """

    name: str
    holds: bool
    found: str
    remedy: str = ""
    absolute: bool = False


class Experiment(Data):
    """Everything known of one proposal now: the fold of its journal events.

    Attributes:
        reproductions: attempts to get its numbers again, the latest last.
        trials: of a sweep.
        confirmation: the experiment that compares a sweep's winner with the baseline.
    """

    proposal: Proposal
    state: ExperimentState
    approval: Approval | None = None
    runs: tuple[Run, ...] = ()
    trials: tuple[Trial, ...] = ()
    comparison: Comparison | None = None
    guardrails: tuple[Comparison, ...] = ()
    conclusion: Conclusion | None = None
    exchanges: tuple[Exchange, ...] = ()
    reproductions: tuple[Reproduction, ...] = ()
    decided_by: str | None = None
    superseded_by: str | None = None
    confirmation: str | None = None
    message: str = ""

    @property
    def id(self) -> str:
        return self.proposal.id

    @property
    def repeating(self) -> bool:
        """Whether its runs are being made again."""
        return bool(self.reproductions) and self.reproductions[-1].state == "running"
