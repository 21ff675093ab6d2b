"""An analysis of errors as markdown."""

from __future__ import annotations

from mltui.experiments.error_facts import ErrorAnalysis, ErrorExample, Slice
from mltui.experiments.error_summary import summary_lines
from mltui.experiments.markdown_text import code, table
from mltui.experiments.render import p_text

EXAMPLES = 10
_CLASSES = 60


def errors_text(found: ErrorAnalysis) -> str:
    """Returns: the summary, then scores of classes, residuals, slices and single examples as tables."""
    parts = ["\n".join(f"- {code(line) if '<' in line or '[' in line else line}" for line in summary_lines(found))]
    parts += [_classes(found), _residuals(found), _slices(found)]
    words = ("Broken", "Fixed", "Most confident errors") if found.kind == "classes" else ("Further off", "Closer", "Furthest off")
    for word, examples in zip(words, (found.most_broken, found.most_fixed, found.worst), strict=True):
        if examples:
            parts += [f"**{word}**", _examples(found, examples[:EXAMPLES])]
    return "\n\n".join(part for part in parts if part)


def _moved(values: list[float], form: str) -> str:
    return " → ".join(f"{value:{form}}" for value in values)


def _classes(found: ErrorAnalysis) -> str:
    arms = [one for one in found.arms if one.classes]
    if not arms:
        return ""
    rows = [["class", "precision", "recall", "F1", "n"]]
    means = [[one for one in (getattr(arm, name) for arm in arms) if one is not None] for name in ("macro", "weighted")]
    for scores in [*zip(*(arm.classes[:_CLASSES] for arm in arms), strict=True), *filter(None, means)]:
        values = [_moved([getattr(score, name) for score in scores], ".3f") for name in ("precision", "recall", "f1")]
        rows.append([scores[0].name, *values, str(scores[-1].support)])
    return table(rows)


def _residuals(found: ErrorAnalysis) -> str:
    arms = [(one.arm, one.residuals) for one in found.arms if one.residuals is not None]
    if not arms:
        return ""
    rows = [["arm", "bias", "mean |error|", "RMSE", "R²", "5 %", "25 %", "50 %", "75 %", "95 %"]]
    for arm, one in arms:
        r2 = "–" if one.r2 is None else f"{one.r2:.4f}"
        rows.append([arm, f"{one.bias:.4g}", f"{one.mae:.5g}", f"{one.rmse:.5g}", r2, *(f"{value:.4g}" for value in one.quantiles)])
    return table(rows)


def _slices(found: ErrorAnalysis) -> str:
    if not found.slices:
        return ""
    what = "accuracy" if found.kind == "classes" else "mean |error|"
    rows = [["slice", "n", what, "difference", "p (Benjamini-Hochberg)"], *map(_slice, found.slices)]
    return table(rows)


def _slice(one: Slice) -> list[str]:
    values = _moved([value for value in (one.baseline, one.candidate) if value is not None], ".4g")
    known = one.diff is not None and one.diff_low is not None and one.diff_high is not None
    difference = f"{one.diff:+.3g} [{one.diff_low:.3g}, {one.diff_high:.3g}]" if known else "–"
    return [f"{one.column} = {one.value}", str(one.n), values, difference, "–" if one.p_adjusted is None else p_text(one.p_adjusted)]


def _examples(found: ErrorAnalysis, examples: tuple[ErrorExample, ...]) -> str:
    rows = [["example", "label", "said", "right in" if found.kind == "classes" else "off by", "sure", "more"]]
    for one in examples:
        said = " → ".join(text for text in (one.baseline, one.candidate) if text)
        scores = [score for score in (one.baseline_score, one.candidate_score) if score is not None]
        sure = "–" if one.confidence is None else f"{one.confidence:.2f}"
        more = ", ".join(f"{name}={text}" for name, text in one.shown.items())
        rows.append([one.key, one.label, said, _moved(scores, ".0%" if found.kind == "classes" else ".4g"), sure, more])
    return table(rows)
