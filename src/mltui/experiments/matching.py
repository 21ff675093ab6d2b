"""The predictions of both arms on the same examples, and the metric that they are tested by.

A metric is recomputed from predictions only where that gives what the runs reported: a name says too little (which F1?), and
predictions of another split would answer another question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltui.core.experiment import Run
from mltui.experiments import statistics_predictions as over_examples
from mltui.experiments.examples import (
    CLUSTER,
    LABEL,
    NAME,
    ONLY,
    PREDICTION,
    SCORE,
    Examples,
    ExamplesError,
    Source,
    Value,
)
from mltui.experiments.statistics import Floats
from mltui.experiments.statistics_predictions import Metric

AGREEMENT = 1e-3
"""A recomputed metric may differ from the reported one by this share: reports are rounded."""

_POSITIVE = ("1", "1.0", "true", "yes", "positive", "pos")


@dataclass(frozen=True, slots=True)
class Matched:
    """Both arms on the same examples; a row for each example, a column for each run.

    Attributes:
        what: the metric in words.
        labels: of the examples; all zero where the metric needs none.
        classes: whether `baseline` and `candidate` are predicted classes, right or wrong.
        clusters: a number for each example, where they are not independent.
    """

    what: str
    metric: Metric
    labels: Floats
    baseline: Floats
    candidate: Floats
    classes: bool = False
    stratified: bool = False
    clusters: NDArray[np.int64] | None = None

    @property
    def alone(self) -> bool:
        """Whether an arm is one set of predictions, of one run or the same of all."""
        return all(bool((arm == arm[:, :1]).all()) for arm in (self.baseline, self.candidate))

    def first(self) -> Matched:
        """One run an arm."""
        return Matched(
            self.what, self.metric, self.labels, self.baseline[:, :1], self.candidate[:, :1], self.classes, self.stratified, self.clusters
        )


@dataclass(frozen=True, slots=True)
class _Measure:
    """Attributes: scores: of an arm's run, a number for each example; None where the run has no such column."""

    what: str
    metric: Metric
    scores: Callable[[Examples], Sequence[float] | None]
    labels: Sequence[float] | None = None
    classes: bool = False
    stratified: bool = False


def match(name: str, baseline: Sequence[Run], candidate: Sequence[Run], source: Source) -> Matched:
    """The examples of finished runs, the n-th of an arm with the n-th of the other.

    Raises: ExamplesError: they cannot decide about the metric; says why.
    """
    runs = [*baseline, *candidate]
    tables = _in_one_order([source(run) for run in runs])
    labels = _same_labels(tables)
    measures = [*_measures(name, labels, tables)]
    problem = f"nothing in the predictions gives {name}: write a column {name}, or label and prediction"
    for measure in measures:
        columns = [measure.scores(table) for table in tables]
        scores = np.array([column for column in columns if column is not None], dtype=np.float64).T
        if len(columns) != scores.shape[-1] or not scores.size or not np.isfinite(scores).all():
            continue
        known = np.zeros(len(scores)) if measure.labels is None else np.asarray(measure.labels, dtype=np.float64)
        wrong = _disagreement(name, measure, known, scores, runs)
        if wrong is None:
            arms = scores[:, : len(baseline)], scores[:, len(baseline) :]
            binary = measure.metric is over_examples.mean_score and bool(np.isin(scores, (0, 1)).all())
            right = np.ones(len(scores)) if binary else known
            clusters = _clusters(tables[0])
            return Matched(measure.what, measure.metric, right, *arms, measure.classes or binary, measure.stratified, clusters)
        problem = wrong
    raise ExamplesError(problem)


def _in_one_order(tables: Sequence[Examples]) -> list[Examples]:
    """By the examples' names, where they have any. Raises: ExamplesError: they are not the same examples."""
    names = [table.column(NAME) for table in tables]
    if any(table.n != tables[0].n for table in tables):
        counts = sorted({table.n for table in tables})
        raise ExamplesError(f"the runs were not measured on the same examples: {counts[0]:,} to {counts[-1]:,} of them")
    if any(found is None for found in names):
        if any(found is not None for found in names):
            raise ExamplesError("some runs name their examples and some do not")
        return [*tables]
    ordered: list[Examples] = []
    first = _positions(names[0] or ())
    for table, own in zip(tables, names, strict=True):
        places = _positions(own or ())
        if places.keys() != first.keys():
            raise ExamplesError(f"the runs were not measured on the same examples: {len(places.keys() - first.keys()):,} are others")
        order = [places[name] for name in first]
        ordered.append(Examples({column: tuple(values[at] for at in order) for column, values in table.columns.items()}))
    return ordered


