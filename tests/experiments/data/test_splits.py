"""What two splits have in common and must not, and how they differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.experiments.data.made import COLUMNS, bad, named, one, report, rows, write

from mltui.experiments.data_checks.near_text import ALIKE, alike, jaccard, shingles

quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(leaked=st.sets(st.integers(0, 299), min_size=1, max_size=20), flip=st.booleans(), seed=st.integers(0, 1000))
def test_a_leak_that_is_put_in_is_found(tmp_path: Path, leaked: set[int], flip: bool, seed: int) -> None:
    data = rows(300, seed)
    copies = [[*data[index][:3], 1 - data[index][3] if flip else data[index][3]] for index in sorted(leaked)]
    train, test = write(tmp_path / "train.csv", data), write(tmp_path / "test.csv", [*rows(100, seed + 5000), *copies])
    leak = one(report(train=train, test=test), "leak.rows")
    assert (leak.severity, leak.count) == ("error", len(leaked))
    assert leak.examples[0] == f"rows {min(leaked) + 1} and 101"


def test_the_order_of_columns_and_of_files_does_not_hide_a_leak(tmp_path: Path) -> None:
    data = rows(200, 1)
    train = write(tmp_path / "train.csv", data)
    test = write(tmp_path / "test.csv", [row[::-1] for row in [*rows(100, 2), data[3]]], COLUMNS[::-1])
    assert one(report(train=train, test=test), "leak.rows").count == 1
    (tmp_path / "all").mkdir()
    train.rename(tmp_path / "all" / "train.csv")
    test.rename(tmp_path / "all" / "test.csv")
    found = report(tmp_path / "all")
    assert [item.role for item in found.looked] == ["train", "test"]
    assert one(found, "leak.rows").count == 1


def test_rows_that_are_almost_the_same_leak_too(tmp_path: Path) -> None:
    data = rows(200, 1)
    again = [[f"{float(row[0]):.6f}", f"{float(row[1]):.6f}", row[2].title(), row[3]] for row in data[:4]]
    found = report(train=write(tmp_path / "a.csv", data), test=write(tmp_path / "b.csv", [*rows(100, 2), *again]))
    assert one(found, "leak.near").count >= 3  # a value at the border of two roundings may be missed
    assert one(found, "leak.near").severity == "error"


def test_splits_of_one_population_raise_no_alarm_oftener_than_is_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    alarms = 0
    for number in range(40):
        for name, size in (("train", 400), ("test", 150)):
            np.savez(tmp_path / f"{name}{number}.npz", x=rng.normal(size=(size, 6)), k=rng.integers(0, 8, size), y=rng.integers(0, 2, size))
        found = report(train=tmp_path / f"train{number}.npz", test=tmp_path / f"test{number}.npz")
        alarms += bool([finding for finding in bad(found) if finding.check in ("drift", "leak.rows", "leak.near", "unseen")])
    assert alarms <= 3  # at most 0.4 expected at one per cent in all


@pytest.mark.parametrize("what", ["mean", "spread", "mix", "missing"])
def test_drift_is_found_where_it_is(tmp_path: Path, what: str) -> None:
    train, test = rows(1000, 1), rows(500, 2)
    rng = np.random.default_rng(0)
    for row in test:
        if what == "mean":
            row[0] = float(row[0]) + 0.7
        elif what == "spread":
            row[0] = float(row[0]) * 3
        elif what == "mix" and rng.random() < 0.5:
            row[2] = "red"
        elif what == "missing" and rng.random() < 0.3:
            row[0] = ""
    found = report(train=write(tmp_path / "a.csv", train), test=write(tmp_path / "b.csv", test))
    drift = one(found, "drift")
    assert drift.column == ("kind" if what == "mix" else "a")
    assert "PSI" in drift.text and "Holm" in drift.text
    assert report(train=tmp_path / "a.csv", test=tmp_path / "b.csv") == found


def test_groups_and_time_and_values_never_seen(tmp_path: Path) -> None:
    def part(count: int, seed: int, users: range, day: int) -> list[list[object]]:
        rng = np.random.default_rng(seed)
        return [[*row, f"u{rng.choice(users)}", f"2026-01-{day + index % 10:02}T10:00:00"] for index, row in enumerate(rows(count, seed))]

    columns = (*COLUMNS, "user", "at")
    train = write(tmp_path / "a.csv", part(400, 1, range(40), 1), columns)
    apart = write(tmp_path / "b.csv", part(200, 2, range(50, 70), 15), columns)
    clean = report(train=train, test=apart, group="user", time="at")
    assert {check for check, _ in named(clean)} <= {"unseen", "drift"}
    mixed = part(200, 3, range(38, 60), 8)
    mixed[0][2] = "violet"
    found = report(train=train, test=write(tmp_path / "c.csv", mixed, columns), group="user", time="at")
    assert one(found, "leak.groups").text.endswith("2 of 22")
    assert set(one(found, "leak.groups").examples) == {"u38", "u39"}
    assert one(found, "leak.time").severity == "error" and one(found, "leak.time").fraction == pytest.approx(0.3)
    assert ("unseen", "kind") in named(found)
    odd = write(tmp_path / "d.csv", [[*row[:5], "soon"] for row in mixed], columns)
    assert "cannot be read as times" in one(report(train=train, test=odd, time="at"), "leak.time").text


def test_splits_with_different_columns(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", rows(100, 1))
    test = write(tmp_path / "b.csv", [[row[0], row[2], row[2], row[3]] for row in rows(60, 2)], ("a", "b", "kinds", "label"))
    found = [finding for finding in report(train=train, test=test).findings if finding.check == "schema"]
    assert {(finding.column, finding.count) for finding in found} == {(None, 1), ("b", None)}
    assert any("kind (Nearest: kinds)" in example for finding in found for example in finding.examples)


WORDS = [f"word{number}" for number in range(400)]


@quick
@given(seed=st.integers(0, 10_000))
def test_texts_that_are_almost_the_same_are_found_and_others_are_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, 60)) for _ in range(40)]
    changed = texts[7].split()
    changed[30] = "different"
    later = [*(" ".join(rng.choice(WORDS, 60)) for _ in range(10)), " ".join(changed)]
    assert [(before, after) for before, after, _ in alike(texts, later)] == [(7, 10)]
    assert jaccard(shingles(texts[7]), shingles(later[10])) >= ALIKE


def test_a_text_column_leaks(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(WORDS, 40)) for _ in range(120)]
    near = texts[5].replace(" ", ", ", 3) + " indeed"
    train = write(tmp_path / "a.csv", [[text, index % 2] for index, text in enumerate(texts)], ("text", "label"))
    others = [" ".join(rng.choice(WORDS, 40)) for _ in range(50)]
    test = write(tmp_path / "b.csv", [[text, index % 2] for index, text in enumerate([*others, near])], ("text", "label"))
    leak = one(report(train=train, test=test), "leak.text")
    assert (leak.count, leak.column) == (1, "text") and leak.examples[0].startswith("rows 6 and 51")


def test_ids_beyond_what_a_float_holds_stay_apart(tmp_path: Path) -> None:
    ids = [1_500_000_000_000_000_000 + number for number in range(80)]
    for name, start in (("train", 0), ("test", 1)):
        write(tmp_path / f"{name}.csv", [[one, *row] for one, row in zip(ids[start::2], rows(40, start), strict=True)], ("user", *COLUMNS))
    found = report(train=tmp_path / "train.csv", test=tmp_path / "test.csv", group="user")
    assert not [finding for finding in found.findings if "group" in finding.check and finding.severity == "error"]
    write(tmp_path / "test.csv", [[one, *row] for one, row in zip(ids[:40], rows(40, 1), strict=True)], ("user", *COLUMNS))
    found = report(train=tmp_path / "train.csv", test=tmp_path / "test.csv", group="user")
    assert any("20 of 40" in finding.text for finding in found.findings)
