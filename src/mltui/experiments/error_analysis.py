"""Where predictions are wrong: which classes are taken for which, what the candidate fixed and broke, how sure it was, in which slices.

Runs are paired by seed, and their examples by id, or by their place in the file where the labels agree. All counts are over all runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltui.core.experiment import Arm
from mltui.experiments.error_facts import ArmErrors, Confused, ErrorAnalysis, ErrorExample
from mltui.experiments.error_measures import calibration_of, class_scores, matrix_of, residuals_of
from mltui.experiments.error_runs import PredictedRun, Predictions
from mltui.experiments.error_slices import Scores, slices_of
from mltui.experiments.prediction_table import coded
from mltui.experiments.render import clean

MOST_IN_MATRIX, MOST_SCORED = 40, 200
"""Classes up to which there is a matrix, and a score for each."""
SHOWN = 20
"""Examples of a kind, and pairs of confused classes."""
ARMS: tuple[Arm, Arm] = ("baseline", "candidate")
_COLUMNS, _CUT = 4, 120


def analyse(found: Predictions) -> ErrorAnalysis | None:
    """Returns: the analysis; None where no run left predictions."""
    if found.reference is None:
        return None
    names = found.names.sorted() if found.kind == "classes" else ()
    arms = tuple(_arm(arm, runs, names, found) for arm, runs in found.runs.items() if runs)
    scores = _scores(found)
    gain = None if scores.difference is None else scores.difference if scores.better == "more" else -scores.difference
    slices, left_out = slices_of(found.reference, scores)
    look = _Look(found, scores)
    return ErrorAnalysis(
        kind=found.kind,
        names=names if len(names) <= MOST_SCORED else (),
        arms=arms,
        paired=0 if gain is None else int(np.isfinite(gain).sum()),
        pairs=scores.runs if gain is not None else 0,
        fixed=None if gain is None else int((gain > 0).sum()),
        broken=None if gain is None else int((gain < 0).sum()),
        most_fixed=() if gain is None else look.examples(_clearest(gain, look.confidence)),
        most_broken=() if gain is None else look.examples(_clearest(-gain, look.confidence)),
        worst=look.examples(look.worst()),
        confused=_confused(found) if found.kind == "classes" else (),
        slices=slices,
        left_out=left_out,
        notes=tuple(found.notes),
    )


def _arm(arm: Arm, runs: Mapping[int, PredictedRun], names: tuple[str, ...], found: Predictions) -> ArmErrors:
    every = [*runs.values()]
    n = sum(len(run.true) for run in every)
    if found.kind == "numbers":
        true, predicted = (np.concatenate([getattr(run, name) for run in every]) for name in ("true", "predicted"))
        return ArmErrors(arm=arm, runs=len(every), n=n, residuals=residuals_of(true, predicted))
    true, predicted = found.names.ranked([run.true for run in every]), found.names.ranked([run.predicted for run in every])
    right = true == predicted
    made = ArmErrors(arm=arm, runs=len(every), n=n, accuracy=float(right.mean()))
    if all(run.confidence is not None for run in every):
        sure = np.concatenate([run.confidence for run in every if run.confidence is not None]).astype(np.float64)
        positive = np.concatenate([run.positive for run in every if run.positive is not None] or [np.zeros(0)]).astype(np.float64)
        whole = len(positive) == n and len(names) == 2
        made = made.model_copy(
            update={"calibration": calibration_of(sure, right, positive if whole else None, true == 1 if whole else None)}
        )
    if len(names) > MOST_SCORED:
        return made
    matrix = matrix_of(true, predicted, len(names))
    classes, macro, weighted = class_scores(matrix, names)
    rows = tuple(tuple(int(count) for count in row) for row in matrix) if len(names) <= MOST_IN_MATRIX else None
    return made.model_copy(update={"matrix": rows, "classes": classes, "macro": macro, "weighted": weighted})


def _scores(found: Predictions) -> Scores:
    """The mean score of each example, over the pairs of runs; over all runs of the last arm where there are no pairs."""
    pairs = found.pairs()
    if pairs:
        before, after = (_mean([found.runs[arm][seed].scores for seed in pairs]) for arm in ARMS)
        return Scores(before, after, after - before, len(pairs), found.better)
    placed = {arm: [run.scores for run in runs.values() if run.place is not None] for arm, runs in found.runs.items()}
    last: Arm = "candidate" if placed.get("candidate") else "baseline"
    mean = _mean(placed[last])
    return Scores(mean if last == "baseline" else None, mean if last == "candidate" else None, None, 0, found.better)


def _mean(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Of each column, without what is missing; nan where all is."""
    total, count = np.zeros(len(rows[0])), np.zeros(len(rows[0]))
    for row in rows:
        known = np.isfinite(row)
        total[known] += row[known]
        count += known
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def _clearest(gain: NDArray[np.float64], confidence: NDArray[np.float64] | None) -> list[int]:
    """Rows with the greatest gain; among equals those that the candidate is surest of."""
    rows = np.flatnonzero(gain > 0)
    sure = np.zeros(len(rows)) if confidence is None else np.nan_to_num(confidence[rows])
    return [int(row) for row in rows[np.lexsort((rows, -sure, -gain[rows]))[:SHOWN]]]


