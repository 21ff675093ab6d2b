"""What an analysis of errors finds, as data: it is shown in a terminal, put into a report, drawn, and given to the agent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mltui.core.data import Data
from mltui.core.experiment import Arm


class ClassScore(Data):
    """Attributes: support: examples of the class, over all runs."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


class Bin(Data):
    """Examples whose predictions were given about the same probability.

    Attributes:
        confidence, accuracy: means over the examples.
        low, high: Wilson's 95 % interval of the accuracy.
    """

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int


class Calibration(Data):
    """Attributes: ece: expected calibration error; brier: mean squared error of the probability of the second of two classes."""

    bins: tuple[Bin, ...]
    ece: float
    brier: float | None = None
    n: int


class Residuals(Data):
    """Prediction minus label.

    Attributes:
        bias: mean; mae: mean size; rmse: root of the mean square; r2: share of the labels' variance that is explained.
        quantiles: of the residuals, at 5, 25, 50, 75 and 95 %.
    """

    n: int
    bias: float
    mae: float
    rmse: float
    r2: float | None
    quantiles: tuple[float, float, float, float, float]


class ArmErrors(Data):
    """One arm, over all its runs that left predictions.

    Attributes:
        matrix: counts, rows the true classes, columns the predicted; None where there are too many classes.
        macro, weighted: means of the classes' scores, plain and by support.
    """

    arm: Arm
    runs: int
    n: int
    accuracy: float | None = None
    matrix: tuple[tuple[int, ...], ...] | None = None
    classes: tuple[ClassScore, ...] = ()
    macro: ClassScore | None = None
    weighted: ClassScore | None = None
    calibration: Calibration | None = None
    residuals: Residuals | None = None


class Slice(Data):
    """Examples with one value of a logged column.

    Attributes:
        value: `other (4 values)` where small groups were put together.
        baseline, candidate: accuracy, or mean size of the error; None where that arm left none.
        low, high: 95 % interval of the last arm's.
        diff, diff_low, diff_high: candidate minus baseline over the same examples, and its interval.
        p_adjusted: by Benjamini and Hochberg over all slices: this is exploration.
    """

    column: str
    value: str
    n: int
    baseline: float | None = None
    candidate: float | None = None
    low: float | None = None
    high: float | None = None
    diff: float | None = None
    diff_low: float | None = None
    diff_high: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None


class ErrorExample(Data):
    """One example.

    Attributes:
        key: its id, or `row 17`.
        baseline, candidate: what the runs of each arm said: the most frequent error, else the label; of numbers the mean.
        baseline_score, candidate_score: share of the runs that were right, or mean size of the error.
        confidence: of the candidate, mean over its runs.
        shown: a few of its other columns, cut.
    """

    key: str
    label: str
    baseline: str = ""
    candidate: str = ""
    baseline_score: float | None = None
    candidate_score: float | None = None
    confidence: float | None = None
    shown: dict[str, str] = Field(default_factory=dict)


class Confused(Data):
    """Attributes: baseline, candidate: how often a run of that arm took the one for the other, mean over the runs."""

    label: str
    predicted: str
    baseline: float | None = None
    candidate: float | None = None


class ErrorAnalysis(Data):
    """Where an experiment's predictions are wrong.

    Attributes:
        kind: whether a prediction is right or wrong, or how far it is off.
        names: the classes, in the order of every matrix.
        arms: in the order of the proposal's.
        paired: examples that both arms predicted, and over how many pairs of runs.
        fixed, broken: examples on which the candidate is right in more, or in fewer, runs (or errs less, more); None without pairs.
        most_fixed, most_broken: the clearest of them; worst: errors with the most confidence, or the largest.
        left_out: columns that are no slices, with the reason; notes: what else a reader should know.
    """

    kind: Literal["classes", "numbers"]
    names: tuple[str, ...] = ()
    arms: tuple[ArmErrors, ...]
    paired: int = 0
    pairs: int = 0
    fixed: int | None = None
    broken: int | None = None
    most_fixed: tuple[ErrorExample, ...] = ()
    most_broken: tuple[ErrorExample, ...] = ()
    worst: tuple[ErrorExample, ...] = ()
    confused: tuple[Confused, ...] = ()
    slices: tuple[Slice, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, arm: Arm) -> ArmErrors | None:
        """Returns: what is known of an arm."""
        return next((one for one in self.arms if one.arm == arm), None)
