"""Files that are broken, odd or hostile: one line says what is wrong, or a finding does; never a traceback."""

from __future__ import annotations

import gc
import gzip
import io
import json
import pickle
import sys
from pathlib import Path
from types import FunctionType

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.experiments.data.made import named, one, report, rows, write

from mltui.core.errors import UsageError
from mltui.experiments.data_checks import delimited
from mltui.experiments.data_checks.problems import Problems
from mltui.experiments.data_checks.reading import opened
from mltui.experiments.data_checks.report import lines

quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _npy(array: np.ndarray) -> bytes:  # type: ignore[type-arg]
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def _npz(**arrays: np.ndarray) -> bytes:  # type: ignore[type-arg]
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", None]}), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\x00\x01,b\n1,2\n", "zero bytes"),
        ("a.csv", b"\n\n", "is empty"),
        (
            "a.csv.gz",
            gzip.compress("".join(f"{number},{number * 7919}\n" for number in range(500)).encode(), mtime=0)[:400],
            "cannot be read",
        ),
        ("a.csv.gz", b"a,b\n1,2\n", "cannot be read"),
        ("a.csv.zst", b"a,b\n1,2\n", "cannot be read"),
        ("a.parquet", b"PAR1", "cannot be read as parquet"),
        ("a.parquet", _parquet()[:-20], "cannot be read as parquet"),
        ("a.jsonl", b"{\n'a': 1}\n", "no line of the file is JSON"),
        ("a.npy", _npy(np.array([{}, 1], dtype=object)), "Python objects"),
        ("a.npy", pickle.dumps([1, 2]), "cannot be read as npy"),
        ("a.npy", _npy(np.zeros((100, 3)))[:500], "ends too early"),
        ("a.npz", _npz(x=np.array([{}], dtype=object)), "Python objects"),
        ("a.npz", _npz(x=np.zeros((3, 2)), y=np.zeros(4)), r"not rows of one table \(x \(3, 2\), y \(4,\)\)"),
        ("a.npz", b"PK\x03\x04", "cannot be read as npz"),
        ("a.pkl", b"x", "of no kind that is checked"),
        ("a.csv.bz2", b"x", "of no kind that is checked"),
        ("a.png", b"x", "is one picture"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        report(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    np.save(tmp_path / "a.npy", np.array([Trap(), Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError):
        report(tmp_path / "a.npy")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "check", "example_"),
    [
        (b"a,b\n1,2\n3\n4,5,6\n7,8\n", "malformed", "row 3: 1 fields, not 2"),
        (b"a,b\n1,caf\xc3\xa9\n2,caf\xe9\n", "encoding", "line 3"),
        (b'a,b\n1,"x\n2,3\n3,4\n', "malformed", "1 quotes, 5 lines, 1 rows"),
        (b"a,a\n1,2\n", "schema", "'a'"),
        (b'a,b\n1,2\n3,"' + b"x" * 9_000_000 + b'"\n', "schema", ""),
    ],
)
def test_what_is_wrong_with_a_csv_says_where(tmp_path: Path, content: bytes, check: str, example_: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    found = one(report(tmp_path / "a.csv"), check)
    assert not example_ or example_ in found.examples


@pytest.mark.parametrize(
    "content", ["a,b\r\n1,é\r\n2,x\r\n".encode(), "\ufeffa,b\n1,é\n2,x\n".encode(), "a,b\n1,é\n2,x\n".encode("utf-16")]
)
def test_other_ways_to_write_text_are_no_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    found = report(tmp_path / "a.csv", target="b")
    assert not named(found) - {("classes", "b")}


def test_json_lines_say_which(tmp_path: Path) -> None:
    values = [{"a": 1, "b": [1, {"c": 2}]}, {"a": "x"}, {"a": 2.5, "b": None}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, values)) + '\n\n{"a": \n')
    found = report(tmp_path / "a.jsonl")
    assert one(found, "malformed").examples[0].startswith("line 5")
    assert found.looked[0].rows == 3
    assert {finding.column for finding in found.findings if finding.check == "types"} == {"a"}


def test_columns_of_one_name_in_parquet_are_an_error(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1, 2]), pa.array([3, 4]), pa.array([5, 6])], names=["a", "a", "b"])
    pq.write_table(table, tmp_path / "a.parquet")
    found = one(report(tmp_path / "a.parquet"), "schema")
    assert (found.severity, found.text, found.examples) == ("error", "several columns have one name", ("'a'",))


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_csv_that_is_separated_otherwise_is_read_so_and_says_it(tmp_path: Path, separator: str) -> None:
    lines_ = [("size", "price", "label"), *((f"{n}", f"{n},5", "ab"[n % 2]) for n in range(40))]
    (tmp_path / "a.csv").write_text("".join(f"{separator.join(line)}\n" for line in lines_))
    found = report(tmp_path / "a.csv", target="label")
    assert found.looked[0].rows == 40 and found.looked[0].columns == 3
    assert f"separated by {separator!r}" in one(found, "schema").text


@pytest.mark.parametrize("content", ["text; more\na; b; c\nd\n", "a|b\n", "plain\n1\n2\n"])
def test_one_column_that_holds_a_sign_is_one_column(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    found = report(tmp_path / "a.csv")
    assert found.looked[0].columns == 1 and not [finding for finding in found.findings if finding.check == "schema"]


def test_bytes_in_parquet_are_no_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [b"x", b"\xff", b"12", b"z"] * 10}), tmp_path / "a.parquet")
    assert ("types", "a") not in named(report(tmp_path / "a.parquet"))


