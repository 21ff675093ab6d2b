"""Dividing a file: every row goes to one split, and the seed decides."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.experiments.data.made import rows, write

from mltui.core.errors import UsageError
from mltui.experiments.data_checks.assigning import TEST, TRAIN, VAL, assign
from mltui.experiments.data_checks.splitting import Plan, split
from mltui.experiments.datasets import Digests

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def divide(path: Path, out: Path, **plan: object) -> dict[str, Path]:
    parts = split(path, path.name, Plan(**{"test": 0.2, "val": 0.0, "seed": 1, **plan}), out, Digests(None))  # type: ignore[arg-type]
    return {part.name: out / part.file for part in parts}


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@quick
@given(
    values=st.lists(st.integers(0, 12), min_size=12, max_size=200),
    shares=st.sampled_from([(0.0, 0.2), (0.2, 0.2), (0.1, 0.3), (0.3, 0.0)]),
    seed=st.integers(0, 10_000),
    how=st.sampled_from(["random", "group", "stratify", "time"]),
)
def test_a_split_is_a_partition_by_the_seed(values: list[int], shares: tuple[float, float], seed: int, how: str) -> None:
    wanted = {code: share for code, share in zip((VAL, TEST), shares, strict=True) if share}
    try:
        codes = assign(pa.array(values), len(values), wanted, seed, how, "v")
    except UsageError:
        return
    assert set(codes.tolist()) == {TRAIN, *wanted}
    assert (codes == assign(pa.array(values), len(values), wanted, seed, how, "v")).all()
    column = np.array(values)
    if how == "group":
        for value in set(values):
            assert len(set(codes[column == value].tolist())) == 1
    elif how == "time":
        for before, after in ((TRAIN, VAL), (VAL, TEST), (TRAIN, TEST)):
            if {before, after} <= set(codes.tolist()):
                assert column[codes == before].max() < column[codes == after].min()
    elif how == "random":
        for code, share in wanted.items():
            assert (codes == code).sum() == round(len(values) * share)
    else:
        for value, count in Counter(values).items():
            for code, share in wanted.items():
                assert abs(int((codes[column == value] == code).sum()) - count * share) <= 1


def test_every_line_stays_as_it_is(tmp_path: Path) -> None:
    data = [[f"{number:03}", 'say "x"\nand, more' if number % 7 == 0 else "1.50", "NA"] for number in range(100)]
    source = write(tmp_path / "a.csv", data, ("id", "text", "x"))
    found = divide(source, tmp_path / "out", val=0.1)
    assert set(found) == {"train", "val", "test"}
    whole = [list(csv.reader(path.open(newline=""))) for path in found.values()]
    assert all(part[0] == ["id", "text", "x"] for part in whole)
    assert sorted(row for part in whole for row in part[1:]) == data
    assert [len(part) - 1 for part in whole] == [70, 10, 20]
    assert all(set(lines(path)) <= set(lines(source)) for path in found.values())
    manifest = json.loads((tmp_path / "out" / "split.json").read_text())
    assert manifest["source"]["sha256"] == Digests(None).of(source)[0]
    assert manifest["splits"]["test"] == {"file": "test.csv", "rows": 20, "sha256": Digests(None).of(found["test"])[0]}
    divide(source, tmp_path / "again", val=0.1)
    assert all((tmp_path / "again" / path.name).read_bytes() == path.read_bytes() for path in found.values())
    divide(source, tmp_path / "other", val=0.1, seed=2)
    assert (tmp_path / "other" / "test.csv").read_bytes() != found["test"].read_bytes()


def test_other_kinds_of_files(tmp_path: Path) -> None:
    table = pa.table({"g": [number // 5 for number in range(100)], "x": [[number] for number in range(100)]})
    pq.write_table(table, tmp_path / "a.parquet")
    found = divide(tmp_path / "a.parquet", tmp_path / "p", group="g")
    parts = [pq.read_table(path) for path in found.values()]
    assert all(part.schema == table.schema for part in parts)
    assert sorted(value for part in parts for [value] in part["x"].to_pylist()) == list(range(100))
    assert not set(parts[0]["g"].to_pylist()) & set(parts[1]["g"].to_pylist())
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"".join(b'{"t": %d, "e": 1.0}\n\n' % number for number in range(50))))
    late = divide(tmp_path / "a.jsonl.gz", tmp_path / "j", time="t")["test"]
    assert [json.loads(line)["t"] for line in gzip.decompress(late.read_bytes()).splitlines()] == list(range(40, 50))


def test_times_of_a_csv(tmp_path: Path) -> None:
    data = [[*row, f"2026-02-{1 + index % 20:02}"] for index, row in enumerate(rows(200, 1))]
    found = divide(write(tmp_path / "a.csv", data, ("a", "b", "kind", "label", "day")), tmp_path / "out", time="day")
    days = {name: {row[4] for row in list(csv.reader(path.open()))[1:]} for name, path in found.items()}
    assert max(days["train"]) < min(days["test"])


@pytest.mark.parametrize(
    ("content", "plan", "message"),
    [
        ("a,b\n1,2\n3\n4,5\n", {}, r"Mend the file first"),
        ("a,b\n1,2\n3,4\n", {"group": "c"}, r"no column 'c' for the group.*There are: a, b"),
        ("a,b\n1,x\n2,x\n3,x\n", {"group": "b"}, r"test would be empty"),
        ("a,b\n1,2026-01-01\n2,soon\n3,2026-01-02\n", {"time": "b"}, r"row 2 has no time in b: 'soon'"),
        ("a,b\n", {}, r"has no rows"),
    ],
)
def test_what_cannot_be_divided(tmp_path: Path, content: str, plan: dict[str, str], message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UsageError, match=message):
        divide(tmp_path / "a.csv", tmp_path / "out", **plan)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", rows(50, 1))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(UsageError, match="is there already"):
        divide(source, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]
