"""What is found in one table, and that nothing is found in a clean one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.experiments.data.made import bad, named, one, report, rows, write

from mltui.core.errors import UsageError
from mltui.experiments.data_checks import declared

quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_clean_data_raises_no_alarm(tmp_path: Path) -> None:
    found = report(write(tmp_path / "clean.csv", rows(2000, 1)))
    assert bad(found) == []
    assert found.looked[0].rows == 2000
    assert found.notes == ("the column 'label' was taken for the label; --target COLUMN names another",)


def test_clean_normal_data_has_outliers_no_oftener_than_is_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for number in range(60):
        path = tmp_path / f"{number}.npy"
        np.save(path, rng.normal(size=(400, 5)))
        alarms += bool(bad(report(path)))
    assert alarms <= 4  # 0.6 expected; five or more in sixty have a probability under 0.001


@quick
@given(copies=st.lists(st.integers(0, 199), min_size=1, max_size=6), at=st.integers(0, 199), seed=st.integers(0, 1000))
def test_a_duplicate_that_is_put_in_is_found(tmp_path: Path, copies: list[int], at: int, seed: int) -> None:
    data = rows(200, seed)
    found = report(write(tmp_path / "a.csv", [*data[:at], *(data[index] for index in copies), *data[at:]]))
    assert one(found, "duplicates").count == len(copies)
    assert not [finding for finding in found.findings if finding.check == "duplicates.near"]


def test_a_row_is_the_same_in_other_spelling(tmp_path: Path) -> None:
    data = rows(300, 3)
    again = [[f"{float(data[7][0]) * (1 + 1e-8):.9f}", data[7][1], f" {data[7][2].upper()}", data[7][3]]]
    found = report(write(tmp_path / "a.csv", [*data, *again]))
    assert one(found, "duplicates.near").examples == ("rows 8 and 301",)
    assert "duplicates" not in {finding.check for finding in found.findings}


def test_rows_that_an_index_tells_apart_are_compared_without_it(tmp_path: Path) -> None:
    data = rows(100, 3)
    numbered = [[number, *row] for number, row in enumerate([*data, data[4]])]
    found = report(write(tmp_path / "a.csv", numbered, ("id", "a", "b", "kind", "label")))
    assert one(found, "duplicates").count == 1
    assert "without id" in one(found, "duplicates").text
    assert one(found, "id").column == "id"


def test_equal_rows_of_few_values_are_no_mistake(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    found = report(write(tmp_path / "a.csv", rng.integers(0, 3, (500, 3)).tolist(), ("p", "q", "r")))
    assert one(found, "duplicates").severity == "info"


def test_odd_values_of_a_column_are_told_with_their_rows(tmp_path: Path) -> None:
    data = rows(400, 2)
    data[10][0] = "twelve"
    data[20][0] = "inf"
    data[30][1] = "1e6"
    for row in data[40:100]:
        row[2] = ""
    for row in data[100:120]:
        row[2] = "?"
    found = report(write(tmp_path / "a.csv", [[*row, "same"] for row in data], ("a", "b", "kind", "label", "flat")))
    assert named(found) == {
        ("types", "a"), ("infinite", "a"), ("outliers", "b"), ("missing", "kind"), ("placeholder", "kind"), ("constant", "flat"),
    }  # fmt: skip
    assert one(found, "types").examples == ("row 11: 'twelve'",)
    outlier = one(found, "outliers")
    assert outlier.count == 1 and outlier.examples == ("row 31: 1e6",)
    assert "interquartile ranges" in outlier.text and "robust deviations" in outlier.text
    assert one(found, "missing").count == 60


def test_a_number_that_stands_for_missing_is_told(tmp_path: Path) -> None:
    data = rows(400, 2)
    for row in data[::20]:
        row[1] = "-999"
    found = one(report(write(tmp_path / "a.csv", data)), "placeholder")
    assert (found.column, found.fraction) == ("b", pytest.approx(0.05))


def test_two_columns_that_hold_the_same(tmp_path: Path) -> None:
    found = report(write(tmp_path / "a.csv", [[*row, row[0]] for row in rows(100, 2)], ("a", "b", "kind", "label", "copy")))
    assert "the same as a" in one(found, "same").text


def test_labels(tmp_path: Path) -> None:
    data = rows(600, 4)
    for row in data:
        row[3] = "cat"
    for row in data[:20]:
        row[3] = "dog"
    data[30][3] = "Cat "
    data[31][3] = ""
    data[32][:3] = data[33][:3]
    data[32][3] = "dog"
    found = report(write(tmp_path / "a.csv", data))
    assert named(found) == {
        ("spelling", "label"), ("missing", "label"), ("imbalance", "label"), ("classes", "label"), ("labels", "label"),
    }  # fmt: skip
    assert one(found, "labels").count == 1
    single = report(write(tmp_path / "b.csv", [[*row[:3], 1] for row in data]))
    assert one(single, "classes").severity == "error"


@quick
@given(seed=st.integers(0, 1000), kind=st.sampled_from(["copy", "noisy", "text", "missing"]), classes=st.integers(2, 4))
def test_a_column_that_tells_the_label_is_found(tmp_path: Path, seed: int, kind: str, classes: int) -> None:
    rng = np.random.default_rng(seed)
    data = rows(300, seed, 2 if kind == "missing" else classes)
    tell = {
        "copy": lambda label: label,
        "noisy": lambda label: label + rng.normal(0, 0.03),
        "text": lambda label: f"class {label}",
        "missing": lambda label: "" if label else f"{rng.normal()}",
    }[kind]
    found = report(write(tmp_path / "a.csv", [[*row, tell(row[3])] for row in data], ("a", "b", "kind", "label", "after")))
    leak = one(found, "leak.target")
    assert (leak.severity, leak.column) == ("error", "after")
    assert ("whether it is missing" in leak.text) == (kind == "missing")


def test_a_column_that_tells_a_quantity_is_found_and_an_honest_one_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 500))
    table = pa.table({"honest": y + rng.normal(size=500), "other": x, "leak": 3 * y + 1, "price": y})
    pq.write_table(table, tmp_path / "a.parquet")
    found = report(tmp_path / "a.parquet", target="price")
    assert named(found) == {("leak.target", "leak")}
    assert "R² 1.000" in one(found, "leak.target").text


def test_identifiers_tell_nothing_across_folds(tmp_path: Path) -> None:
    data = [[f"u{number:05}", *row] for number, row in enumerate(rows(300, 1))]
    assert bad(report(write(tmp_path / "a.csv", data, ("user_id", "a", "b", "kind", "label")))) == []


def test_the_same_table_in_every_kind_of_file_says_the_same(tmp_path: Path) -> None:
    data = rows(200, 8)
    data += data[:3]
    write(tmp_path / "a.csv", data)
    table = pa.table(
        {
            "a": [float(row[0]) for row in data],
            "b": [float(row[1]) for row in data],
            "kind": [row[2] for row in data],
            "label": [row[3] for row in data],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    (tmp_path / "a.tsv").write_text((tmp_path / "a.csv").read_text().replace(",", "\t"))
    with pa.output_stream(str(tmp_path / "a.csv.gz"), compression="gzip") as out:
        out.write((tmp_path / "a.csv").read_bytes())
    with pa.output_stream(str(tmp_path / "a.jsonl.zst"), compression="zstd") as out:
        out.write((tmp_path / "a.jsonl").read_bytes())
    np.savez(
        tmp_path / "a.npz",
        **{name: table[name].to_numpy() if name != "kind" else np.array(table[name].to_pylist()) for name in table.column_names},
    )
    for name in ("a.csv", "a.parquet", "a.jsonl", "a.tsv", "a.csv.gz", "a.jsonl.zst", "a.npz"):
        found = report(tmp_path / name)
        assert [(finding.check, finding.count) for finding in bad(found)] == [("duplicates", 3)], name
    # The value of a row has one key, whatever it is kept as.
    crossed = report(train=tmp_path / "a.csv", test=tmp_path / "a.parquet")
    assert one(crossed, "leak.rows").count == 203


def test_a_sample_is_said_and_the_counts_stay_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=30_000)
    pq.write_table(pa.table({"x": [None, *values[1:]], "y": rng.integers(0, 2, 30_000)}), tmp_path / "a.parquet", row_group_size=2000)
    found = report(tmp_path / "a.parquet", sample=2000)
    assert (found.looked[0].rows, found.looked[0].sampled) == (30_000, 2000)
    assert one(found, "missing").count == 1
    assert report(tmp_path / "a.parquet", sample=2000) == found


def test_a_declared_schema_is_held_to(tmp_path: Path) -> None:
    schema = tmp_path / "schema.toml"
    schema.write_text(
        'extra_columns = false\n[columns.a]\ntype = "integer"\n[columns.b]\nmin = 5\nmax = 100\n'
        '[columns.kind]\nvalues = ["red", "green"]\nunique = true\n[columns.age]\nrequired = true\n'
    )
    found = report(write(tmp_path / "a.csv", rows(200, 1)), schema=declared.load(schema, "schema.toml"))
    texts = {(finding.column, finding.text.split(" (")[0]) for finding in found.findings if finding.check == "declared"}
    assert ("a", "it is not of type integer, as the schema says") in texts
    assert ("kind", "values that are not among the schema's: 1") in texts
    assert ("kind", "values repeat, and the schema says that none does") in texts
    assert ("age", "the schema asks for it, and it is not there") in texts
    assert ("label", "the schema does not know it") in texts
    assert any(column == "b" and "below the schema's least" in text for column, text in texts)
    schema.write_text('[columns.a]\ntipe = "x"\n')
    with pytest.raises(UsageError, match=r"schema.toml: columns.a.tipe"):
        declared.load(schema, "schema.toml")