def _positions(names: Sequence[Value]) -> dict[Value, int]:
    places = {name: at for at, name in enumerate(names)}
    if len(places) != len(names):
        raise ExamplesError("an example is there twice")
    return places


def _same_labels(tables: Sequence[Examples]) -> tuple[Value, ...] | None:
    labels = [table.column(LABEL) for table in tables]
    if any(found != labels[0] for found in labels):
        raise ExamplesError("the labels of the same examples differ between the runs")
    return labels[0]


def _clusters(table: Examples) -> NDArray[np.int64] | None:
    found = table.column(CLUSTER)
    return None if found is None else over_examples.codes([*found])


def _measures(name: str, labels: Sequence[Value] | None, tables: Sequence[Examples]) -> Iterator[_Measure]:
    """What the metric may be by its name, the likeliest first."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    yield _Measure(f"mean of {name}", over_examples.mean_score, lambda table: table.numbers((name,)))
    yield _Measure(f"mean of {name}", over_examples.mean_score, lambda table: table.numbers((ONLY, "correct", "score")))
    if labels is None:
        return
    numbered = _numbered([*labels, *(value for table in tables for value in table.column(PREDICTION) or ())])
    classes = [float(numbered[label]) for label in labels]

    def predicted(table: Examples) -> list[float] | None:
        found = table.column(PREDICTION)
        return None if found is None else [float(numbered[value]) for value in found]

    for what, metric in _of_classes(words, numbered):
        yield _Measure(what, metric, predicted, classes, classes=what in ("accuracy", "error rate"))
    positive = _positive(sorted(set(labels), key=_order))
    if words & {"auc", "auroc", "roc"} and len(set(labels)) == 2:
        binary = [float(label == positive) for label in labels]
        yield _Measure("AUC", over_examples.auc, lambda table: table.numbers(SCORE), binary, stratified=True)
    numbers = Examples({"label": tuple(labels)}).numbers(("label",))
    for word, metric in _OF_NUMBERS.items():
        if word in words and numbers is not None:
            yield _Measure(word.upper(), metric, lambda table: table.numbers(PREDICTION), numbers)


_OF_NUMBERS: dict[str, Metric] = {
    "rmse": over_examples.root_mean_squared_error,
    "mse": over_examples.mean_squared_error,
    "mae": over_examples.mean_absolute_error,
}


def _of_classes(words: set[str], numbered: Mapping[Value, int]) -> Iterator[tuple[str, Metric]]:
    if words & {"acc", "accuracy", "correct", "exact"}:
        yield "accuracy", over_examples.accuracy
    if words & {"error", "err"}:
        yield "error rate", over_examples.error_rate
    if not any(word.startswith("f1") for word in words):
        return
    if len(numbered) == 2:
        yield "F1 of the positive class", over_examples.f1_of(float(numbered[_positive([*numbered])]))
    yield "macro F1", over_examples.f1_macro
    yield "weighted F1", over_examples.f1_weighted
    yield "micro F1", over_examples.accuracy


def _numbered(values: Sequence[Value]) -> dict[Value, int]:
    return {value: at for at, value in enumerate(sorted(set(values), key=_order))}


def _order(value: Value) -> tuple[int, Any]:
    return (0, value) if isinstance(value, float) else (1, value)


def _positive(classes: Sequence[Value]) -> Value:
    return next((name for name in classes if str(name).lower() in _POSITIVE), classes[-1])


def _disagreement(name: str, measure: _Measure, labels: Floats, scores: Floats, runs: Sequence[Run]) -> str | None:
    """How the recomputed metric differs from what a run reported; None: in none."""
    whole = np.ones((1, len(scores)))
    for at, run in enumerate(runs):
        found, said = float(measure.metric(labels, scores[:, [at]], whole)[0]), run.metrics[name]
        if not abs(found - said) <= AGREEMENT * max(abs(found), abs(said)):
            where = f"{run.arm} seed {run.seed}"
            return f"the predictions do not give the {name} that was reported: {measure.what} {found:.4g}, not {said:.4g} ({where})"
    return None
