"""The index says what the fold says, whatever happened to its file; the ledger folds one experiment as all of them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.experiments.test_fold import decided, entries, finished, proposal

from mltui.config.schema import Config
from mltui.core.errors import JournalError, ProposalError
from mltui.core.experiment import Experiment
from mltui.experiments.index import Index
from mltui.experiments.journal import Journal
from mltui.experiments.ledger import Ledger
from mltui.experiments.orphans import Orphans
from mltui.experiments.records import ChangePassed, GrantGiven, ProposalCreated, UnplannedTraining
from mltui.experiments.service import Experiments


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "project" / ".mltui"


def filled(state: Path, count: int = 3) -> Ledger:
    ledger = Ledger(state)
    for number in range(1, count + 1):
        ledger.record(ProposalCreated(proposal=proposal(f"P-{number:04d}")), "model")
    ledger.record(decided("approve", "P-0002"), "ann")
    ledger.record(ChangePassed(path="train.py", reason="comments", by="model"), "model")
    return ledger


def states(index: Index) -> dict[str, str]:
    return {row.id: row.state for row in index.rows()}


def truth(state: Path) -> dict[str, str]:
    return {name: experiment.state for name, experiment in Ledger(state).refresh().items()}


NAMES = ("P-0001", "P-0002", "P-0003")


@given(st.lists(st.sampled_from(NAMES).flatmap(entries), max_size=25), st.lists(st.sampled_from(["update", "cut", "delete"]), max_size=6))
@settings(max_examples=25, deadline=None)
def test_index_and_fold_say_the_same(attempts: list[object], deeds: list[str]) -> None:
    with TemporaryDirectory() as folder:
        os.environ["MLTUI_HOME"] = str(Path(folder) / "home")
        state = Path(folder) / "project" / ".mltui"
        ledger = filled(state)
        every = max(1, len(attempts) // (len(deeds) + 1))
        for number, attempt in enumerate(attempts):
            with contextlib.suppress(ProposalError):
                ledger.record(attempt, "ann")  # type: ignore[arg-type]
            if number % every == 0 and deeds:
                deed = deeds.pop()
                if deed == "cut":  # a journal that was put back from an older copy
                    lines = ledger.journal.path.read_bytes().splitlines(keepends=True)
                    ledger.journal.path.write_bytes(b"".join(lines[: max(5, len(lines) - 3)]))
                    ledger = Ledger(state)
                elif deed == "delete":
                    (state / "index.sqlite").unlink(missing_ok=True)
                assert states(Index(state)) == truth(state)
        index = Index(state)
        assert states(index) == truth(state)
        whole = Ledger(state).refresh()
        assert index.experiments(list(whole)) == list(whole.values())
        one_by_one: list[Experiment] = [Ledger(state).get(name) for name in whole]
        assert one_by_one == list(whole.values())
        assert all(Ledger(state).records(name) == ledger.records(name) for name in whole)


def test_a_ledger_that_knows_one_experiment_follows_the_news(state: Path) -> None:
    writer = filled(state)
    reader = Ledger(state)
    assert reader.get("P-0002").state == "approved"
    writer.record(ProposalCreated(proposal=proposal("P-0004")), "model")
    writer.record(decided("reject", "P-0001"), "ann")
    assert reader.get("P-0001").state == "rejected"
    assert reader.get("P-0004").state == "proposed"
    assert list(reader.refresh()) == ["P-0001", "P-0002", "P-0003", "P-0004"]
    with pytest.raises(ProposalError, match="Did you mean P-0004"):
        reader.get("P-0005")
    with pytest.raises(ProposalError, match="exists already"):
        Ledger(state).record(ProposalCreated(proposal=proposal("P-0001")), "model")


def test_ids_and_matters_are_found_without_a_fold(state: Path) -> None:
    filled(state)
    ledger = Ledger(state)
    assert [ledger.next_id(letter) for letter in "PBG"] == ["P-0004", "B-0001", "G-0001"]
    (passed,) = ledger.of_type(ChangePassed.type)
    Ledger(state).record(GrantGiven(id="G-0001", rule={}, by="ann", expires=1.0), "ann")
    Ledger(state).record(ChangePassed(path="b", reason="r", by="x"), "x")
    assert ledger.next_id("G") == "G-0002"
    assert [record.seq for record in ledger.of_type(ChangePassed.type, GrantGiven.type)] == [passed.seq, passed.seq + 1, passed.seq + 2]


def test_finished_runs_are_found_by_their_keys(state: Path) -> None:
    ledger = filled(state)
    from mltui.experiments.records import JobStarted

    ledger.record(JobStarted(proposal_id="P-0002", job="j", runs=2), "ann")
    ledger.record(finished("baseline", 0, "P-0002"), "mltui")
    assert len(Ledger(state).finished_runs()) == len(Ledger(state).finished_runs(["k"])) == 1
    assert Ledger(state).finished_runs(["other"]) == []


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_index_is_made_anew(state: Path, content: bytes) -> None:
    filled(state)
    Index(state).close()
    path = state / "index.sqlite"
    for name in ("index.sqlite-wal", "index.sqlite-shm"):
        (state / name).unlink(missing_ok=True)
    path.write_bytes(content)
    index = Index(state)
    assert states(index) == truth(state)
    assert bool(index.notice) == bool(content)
    index.close()
    assert not Index(state).notice


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_something_else_in_its_place_is_left_alone(state: Path, kind: str) -> None:
    filled(state)
    path = state / "index.sqlite"
    path.mkdir() if kind == "folder" else path.symlink_to(state.parent / "elsewhere")
    index = Index(state)
    assert states(index) == truth(state) and "in memory" in index.notice
    assert not (state.parent / "elsewhere").exists()


def test_an_index_of_another_version_or_journal_is_made_anew(state: Path) -> None:
    filled(state)
    Index(state).close()
    with sqlite3.connect(state / "index.sqlite") as database:
        database.execute("UPDATE meta SET version = 99")
        database.execute("UPDATE experiments SET state = 'accepted'")
    database.close()
    assert states(Index(state)) == truth(state)
    (state / "journal.jsonl").unlink()
    filled(state, 2)
    assert list(states(Index(state))) == ["P-0001", "P-0002"]


def test_a_poisoned_index_decides_nothing(state: Path) -> None:
    filled(state)
    Index(state).close()
    with sqlite3.connect(state / "index.sqlite") as database:
        database.execute("UPDATE experiments SET state = 'approved'")
        database.execute("DELETE FROM records WHERE subject = 'P-0002' AND type = 'proposal.decided'")
    database.close()
    assert Ledger(state).get("P-0001").state == "proposed"
    assert Ledger(state).get("P-0002").state == "approved"
    with pytest.raises(ProposalError):
        Ledger(state).record(decided("approve", "P-0002"), "ann")


def test_filters_and_limits(state: Path) -> None:
    filled(state)
    index = Index(state)
    assert [row.id for row in index.rows(limit=2)] == ["P-0002", "P-0003"]
    assert [row.id for row in index.rows(states=("approved",))] == ["P-0002"]
    assert index.rows(kinds=("eval",)) == [] and index.rows(since=1.0) == []
    assert index.count(ChangePassed.type) == 1


def test_a_changed_journal_is_not_indexed(state: Path) -> None:
    ledger = filled(state)
    path = ledger.journal.path
    path.write_bytes(path.read_bytes().replace(b"P-0002", b"P-0008", 1))
    with pytest.raises(JournalError, match="record 2 "):
        Index(state)


def test_no_journal_makes_no_file(state: Path) -> None:
    assert Index(state).rows() == [] and not state.exists()


INDEXER = """
import sys
from pathlib import Path
from mltui.experiments.index import Index
print(len(Index(Path(sys.argv[1])).rows()))
"""


def test_processes_index_at_once(state: Path) -> None:
    filled(state, 30)
    workers = [subprocess.Popen([sys.executable, "-c", INDEXER, str(state)], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [worker.communicate()[0].strip() for worker in workers] == ["30"] * 4
    assert not Index(state).notice
    assert Journal(state / "journal.jsonl").verify() == 32


def test_a_longer_journal_in_its_place_is_indexed_anew(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when its lines are as long as those that were read: the hash tells them apart."""
    monkeypatch.setattr("time.time", lambda: 1000.25)
    filled(state, 2)
    Index(state).close()
    size = (state / "journal.jsonl").stat().st_size
    (state / "journal.jsonl").unlink()
    monkeypatch.setattr("time.time", lambda: 1000.75)
    ledger = filled(state, 2)
    assert (state / "journal.jsonl").stat().st_size == size
    ledger.record(decided("reject", "P-0001"), "ann")
    index = Index(state)
    assert states(index) == {"P-0001": "rejected", "P-0002": "approved"}
    assert all(row.changed == 1000.75 for row in index.rows()) and not index.notice


