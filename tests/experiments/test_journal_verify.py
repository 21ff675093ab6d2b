"""What `verify` finds: any edit, deletion, insertion, reordering and cut of a journal, and which record it names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.core.errors import JournalError
from mltui.experiments.chain import check_chain
from mltui.experiments.heads import HeadFile, HeadRef, open_journal
from mltui.experiments.journal import Journal
from mltui.experiments.verification import accept_loss, verify

COUNT = 6


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    project = tmp_path / "project"
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    return project


def filled(root: Path, count: int = COUNT) -> Path:
    journal = open_journal(root / ".mltui")
    for number in range(1, count + 1):
        journal.append("proposal.decided", "ann", {"approval": {"proposal_id": f"P-{number:04d}", "answer": "approve"}})
    return journal.path


class Written:
    """A project with a journal in a folder of its own, for examples that Hypothesis makes."""

    def __enter__(self) -> Written:
        self._folder = TemporaryDirectory()
        self.environ = {"MLTUI_HOME": str(Path(self._folder.name) / "home")}
        self._before = os.environ.get("MLTUI_HOME")
        os.environ.update(self.environ)
        self.root = Path(self._folder.name) / "project"
        self.path = filled(self.root)
        self.lines = self.path.read_bytes().splitlines(keepends=True)
        return self

    def __exit__(self, *_: object) -> None:
        os.environ.pop("MLTUI_HOME", None)
        if self._before is not None:
            os.environ["MLTUI_HOME"] = self._before
        self._folder.cleanup()

    def objection(self, lines: list[bytes]) -> str:
        self.path.write_bytes(b"".join(lines))
        with pytest.raises(JournalError) as raised:
            verify(self.root)
        return str(raised.value)


@given(st.integers(0, COUNT - 1))
@settings(max_examples=12, deadline=None)
def test_a_deleted_record_is_named(where: int) -> None:
    with Written() as it:
        said = it.objection(it.lines[:where] + it.lines[where + 1 :])
        assert f"record {where + 1}" in said and "missing" in said
        if where == COUNT - 1:  # only what was seen of it elsewhere still knows it
            assert f"proposal.decided of P-{COUNT:04d}" in said


@given(st.integers(1, COUNT))
@settings(max_examples=12, deadline=None)
def test_a_cut_end_is_named_and_counted(gone: int) -> None:
    with Written() as it:
        said = it.objection(it.lines[: COUNT - gone])
        first = COUNT - gone + 1
        after = f" and {gone - 1} after it are missing" if gone > 1 else " is missing"
        assert f"record {first} (proposal.decided of P-{first:04d}" in said
        assert after in said


@given(st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_a_cut_at_any_byte_is_found(where: int) -> None:
    with Written() as it:
        whole = b"".join(it.lines)
        cut = where % len(whole)
        number = whole[:cut].count(b"\n") + 1
        assert f"record {number} " in it.objection([whole[:cut]])


@given(st.integers(0, 10**9), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_changed_byte_is_named(where: int, difference: int) -> None:
    with Written() as it:
        whole = bytearray(b"".join(it.lines))
        position = where % len(whole)
        number = bytes(whole[:position]).count(b"\n") + 1
        whole[position] ^= difference
        assert f"record {number} " in it.objection([bytes(whole)])


@given(st.lists(st.integers(0, COUNT - 1), min_size=2, max_size=2, unique=True))
@settings(max_examples=15, deadline=None)
def test_swapped_records_are_named(pair: list[int]) -> None:
    with Written() as it:
        first, second = sorted(pair)
        lines = list(it.lines)
        lines[first], lines[second] = lines[second], lines[first]
        said = it.objection(lines)
        assert f"record {first + 1} (proposal.decided of P-{first + 1:04d}" in said and "was moved" in said
        assert f"record {second + 1} " in said


@given(st.integers(0, COUNT - 1), st.integers(0, COUNT))
@settings(max_examples=15, deadline=None)
def test_a_repeated_record_is_named(which: int, where: int) -> None:
    with Written() as it:
        said = it.objection([*it.lines[:where], it.lines[which], *it.lines[where:]])
        assert f"record {where + (which == where) + 1} " in said
        if where > which or which == where:
            assert "was put in" in said


def test_a_whole_new_chain_is_found(root: Path) -> None:
    path = filled(root)
    path.unlink()
    forged = Journal(path)
    for number in range(1, COUNT + 1):
        forged.append("proposal.decided", "mallory", {"approval": {"proposal_id": f"P-{number:04d}", "answer": "approve"}})
    assert forged.verify() == COUNT
    with pytest.raises(JournalError, match=rf"record {COUNT} .*written anew"):
        verify(root)


def test_the_git_ref_finds_what_the_file_of_heads_no_longer_knows(root: Path) -> None:
    path = filled(root)
    HeadFile(root, os.environ).path.unlink()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    with pytest.raises(JournalError, match=rf"record {COUNT - 1} and 1 after it are missing: the git ref refs/mltui/journal"):
        verify(root)


def test_the_ref_is_sound_for_git_and_survives_a_collection(root: Path) -> None:
    filled(root)
    done = subprocess.run(["git", "fsck", "--strict"], cwd=root, capture_output=True, text=True, check=True)
    assert "error" not in done.stderr
    assert subprocess.run(["git", "count-objects"], cwd=root, capture_output=True, text=True, check=True).stdout.startswith("1 objects")
    subprocess.run(["git", "gc", "-q", "--prune=now"], cwd=root, check=True)
    head = HeadRef(root).read()
    assert head and head.seq == COUNT
    filled(root, 1)
    after = HeadRef(root).read()
    assert after and after.seq == COUNT + 1 and verify(root).records == COUNT + 1


def test_a_repository_of_another_format_is_mirrored_by_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    subprocess.run(["git", "init", "-q", "--object-format=sha256", str(root)], check=True)
    filled(root, 2)
    head = HeadRef(root).read()
    assert head and head.seq == 2


def test_a_linked_worktree_has_a_ref_of_its_own(root: Path, tmp_path: Path) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], cwd=root, check=True)
    other = tmp_path / "other"
    subprocess.run(["git", "worktree", "add", "-q", str(other)], cwd=root, check=True)
    filled(root, 3)
    filled(other, 1)
    heads = [HeadRef(folder).read() for folder in (root, other)]
    assert [head.seq for head in heads if head] == [3, 1]
    assert verify(root).records == 3 and verify(other).records == 1


def test_appending_after_a_cut_does_not_hide_it(root: Path) -> None:
    path = filled(root)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    filled(root, COUNT)
    with pytest.raises(JournalError, match=rf"record {COUNT} .*written anew"):
        verify(root)


def test_a_loss_can_be_accepted_and_stays_on_record(root: Path) -> None:
    path = filled(root)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    found = accept_loss(root, by="ann", reason="restored")
    last = Journal(path).read()[-1]
    assert found.records == 3 and last.type == "journal.accepted"
    assert last.payload["reason"] == "restored" and "record 3" in str(last.payload["what"])
    assert verify(root).records == 3
    with pytest.raises(JournalError, match="nothing is missing"):
        accept_loss(root, by="ann", reason="again")


def test_a_broken_chain_is_not_accepted(root: Path) -> None:
    path = filled(root)
    path.write_bytes(path.read_bytes().replace(b"P-0003", b"P-0009"))
    with pytest.raises(JournalError, match="record 3 "):
        accept_loss(root, by="ann", reason="no")


def test_a_copied_journal_verifies_by_its_chain_and_says_so(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(root)
    other = tmp_path / "elsewhere" / ".mltui" / "journal.jsonl"
    other.parent.mkdir(parents=True)
    other.write_bytes(path.read_bytes())
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "another home"))
    found = verify(other.parent.parent)
    assert found.records == COUNT
    assert "by the chain alone" in found.notes[0]


def test_another_repository_at_the_same_path_is_no_loss(root: Path, tmp_path: Path) -> None:
    filled(root)
    root.rename(tmp_path / "moved")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    assert verify(root).records == 0
    filled(root, 1)
    assert verify(root).records == 1


def test_a_clock_that_goes_back_is_told_and_no_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(root, 2)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    filled(root, 1)
    assert "the clock had gone back at record 3" in verify(root).notes[0]


def test_converted_line_ends_and_zero_bytes_are_told_apart(root: Path) -> None:
    path = filled(root, 2)
    sound = path.read_bytes()
    path.write_bytes(sound.replace(b"\n", b"\r\n"))
    with pytest.raises(JournalError, match=r"record 1 .*CRLF"):
        check_chain(path)
    path.write_bytes(sound[:-200] + b"\0" * 199 + b"\n")
    with pytest.raises(JournalError, match=r"record 2 .*zero bytes"):
        check_chain(path)


def test_an_unwritable_home_costs_the_check_and_not_the_record(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "file"))
    filled(root, 2)
    assert verify(root).records == 2


WRITER = """
import sys
from pathlib import Path
from mltui.experiments.heads import open_journal
journal = open_journal(Path(sys.argv[1]))
for n in range(15):
    journal.append("proposal.decided", sys.argv[2], {"n": n})
"""


def test_writers_in_four_processes_keep_chain_and_heads(root: Path) -> None:
    state = root / ".mltui"
    state.mkdir()
    (state / "journal.jsonl").write_bytes(b'{"actor":"torn')
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(state), name]) for name in "abcd"]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    found = verify(root)
    assert found.records == 61  # and one that says that the torn line was moved
    head, ref = HeadFile(root, os.environ).read(), HeadRef(root).read()
    assert head and ref and head.hash == ref.hash == found.head
