"""The label: how its classes are spread, and columns that tell it too well."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.data_checks.columns import looks_numbering
from mltui.experiments.data_checks.report import Finding
from mltui.experiments.data_checks.sample import Values
from mltui.experiments.data_checks.scan import Column, Scanned

FOLDS = 5
_ROWS = 50
_LOOKED = 20_000
_BINS = 50
_CLASSES = 20
_ERROR, _WARNING = 0.98, 0.93
"""AUC of one column alone (R² for a number) from which it is said."""

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def is_classes(column: Column, rows: int) -> bool:
    """Whether the label is one of some classes rather than a quantity."""
    if column.kind != "number":
        return True
    return column.values is not None and len(column.values) <= max(2, min(100, rows // 10))


def balance(scanned: Scanned, target: str) -> Iterator[Finding]:
    """How the classes are spread. Says nothing of a label that is a quantity."""
    column = scanned.columns[target]
    if not is_classes(column, scanned.rows):
        return
    if column.values is None:
        yield _about(scanned, target, "warning", "classes", "it has over a thousand different labels", "Is it the label? Is it free text?")
        return
    counts = column.values.most_common()
    total = sum(count for _, count in counts)
    if not total:
        return
    shown = tuple(f"{value}: {count:,}" for value, count in ([*counts[:2], *counts[-2:]] if len(counts) > 4 else counts))
    if len(counts) == 1:
        yield _about(scanned, target, "error", "classes", "there is one class only", "Nothing can be learned; find the other rows", shown)
        return
    rare = [value for value, count in counts if count < 2 * FOLDS]
    if rare:
        yield _about(
            scanned,
            target,
            "warning",
            "classes",
            f"classes with fewer than {2 * FOLDS} rows: {len(rare):,}",
            "Collect more, merge them, or leave them out; stratified splits need some in each",
            tuple(rare[:4]),
        )
    most, least = counts[0][1], counts[-1][1]
    if most >= 10 * least or most / total > 0.9:
        text = f"the classes are unequal: {most / least:,.0f} to 1; always saying {counts[0][0]!r} is right in {most / total:.1%}"
        yield _about(scanned, target, "warning", "imbalance", text, "Stratify the splits, and measure PR-AUC or balanced accuracy", shown)


def telling(scanned: Scanned, target: str) -> Iterator[Finding]:
    """Columns that by themselves predict the label almost without error, cross-validated: it may have leaked into them."""
    label = scanned.sample.columns[target]
    chosen = np.flatnonzero(~label.missing)[:_LOOKED]
    if len(chosen) < _ROWS:
        return
    classes = is_classes(scanned.columns[target], scanned.rows)
    truth = _one_hot(label.codes[chosen]) if classes else label.floats[chosen][:, None]
    if truth.shape[1] == 0 or (not classes and float(np.nanstd(truth)) == 0):
        return
    rng = np.random.default_rng(0)
    folds = rng.permutation(len(chosen)) % FOLDS
    for name, values in scanned.sample.columns.items():
        column = scanned.columns[name]
        if name == target or not column.present or looks_numbering(name, column, values, scanned.rows):
            continue
        number = column.kind in ("number", "time")
        score, folded = _score(values, chosen, truth, folds, number, classes)
        if score < _WARNING:
            continue
        measure = "AUC" if classes else "R²"
        missing = " (by whether it is missing)" if folded else ""
        yield _about(
            scanned,
            name,
            "error" if score >= _ERROR else "warning",
            "leak.target",
            f"it alone predicts {target} with {measure} {score:.3f}{missing}, cross-validated on {len(chosen):,} rows",
            "Is it known before the label is? If not, leave it out",
        )


def _score(values: Values, chosen: Codes, truth: Floats, folds: Codes, number: bool, classes: bool) -> tuple[float, bool]:
    missing = values.missing[chosen]
    best = 0.0
    groups = _bins(values.floats[chosen], missing) if number else values.codes[chosen]
    predicted = _by_group(groups, truth, folds)
    best = _quality(predicted, truth, classes)
    if number and not classes:
        best = max(best, _quality(_linear(values.floats[chosen], truth, folds), truth, classes))
    if best >= _WARNING and missing.any() and not missing.all():
        alone = _quality(_by_group(missing.astype(np.int64), truth, folds), truth, classes)
        return best, alone >= 0.95 * best
    return best, False


def _bins(floats: Floats, missing: NDArray[np.bool_]) -> Codes:
    """Quantile bins; missing is a bin of its own. A number with few values keeps them."""
    known = floats[~missing]
    known = known[~np.isnan(known)]
    if not len(known):
        return np.zeros(len(floats), np.int64)
    distinct = np.unique(known)
    edges = distinct if len(distinct) <= _BINS else np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
    found = np.searchsorted(edges, floats, side="right").astype(np.int64)
    found[missing | np.isnan(floats)] = len(edges) + 1
    return found


def _by_group(groups: Codes, truth: Floats, folds: Codes) -> Floats:
    """For each row the mean label of its group in the other folds, drawn towards the mean of all where the group is small."""
    _, codes = np.unique(groups, return_inverse=True)
    codes = codes.reshape(-1)
    count = int(codes.max()) + 1
    predicted = np.empty_like(truth)
    for fold in range(FOLDS):
        inside, outside = folds != fold, folds == fold
        sizes = np.bincount(codes[inside], minlength=count)
        for column in range(truth.shape[1]):
            mean = float(truth[inside, column].mean())
            sums = np.bincount(codes[inside], weights=truth[inside, column], minlength=count)
            predicted[outside, column] = ((sums + mean) / (sizes + 1))[codes[outside]]
    return predicted


def _linear(floats: Floats, truth: Floats, folds: Codes) -> Floats:
    known = np.isfinite(floats)
    predicted = np.empty_like(truth)
    for fold in range(FOLDS):
        inside = (folds != fold) & known
        mean = float(truth[folds != fold].mean())
        x, y = floats[inside], truth[inside, 0]
        with np.errstate(all="ignore"):
            spread = float(((x - x.mean()) ** 2).sum()) if len(x) > 2 else 0.0
            slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 0 else 0.0
        outside = folds == fold
        own = np.where(known[outside], floats[outside], x.mean() if len(x) else 0.0)
        predicted[outside, 0] = (float(y.mean()) + slope * (own - x.mean())) if spread > 0 else mean
    return predicted


def _quality(predicted: Floats, truth: Floats, classes: bool) -> float:
    if not classes:
        errors, spread = float(((truth - predicted) ** 2).sum()), float(((truth - truth.mean()) ** 2).sum())
        return 1 - errors / spread if spread > 0 and np.isfinite(errors) else 0.0
    scores = [_auc(predicted[:, column], truth[:, column] > 0.5) for column in range(truth.shape[1])]
    return float(np.mean(scores)) if scores else 0.0


def _auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """The area under the ROC curve, as the Mann–Whitney statistic with ties counted half."""
    _, codes, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - (sizes - 1) / 2
    ranks = middle[codes.reshape(-1)]
    count = int(positive.sum())
    return (float(ranks[positive].sum()) - count * (count + 1) / 2) / (count * (len(scores) - count))


def _one_hot(codes: Codes) -> Floats:
    """The commonest classes against the rest; a class needs ten rows, and ten others."""
    names, counts = np.unique(codes, return_counts=True)
    kept = [
        name for count, name in sorted(zip(counts.tolist(), names.tolist(), strict=True), reverse=True) if 10 <= count <= len(codes) - 10
    ]
    if len(kept) == 2 and len(names) == 2:
        kept = kept[:1]
    return np.stack([(codes == name).astype(np.float64) for name in kept[:_CLASSES]], axis=1) if kept else np.zeros((len(codes), 0))


def _about(scanned: Scanned, column: str, severity: str, check: str, text: str, action: str, examples: tuple[str, ...] = ()) -> Finding:
    return Finding.model_validate(
        {
            "severity": severity,
            "check": check,
            "dataset": scanned.name,
            "column": column,
            "text": text,
            "action": action,
            "examples": examples,
        }
    )