def test_lists_come_from_the_index_and_say_what_the_ledger_says(state: Path) -> None:
    log = Experiments(state.parent, Config())
    assert (log.rows(), log.newest(), log.newest(states=("proposed",)), log.orphans().list()) == ([], [], [], [])
    with pytest.raises(ProposalError):
        log.peek("P-0001")
    filled(state)
    recorded = log.orphans().record(UnplannedTraining(id="", session_id="s", command="python x.py", cpu_seconds=2.0))
    assert [row.id for row in log.rows()] == list(NAMES)
    assert [each.id for each in log.newest(1)] == ["P-0003"]
    assert [each.id for each in log.newest(states=("proposed",))] == ["P-0001", "P-0003"]
    assert log.peek("P-0002") == log.get("P-0002")
    log.orphans().settle(recorded.id, "adopt", by="ann")
    assert [(orphan.training.command, orphan.settled) for orphan in Orphans(state).list()] == [("python x.py", "adopt")]
    assert [row.id for row in log.rows()] == list(NAMES)


def test_an_index_of_another_version_is_made_anew(state: Path) -> None:
    filled(state)
    Index(state).close()
    with contextlib.closing(sqlite3.connect(state / "index.sqlite")) as db:
        db.execute("ALTER TABLE experiments DROP COLUMN unit")
        db.execute("UPDATE meta SET version = 1")
        db.commit()
    assert [row.unit for row in Index(state).rows()] == [None] * 3
