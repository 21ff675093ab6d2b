"""The journal under crashes, changes and several writers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.core.errors import JournalError, ProposalError
from mltui.experiments.journal import GENESIS, HEALED, Journal, Record, plain

PAYLOADS = st.dictionaries(
    st.text(max_size=5),
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=12), st.floats(allow_nan=False, allow_infinity=False)
    ),
    max_size=4,
)


def written(folder: Path, count: int = 4) -> Path:
    journal = Journal(folder / "journal.jsonl")
    for index in range(count):
        journal.append("note", "ann", {"n": index, "text": "zwölf\n☃"})
    return journal.path


@given(st.lists(PAYLOADS, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_what_was_appended_is_read_back_and_verifies(payloads: list[dict[str, object]]) -> None:
    with TemporaryDirectory() as folder:
        journal, reader = Journal(Path(folder) / "journal.jsonl"), Journal(Path(folder) / "journal.jsonl")
        for payload in payloads:
            journal.append("note", "ann", payload)  # type: ignore[arg-type]
            (record,) = reader.read()
            assert record.payload == payload
        assert reader.read() == () and not reader.changed()
        assert journal.verify() == len(payloads)
        assert reader.head == journal.head != GENESIS


@given(st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_a_cut_loses_at_most_the_torn_record(where: int) -> None:
    with TemporaryDirectory() as folder:
        path = written(Path(folder))
        whole = path.read_bytes()
        cut = where % len(whole)
        path.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n")
        torn = whole[:cut][whole[:cut].rfind(b"\n") + 1 :]
        complete = whole[cut : cut + 1] == b"\n"

        journal = Journal(path)
        assert len(journal.read()) == kept
        journal.append("note", "ann", {"n": "after"})

        records = Journal(path).read()
        survivors = [record for record in records if record.type == "note"][:-1]
        assert [record.payload["n"] for record in survivors] == list(range(kept + complete))
        assert records[-1].payload == {"n": "after"}
        assert [record.type for record in records].count(HEALED) == (1 if torn and not complete else 0)
        aside = path.with_suffix(".torn")
        assert (aside.read_bytes() if aside.exists() else b"") == (torn + b"\n" if torn and not complete else b"")
        assert Journal(path).verify() == len(records)


@given(st.integers(0, 10**9), st.integers(1, 255))
@settings(max_examples=80, deadline=None)
def test_every_changed_byte_is_found(where: int, difference: int) -> None:
    with TemporaryDirectory() as folder:
        path = written(Path(folder), 3)
        whole = bytearray(path.read_bytes())
        position = where % len(whole)
        bad = bytes(whole[:position]).count(b"\n") + 1
        whole[position] ^= difference
        path.write_bytes(bytes(whole))
        with pytest.raises(JournalError, match=rf"record {bad} "):
            Journal(path).verify()


@pytest.mark.parametrize(
    ("old", "new"), [('"actor":"ann"', '"actor": "ann"'), ("☃", "\\u2603"), ('"seq":2', '"seq":"2"'), ('"n":1', '"n":1,"n":1')]
)
def test_a_record_that_only_reads_the_same_is_found(tmp_path: Path, old: str, new: str) -> None:
    path = written(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[1]
    path.write_text("".join([lines[0], lines[1].replace(old, new), *lines[2:]]))
    with pytest.raises(JournalError, match="record 2 "):
        Journal(path).verify()


def test_a_rewritten_record_breaks_the_chain_behind_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    from mltui.experiments.journal import canonical, seal

    lines = path.read_bytes().splitlines(keepends=True)
    record = Record.model_validate_json(lines[1])
    forged = seal({**record.model_dump(exclude={"hash"}), "actor": "mallory"})
    lines[1] = canonical(plain(forged)) + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match="record 3 "):
        Journal(path).verify()
    with pytest.raises(JournalError, match="record 3 "):
        Journal(path).read()


def test_a_journal_that_shrinks_while_open_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    journal = Journal(path)
    journal.read()
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(JournalError, match="became shorter"):
        journal.read()


WRITER = """
import sys
from pathlib import Path
from mltui.experiments.journal import Journal
journal = Journal(Path(sys.argv[1]))
for n in range(20):
    journal.append("note", sys.argv[2], {"n": n})
"""


def test_writers_in_several_processes_keep_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b", "c")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    journal = Journal(path)
    assert journal.verify() == 60
    for name in ("a", "b", "c"):
        reader = Journal(path)
        assert [record.payload["n"] for record in reader.read() if record.actor == name] == list(range(20))


def test_a_refused_append_writes_nothing_and_sees_the_latest(tmp_path: Path) -> None:
    first, second = Journal(tmp_path / "journal.jsonl"), Journal(tmp_path / "journal.jsonl")
    first.append("note", "ann", {"n": 1})

    def refuse(news: tuple[Record, ...]) -> None:
        raise ProposalError(f"no: {len(news)}")

    with pytest.raises(ProposalError, match="no: 1"):
        second.append("note", "bob", {}, prepare=refuse)
    assert Journal(first.path).verify() == 1
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_numbers_that_json_does_not_know_survive() -> None:
    from mltui.core.experiment import Run

    run = Run(arm="baseline", seed=0, status="finished", metrics={"a": float("inf")}, started=0, ended=1)
    assert plain(run)["metrics"] == {"a": "Infinity"}
    assert Run.model_validate(plain(run)) == run
