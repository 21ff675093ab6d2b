"""Where predictions are wrong: read from every kind of file, matched by example, and measured as scikit-learn measures."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.core.experiment import Arm
from mltui.experiments.error_analysis import analyse
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.error_measures import calibration_of, class_scores, matrix_of, residuals_of, wilson
from mltui.experiments.error_runs import read_predictions
from mltui.experiments.error_summary import summary_lines
from mltui.experiments.prediction_table import table_in
from mltui.experiments.statistics_independent import mcnemar

Rows = list[dict[str, object]]


def write_csv(folder: Path, rows: Rows, name: str = "predictions.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", newline="") as file:
        table = csv.DictWriter(file, [*rows[0]])
        table.writeheader()
        table.writerows(rows)
    return folder


def analysed(root: Path, runs: dict[tuple[Arm, int], Rows]) -> ErrorAnalysis:
    folders = {(arm, seed): [write_csv(root / f"{arm}-{seed}", rows)] for (arm, seed), rows in runs.items()}
    found = analyse(read_predictions(folders))
    assert found is not None
    return found


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_the_scores_of_classes_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    from sklearn.metrics import classification_report

    true, predicted = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    names = ("a", "b", "c", "d")
    wanted = classification_report(true, predicted, labels=[0, 1, 2, 3], target_names=names, output_dict=True, zero_division=0)
    scores, macro, weighted = class_scores(matrix_of(true, predicted, 4), names)
    for one, key in (*zip(scores, names, strict=True), (macro, "macro avg"), (weighted, "weighted avg")):
        told = wanted[key]
        assert (one.precision, one.recall, one.f1, one.support) == pytest.approx(
            (told["precision"], told["recall"], told["f1-score"], told["support"])
        )


def test_calibration_is_the_gap_between_confidence_and_accuracy() -> None:
    from sklearn.metrics import brier_score_loss

    confidence = np.array([0.95] * 10 + [0.65] * 10)
    right = np.array([True] * 8 + [False] * 2 + [True] * 7 + [False] * 3)
    found = calibration_of(confidence, right, None, None)
    assert found.ece == pytest.approx((10 * 0.15 + 10 * 0.05) / 20) and found.brier is None
    assert [(one.n, round(one.accuracy, 3)) for one in found.bins] == [(10, 0.7), (10, 0.8)]
    positive, second = np.array([0.9, 0.2, 0.7]), np.array([True, False, False])
    brier = calibration_of(np.array([0.9, 0.8, 0.7]), np.array([True, True, False]), positive, second).brier
    assert brier == pytest.approx(brier_score_loss([1, 0, 0], positive))
    assert calibration_of(np.array([1.0]), np.array([True]), None, None).ece == 0


def test_an_interval_of_a_share_is_wilsons() -> None:
    from statsmodels.stats.proportion import proportion_confint

    for hits, n in ((0, 10), (3, 10), (10, 10), (810, 1000)):
        assert wilson(hits / n, n) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-12)


def test_what_was_fixed_and_broken_is_found_by_id_whatever_the_order(tmp_path: Path) -> None:
    labels = ["cat", "dog"] * 20

    def rows(wrong: set[int], order: list[int]) -> Rows:
        return [{"id": f"x{at}", "label": labels[at], "prediction": "owl" if at in wrong else labels[at]} for at in order]

    forth, back = [*range(40)], [*reversed(range(40))]
    runs: dict[tuple[Arm, int], Rows] = {
        ("baseline", 0): rows({1, 2}, forth),
        ("candidate", 0): rows({2, 3, 4}, back),
        ("baseline", 1): rows({1, 2, 4}, back),
        ("candidate", 1): rows({2, 3}, forth),
    }
    found = analysed(tmp_path, runs)
    assert (found.paired, found.pairs, found.fixed, found.broken) == (40, 2, 1, 1)  # x4 is wrong once in each arm
    assert [(one.key, one.label, one.baseline, one.candidate) for one in found.most_broken] == [("x3", "dog", "dog", "owl")]
    assert (found.most_broken[0].baseline_score, found.most_broken[0].candidate_score) == (1.0, 0.0)
    assert [one.key for one in found.most_fixed] == ["x1"] and found.worst[0].key in ("x2", "x3")
    assert found.names == ("cat", "dog", "owl")
    before, after = found.of("baseline"), found.of("candidate")
    assert before is not None and before.matrix == ((37, 0, 3), (0, 38, 2), (0, 0, 0)) and after is not None
    assert (before.accuracy, after.accuracy) == (75 / 80, 75 / 80)
    confused = {(one.label, one.predicted): (one.baseline, one.candidate) for one in found.confused}
    assert confused == {("cat", "owl"): (1.5, 1.5), ("dog", "owl"): (1.0, 1.0)}


def test_runs_on_other_examples_are_not_matched_but_counted(tmp_path: Path) -> None:
    one: Rows = [{"label": value, "prediction": "a"} for value in "aab"]
    other: Rows = [{"label": value, "prediction": "a"} for value in "aba"]
    found = analysed(tmp_path, {("baseline", 0): one, ("candidate", 0): other})
    assert found.broken is None and found.paired == 0 and not found.most_broken
    assert found.notes == ("1 run cannot be matched example by example: other rows, and no id",)
    assert [arm.n for arm in found.arms] == [3, 3]


def test_a_slice_that_got_worse_is_found_and_small_groups_are_put_together(tmp_path: Path) -> None:
    regions = ["eu"] * 200 + ["us"] * 200 + [f"rare-{at % 7}" for at in range(60)]

    def rows(wrong: range) -> Rows:
        return [
            {"id": at, "label": "a", "prediction": "b" if at in wrong else "a", "region": region, "size": at, "text": f"t{at}", "same": 1}
            for at, region in enumerate(regions)
        ]

    found = analysed(tmp_path, {("baseline", 0): rows(range(400, 410)), ("candidate", 0): rows(range(200, 240))})
    regions_found = {one.value: one for one in found.slices if one.column == "region"}
    assert {name: one.n for name, one in regions_found.items()} == {"eu": 200, "us": 200, "other (7 values)": 60}
    us = regions_found["us"]
    assert (us.baseline, us.candidate, us.diff) == (1.0, 0.8, pytest.approx(-0.2))
    assert us.p_value == pytest.approx(mcnemar(40, 0).p_value) and us.diff_high is not None and us.diff_high < 0
    assert regions_found["eu"].p_value == 1 and all(one.p_adjusted >= one.p_value for one in found.slices if one.p_adjusted and one.p_value)
    sizes = [one for one in found.slices if one.column == "size"]
    assert [one.value for one in sizes] == ["up to 114.8", "114.8 to 229.5", "229.5 to 344.2", "over 344.2"]
    assert sum(one.n for one in sizes) == 460
    assert found.left_out == ("text: 460 different values", "same: all examples have the same")
    assert "region=us 1 → 0.8 (n 200, p < 0.001)" in "\n".join(summary_lines(found))


def test_numbers_are_measured_by_their_distance(tmp_path: Path) -> None:
    true = [0.5 * at for at in range(80)]

    def rows(off: float) -> Rows:
        return [{"y_true": value, "y_pred": value + off * (1 if at % 2 else -1), "half": "ab"[at >= 40]} for at, value in enumerate(true)]

    found = analysed(tmp_path, {("baseline", 0): rows(2.0), ("candidate", 0): rows(1.0)})
    assert found.kind == "numbers" and (found.fixed, found.broken) == (80, 0) and not found.names
    after = found.of("candidate")
    assert after is not None and after.residuals is not None and after.accuracy is None
    assert (after.residuals.mae, after.residuals.rmse, after.residuals.bias) == pytest.approx((1, 1, 0))
    assert after.residuals.r2 == pytest.approx(1 - 1 / np.var(true))
    assert [(one.value, one.diff) for one in found.slices] == [("a", pytest.approx(-1)), ("b", pytest.approx(-1))]
    assert residuals_of(np.array([np.nan]), np.array([1.0])) is None


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "columns", "parquet"])
def test_every_kind_of_file_says_the_same(tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    rows: Rows = [{"id": at, "target": at % 3, "y_pred": float(at % 2), "confidence": 0.5 + at / 100} for at in range(30)]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    match kind:
        case "csv":
            write_csv(tmp_path, rows, "per_example.csv")
        case "jsonl":
            (tmp_path / "predictions.jsonl").write_text("\n".join(map(json.dumps, rows)))
        case "json":
            (tmp_path / "per_example.json").write_text(json.dumps(rows))
        case "columns":
            (tmp_path / "test_predictions.json").write_text(json.dumps(columns))
        case _:
            parquet.write_table(pa.table(columns), tmp_path / "predictions.parquet")
    table, trouble = table_in([tmp_path])
    assert table is not None and not trouble
    assert table.keys is not None and table.keys[0] == "id"
    assert [table.labels.names[code] for code in table.labels.codes[:4]] == ["0", "1", "2", "0"]
    assert [table.predictions.names[code] for code in table.predictions.codes[:3]] == ["0", "1", "0"]
    assert table.confidence is not None and table.confidence[5] == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("columns", "sure"),
    [
        ({"confidence": [0.9, 0.6, 0.8]}, [0.9, 0.6, 0.8]),
        ({"probability": [0.1, 0.6, 0.2]}, [0.9, 0.6, 0.8]),  # of the second class, by what was predicted
        ({"prob_no": [0.9, 0.4, 0.8], "prob_yes": [0.1, 0.6, 0.2]}, [0.9, 0.6, 0.8]),
        ({"score": [-2.0, 1.5, 0.1]}, None),  # no probabilities
    ],
)
def test_probabilities_are_those_of_the_prediction(tmp_path: Path, columns: dict[str, list[float]], sure: list[float] | None) -> None:
    said = [("no", "no"), ("yes", "yes"), ("yes", "no")]
    rows: Rows = [
        {"label": label, "prediction": prediction, **{name: values[at] for name, values in columns.items()}}
        for at, (label, prediction) in enumerate(said)
    ]
    table, _ = table_in([write_csv(tmp_path, rows)])
    assert table is not None
    assert sure is None if table.confidence is None else list(table.confidence) == pytest.approx(sure)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["csv", "json", "jsonl", "parquet"]))
def test_no_file_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str) -> None:
    folder = tmp_path_factory.mktemp("run")
    head = b"label,prediction\n" if suffix == "csv" else b""
    (folder / f"predictions.{suffix}").write_bytes(head + data)
    analyse(read_predictions({("baseline", 0): [folder], ("candidate", 0): [folder]}))


def test_pipes_and_links_are_not_read_and_trouble_is_said(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("label,prediction\na,b\n")
    (tmp_path / "predictions.csv").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "predictions.json")
    (tmp_path / "predictions.parquet").write_text("no table\x1b[31m")
    table, trouble = table_in([tmp_path])
    assert table is None and "cannot be read" in trouble and "\x1b" not in trouble
    assert analyse(read_predictions({("baseline", 0): [tmp_path]})) is None