class _Look:
    """Single examples, as people want to see them."""

    def __init__(self, found: Predictions, scores: Scores) -> None:
        assert found.reference is not None
        self._found, self._scores, self._reference = found, scores, found.reference
        self._last: Arm = "candidate" if scores.candidate is not None else "baseline"
        sure = [
            run.placed(run.confidence) for run in found.runs[self._last].values() if run.confidence is not None and run.place is not None
        ]
        self.confidence = _mean(sure) if sure else None

    def worst(self) -> list[int]:
        """Errors that the last arm is surest of; without probabilities those of most runs; of numbers the largest."""
        score = self._scores.candidate if self._last == "candidate" else self._scores.baseline
        assert score is not None
        off = np.nan_to_num(score if self._found.better == "less" else 1 - score)
        if self._found.better == "more" and self.confidence is not None:
            off = off * np.nan_to_num(self.confidence)
        rows = np.flatnonzero(off > 0)
        return [int(row) for row in rows[np.lexsort((rows, -off[rows]))[:SHOWN]]]

    def examples(self, rows: Sequence[int]) -> tuple[ErrorExample, ...]:
        return tuple(map(self._example, rows))

    def _example(self, row: int) -> ErrorExample:
        reference, scores = self._reference, self._scores
        key = f"row {row + 1}" if reference.keys is None else _text(reference.keys[1], row)
        label = reference.labels.names[int(reference.labels.codes[row])]
        columns = [*reference.table.items()][:_COLUMNS]
        shown = {clean(name)[:60]: _cut(_text(column, row)) for name, column in columns}
        return ErrorExample(
            key=key,
            label=label,
            baseline=self._said("baseline", row, label),
            candidate=self._said("candidate", row, label),
            baseline_score=_known(scores.baseline, row),
            candidate_score=_known(scores.candidate, row),
            confidence=_known(self.confidence, row),
            shown=shown,
        )

    def _said(self, arm: Arm, row: int, label: str) -> str:
        said = [value for run in self._found.runs.get(arm, {}).values() if (value := run.at(row)) is not None]
        if not said:
            return ""
        if self._found.kind == "numbers":
            return f"{float(np.mean(said)):.6g}"
        names = Counter(self._found.names.name(int(code)) for code in said)
        wrong = [name for name, _ in names.most_common() if name != label]
        return wrong[0] if wrong else label


def _text(column: Any, row: int) -> str:
    value: object = column[row].as_py()
    return f"{value:.6g}" if isinstance(value, float) and not value.is_integer() else coded(column.slice(row, 1)).names[0]


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else f"{text[: _CUT - 1]}…"


def _known(values: NDArray[np.float64] | None, row: int) -> float | None:
    return None if values is None or not np.isfinite(values[row]) else float(values[row])


def _confused(found: Predictions) -> tuple[Confused, ...]:
    """The pairs of classes that are taken for one another most often, by either arm."""
    size = len(found.names)
    counts: dict[Arm, Counter[int]] = {}
    for arm, runs in found.runs.items():
        counter = counts.setdefault(arm, Counter())
        for run in runs.values():
            wrong = run.true != run.predicted
            pairs, often = np.unique(run.true[wrong].astype(np.int64) * size + run.predicted[wrong], return_counts=True)
            counter.update(dict(zip(pairs.tolist(), often.tolist(), strict=True)))
    each = {
        arm: {pair: count / len(found.runs[arm]) for pair, count in counter.items()} for arm, counter in counts.items() if found.runs[arm]
    }
    most = sorted({pair for one in each.values() for pair in one}, key=lambda pair: (-max(one.get(pair, 0) for one in each.values()), pair))

    def of(arm: Arm, pair: int) -> float | None:
        return each[arm].get(pair, 0.0) if arm in each else None

    return tuple(
        Confused(
            label=found.names.name(pair // size),
            predicted=found.names.name(pair % size),
            baseline=of("baseline", pair),
            candidate=of("candidate", pair),
        )
        for pair in most[:SHOWN]
    )
