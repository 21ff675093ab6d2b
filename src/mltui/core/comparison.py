"""Metrics, the plan of a comparison, and its verdict: the data of comparisons."""

from __future__ import annotations

from typing import Literal

from mltui.core.data import Data

Direction = Literal["maximize", "minimize"]
Verdict = Literal["better", "worse", "equivalent", "inconclusive"]
Design = Literal["auto", "paired-seeds", "folds", "predictions", "unpaired"]
"""What a comparison takes for independent of each other: seeds, splits of one data set, examples, or runs without partners."""


class Metric(Data):
    """A number to decide by.

    Attributes:
        min_effect: the smallest difference worth having, in the metric's own unit.
    """

    name: str
    direction: Direction = "maximize"
    unit: str = ""
    min_effect: float = 0.0


class Guardrail(Data):
    """A metric that must not get worse by more than `margin`: a number, or a share such as `5%`."""

    name: str
    direction: Direction = "minimize"
    margin: str


class ComparisonPlan(Data):
    """The test that decides, stated before anything runs.

    Attributes:
        design: `auto`: paired by seed; on predictions where the seed changes nothing; unpaired where no seed is in both arms.
        n_train, n_test: examples in a split, of `folds`.
    """

    design: Design = "auto"
    n_train: int = 0
    n_test: int = 0

    @property
    def text(self) -> str:
        """In words, for people."""
        return {
            "auto": "paired by seed, exact sign-flip test; on predictions if the seed changes nothing",
            "paired-seeds": "paired by seed, exact sign-flip test",
            "folds": f"paired by split, corrected resampled t ({self.n_train:,} examples to train, {self.n_test:,} to test)",
            "predictions": "on the same examples, McNemar or paired bootstrap",
            "unpaired": "runs without partners, Welch t",
        }[self.design]


class SecondInterval(Data):
    """Another interval of the same difference: shown, and decides nothing."""

    low: float
    high: float
    method: str


class Comparison(Data):
    """Candidate against baseline on one metric. `diff` is candidate minus baseline, in the metric's unit.

    Attributes:
        design: what was taken for independent; never `auto`.
        n, of: how many of what the test is over: pairs of seeds or splits, examples, clusters, samples, or runs of both arms.
        ci_low, ci_high: interval of the mean difference at `confidence`.
        p_value: two-sided, of `test`.
        effect_size: what `effect_name` says (Cohen's d_z for paired differences).
        needed_n: about how many of these would show `min_effect` with power 0.8, when inconclusive.
        notes: what to know of the test, for people.
    """

    metric: Metric
    design: Design = "paired-seeds"
    test: str
    n: int
    of: str = "seed"
    baseline_mean: float
    candidate_mean: float
    baseline_std: float
    candidate_std: float
    diff: float
    confidence: float = 0.95
    ci_low: float
    ci_high: float
    ci_method: str
    p_value: float
    effect_size: float | None
    effect_name: str
    alpha: float = 0.05
    ties: int = 0
    needed_n: int | None = None
    verdict: Verdict
    summary: str
    pairs: tuple[tuple[int, float, float], ...] = ()
    second: SecondInterval | None = None
    notes: tuple[str, ...] = ()
