"""A journal where it cannot be read or written: one line for the person, and nothing half-written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mltui.core.errors import JournalError
from mltui.experiments.journal import Journal, plain
from mltui.experiments.records import ChangePassed
from mltui.experiments.storage import network_file_system


@pytest.mark.parametrize("kind", ["folder", "link", "fifo"])
def test_something_else_in_its_place_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "journal.jsonl"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "other").write_text("")
        path.symlink_to(tmp_path / "other")
    else:
        os.mkfifo(path)
    for deed in (Journal(path).read, Journal(path).verify, lambda: Journal(path).append("note", "ann", {})):
        with pytest.raises(JournalError, match=r"is (a folder|a link|no file)"):
            deed()
    if kind == "link":
        assert (tmp_path / "other").read_text() == ""


def test_an_empty_file_is_an_empty_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"")
    assert Journal(path).verify() == 0
    Journal(path).append("note", "ann", {})
    assert Journal(path).verify() == 1


FULL = """
import resource, signal, sys
from pathlib import Path
from mltui.core.errors import JournalError
from mltui.experiments.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]))
journal.append("note", "ann", {"text": "x" * 500})
size = journal.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300, resource.RLIM_INFINITY))
try:
    journal.append("note", "ann", {"text": "y" * 5000})
except JournalError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert journal.path.stat().st_size == size, "half-written"
journal.append("note", "ann", {"text": "z"})
print(Journal(journal.path).verify())
"""


def test_a_write_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path / "journal.jsonl")], capture_output=True, text=True, check=True)
    said, count = done.stdout.splitlines()
    assert "could not be written" in said and count == "2"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="could not be written"):
        Journal(tmp_path / "file" / ".mltui" / "journal.jsonl").append("note", "ann", {})


def test_zero_bytes_of_a_power_failure_are_moved_aside(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("note", "ann", {})
    with journal.path.open("ab") as file:
        file.write(b"\0" * 5000)
    assert len(Journal(journal.path).read()) == 1
    Journal(journal.path).append("note", "ann", {})
    assert Journal(journal.path).verify() == 3
    assert journal.path.with_suffix(".torn").read_bytes() == b"\0" * 5000 + b"\n"


def test_a_line_torn_inside_a_character_is_moved_aside(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("note", "ann", {"text": "ok"})
    kept = journal.path.read_bytes()
    journal.append("note", "ann", {"text": "☃" * 10})
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[: whole.index("☃".encode()) + 1])
    again = Journal(journal.path)
    again.skip()
    assert again.seq == 1 and again.offset == len(kept)
    assert [record.seq for record in again.append("note", "ann", {})] == [2, 3]
    assert Journal(journal.path).verify() == 3


HEALER = "import sys; from pathlib import Path; from mltui.experiments.journal import Journal; Journal(Path(sys.argv[1])).heal()"


def test_two_processes_heal_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("note", "ann", {})
    with journal.path.open("ab") as file:
        file.write(b'{"actor":"x"')
    healers = [subprocess.Popen([sys.executable, "-c", HEALER, str(journal.path)]) for _ in range(2)]
    assert [healer.wait() for healer in healers] == [0, 0]
    assert Journal(journal.path).verify() == 2
    assert journal.path.with_suffix(".torn").read_bytes() == b'{"actor":"x"\n'


def test_names_that_utf8_cannot_write_are_kept_as_escapes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("change.passed", "ann", plain(ChangePassed(path="a\udc80b\n", reason="r", by="x")))
    journal.append("note", "an\udcffn", {"raw\udc80": ["\ud800", 1]})
    first, second = Journal(journal.path).read()
    assert first.payload["path"] == "a\\udc80b\n"
    assert second.actor == "an\\udcffn" and second.payload == {"raw\\udc80": ["\\ud800", 1]}
    assert Journal(journal.path).verify() == 2


def test_skipping_goes_on_where_reading_would(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for number in range(40):
        journal.append("note", "ann", {"text": "x" * (number * 997 % 40_000)})
    skipped, read = Journal(journal.path), Journal(journal.path)
    skipped.skip()
    read.read()
    assert (skipped.seq, skipped.head, skipped.offset) == (read.seq, read.head, read.offset)
    skipped.append("note", "ann", {})
    assert Journal(journal.path).verify() == 41
    damaged = bytearray(journal.path.read_bytes())
    damaged[-30] ^= 1
    journal.path.write_bytes(bytes(damaged))
    with pytest.raises(JournalError, match="record 41 "):
        Journal(journal.path).skip()


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:50 / /mnt/big\\040disk rw - nfs4 server:/export rw
41 40 8:2 / /mnt/big\\040disk/local rw - xfs /dev/sdb rw
"""


@pytest.mark.parametrize(
    ("path", "kind"), [("/home/me", ""), ("/mnt/big disk/project", "nfs4"), ("/mnt/big disk/local/p", ""), ("/mnt/big disks", "")]
)
def test_a_network_file_system_is_known(tmp_path: Path, path: str, kind: str) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert network_file_system(Path(path), tmp_path / "mounts") == kind
    assert network_file_system(Path(path), tmp_path / "none") == ""