def test_a_p_that_is_not_exact_warns_nobody(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    old, new = ([[f"{(number * step + start) % 50:.4f}"] for number in range(60)] for start, step in ((0.0, 3.7), (0.03, 5.3)))
    report(train=write(tmp_path / "train.csv", old, ["a"]), test=write(tmp_path / "test.csv", new, ["a"]))
    assert not [warning for warning in recwarn if "ks_2samp" in str(warning.message)]


def test_arrays_in_the_other_byte_order_are_read(tmp_path: Path) -> None:
    for kind in (">i4", ">f8", ">u8", ">f2"):
        np.save(tmp_path / "a.npy", np.arange(20).astype(kind))
        assert report(tmp_path / "a.npy").looked[0].rows == 20
    np.savez(tmp_path / "a.npz", a=np.array([1.0, np.inf] * 10, dtype=">f4"), b=np.arange(20, dtype=">i2"))
    assert ("infinite", "a") in named(report(tmp_path / "a.npz"))


def test_a_read_csv_leaves_nothing_to_threads_that_outlive_python(tmp_path: Path) -> None:
    """Arrow's thread that gives the handler of bad rows back while the interpreter ends takes the process with it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(100)  # a thread that waits for the interpreter gets it when the reader gives it up, and not before
    try:
        for number in range(20):
            path = tmp_path / f"{number}.csv"
            path.write_text("a,b\n1,2\n3\n" + "4,5\n" * 50)
            list(delimited.batches(lambda path=path: opened(path), ",", "a.csv", Problems("a.csv")))
            functions = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
            assert not [one for one in functions if one.__module__ == delimited.__name__ and one.__name__ == "skip"]
    finally:
        sys.setswitchinterval(before)


def test_half_a_surrogate_pair_is_a_malformed_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a":"b","c":1}\n{"a":"\\ud800","c":2}\n{"a\\udfff":"b","c":3}\n{"a":"\\ud83d\\ude00","c":4}\n')
    found = report(tmp_path / "a.jsonl")
    assert [example.split(":")[0] for example in one(found, "malformed").examples] == ["line 2", "line 3"]
    assert found.looked[0].rows == 2


def test_empty_tables_have_columns_and_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "a.parquet")
    np.save(tmp_path / "a.npy", np.zeros((0, 3)))
    for name in ("a.csv", "a.parquet", "a.npy"):
        assert one(report(tmp_path / name), "empty").severity == "error"
    data = write(tmp_path / "b.csv", rows(50, 1))
    assert one(report(train=data, test=tmp_path / "a.csv"), "empty")


def test_what_the_data_says_drives_no_terminal(tmp_path: Path) -> None:
    data = [[f"\x1b]0;{number}\x07", "\x9b31m", "x\u202e\u200b"] for number in range(30)]
    write(tmp_path / "a\x1b[31m.csv", [*data, *data], ("\x1b[2J", "b\r", "la\nbel"))
    shown = "\n".join(lines(report(tmp_path / "a\x1b[31m.csv")))
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_a_long_report_says_what_it_left_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{f"x{number}": np.full(50, number) for number in range(300)})
    found = report(tmp_path / "a.npz")
    shown = lines(found)
    assert len(found.findings) >= 300 and len(shown) <= 60
    assert any("the same of 297 more: x3, x4" in line for line in shown)
    for number in range(40):
        (tmp_path / f"{'abcdefghij'[number % 10] * (1 + number // 10)}.csv").write_text("p,q\n1,2\n3\n")
    (tmp_path / "a.npz").unlink()
    shown = lines(report(tmp_path))
    assert len(shown) <= 60
    assert any("--json shows all" in line for line in shown)


columns = st.lists(st.text(max_size=6), min_size=1, max_size=4)
cells = st.one_of(
    st.text(max_size=8), st.integers().map(str), st.floats().map(str), st.sampled_from(["", "NA", "inf", "-0", "1e999", "\x00", '"'])
)


@quick
@given(
    names=columns,
    data=st.lists(st.lists(cells, min_size=1, max_size=4), max_size=30),
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)
@example(names=["a"], data=[["1e999"], ["-1e999"], ["0"]] * 10, encoding="utf-8")
def test_any_csv_is_checked_or_refused(tmp_path: Path, names: list[str], data: list[list[str]], encoding: str) -> None:
    text = "\n".join(",".join(row) for row in [names, *data])
    (tmp_path / "a.csv").write_bytes(text.encode(encoding, "replace"))
    try:
        lines(report(tmp_path / "a.csv"))
    except UsageError as error:
        assert str(error)


@quick
@given(
    content=st.one_of(st.binary(max_size=200), st.tuples(st.integers(0, 600), st.integers(0, 255))),
    kind=st.sampled_from(["npy", "npz", "parquet", "jsonl", "csv.gz", "jsonl.zst"]),
)
@example(content=(130, 128), kind="parquet")
@example(content=(202, 128), kind="parquet")
@example(content=(60, 0), kind="npy")
def test_any_bytes_are_checked_or_refused(tmp_path: Path, content: bytes | tuple[int, int], kind: str) -> None:
    if isinstance(content, tuple):
        at, value = content
        whole = {"npy": _npy(np.eye(5)), "npz": _npz(x=np.eye(5), y=np.arange(5)), "parquet": _parquet()}.get(
            kind, gzip.compress(b'{"a":1}\n' * 20, mtime=0)
        )
        content = whole[: at % len(whole)] + bytes([value]) + whole[at % len(whole) + 1 :]
    (tmp_path / f"a.{kind}").write_bytes(content)
    try:
        lines(report(tmp_path / f"a.{kind}"))
    except UsageError as error:
        assert str(error)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@quick
@given(data=st.lists(values, min_size=1, max_size=25))
def test_any_json_lines_are_checked_or_refused(tmp_path: Path, data: list[object]) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, data)))
    try:
        lines(report(tmp_path / "a.jsonl"))
    except UsageError as error:
        assert str(error)
