"""Logs that stay small whatever a run prints, and the metrics in it that are not lost with the rest."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.experiments.log_following import LogFollower
from mltui.experiments.metrics import read_stdout
from mltui.experiments.printed_metrics import PrintedMetrics
from mltui.experiments.run_logs import BoundedLog, Pump
from mltui.experiments.runner import Runner

HEAD, PIECE = 40, 20


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.binary(min_size=1, max_size=70), max_size=12))
def test_beginning_and_end_are_kept_and_what_is_missing_is_said(pieces: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = BoundedLog(folder, "stdout", HEAD, PIECE)
        for piece in pieces:
            log.write(piece)
            assert sum(path.stat().st_size for path in folder.iterdir()) <= HEAD + PIECE
        log.close()
        everything, kept = b"".join(pieces), (folder / "stdout.log").read_bytes()
        assert [path.name for path in folder.iterdir()] == ["stdout.log"]
        if len(everything) <= HEAD + 2 * PIECE:
            assert kept == everything
        else:
            assert kept.startswith(everything[:HEAD]) and kept.endswith(everything[-PIECE:])
            before, _, after = kept.partition(b"\n[mltui: ")
            left_out = int(after.split(b" ")[0].replace(b",", b""))
            end = after.partition(b"are kept]\n")[2]
            assert len(before) + left_out + len(end) == len(everything) and everything.endswith(end)


def test_a_link_in_place_of_a_log_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    log = BoundedLog(folder, "stdout", 4, 4)
    (folder / "stdout.tail.log").symlink_to(victim)
    log.write(b"0123456789abcdef")
    (folder / "stdout.tail.log").unlink()
    (folder / "stdout.tail.log").symlink_to(victim)
    log.write(b"ghijklmnop")
    log.close()
    assert victim.read_text() == "mine"
    assert (folder / "stdout.log").read_bytes().endswith(b"klmnop")


@given(text=st.text(alphabet='ab=:{}"1.5e- \n\r', max_size=300), size=st.integers(1, 40), form=st.sampled_from(["json", "key=value"]))
def test_metrics_do_not_depend_on_how_the_output_arrives(text: str, size: int, form: str) -> None:
    data = text.encode()
    found = PrintedMetrics(form)
    for at in range(0, len(data), size):
        found.take(data[at : at + size])
    whole = PrintedMetrics(form)
    whole.take(data)
    assert found.found() == whole.found()
    if form == "key=value":
        lines = text.replace("\r", "\n").split("\n")
        assert found.found() == {name: value for line in lines for name, value in read_stdout(line, form).items()}


def test_a_metric_in_the_middle_of_a_flood_counts(tmp_path: Path) -> None:
    noise = "sys.stdout.write(('x' * 99 + chr(10)) * 120_000)"
    script = f"import sys; {noise}; print('accuracy=0.75'); {noise}"
    found = PrintedMetrics("key=value")
    outcome = Runner().run(
        f'{sys.executable} -c "{script}"', cwd=tmp_path, env=dict(os.environ), folder=tmp_path, seconds=60, watch=found.take
    )
    assert (outcome.ended, found.found()) == ("exit", {"accuracy": 0.75})
    assert (tmp_path / "stdout.log").stat().st_size < 20_000_200
    assert b"accuracy" not in (tmp_path / "stdout.log").read_bytes()


def test_a_line_without_end_holds_no_memory() -> None:
    found = PrintedMetrics("key=value")
    for _ in range(50):
        found.take(b"x" * 65_536)
    found.take(b"loss=1\nacc=2\n")
    assert found.found() == {"acc": 2.0}
    deep = PrintedMetrics("json")
    deep.take(b'{"a":' * 10_000 + b'\n{"a": 1}\n' + b'{"a":' * 10_000)
    assert deep.found() == {"a": 1.0}, "brackets without end are no metrics, and no crash"


class _Full(BoundedLog):
    """A log on a disk that is full after some bytes."""

    def write(self, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_neither_hangs_the_run_nor_goes_unsaid(tmp_path: Path) -> None:
    read, write = os.pipe()
    pump = Pump(io.FileIO(read), _Full(tmp_path, "stdout"))  # type: ignore[arg-type]
    pump.start()
    os.write(write, b"x" * 60_000)
    os.write(write, b"the end")
    os.close(write)
    pump.join(30)
    assert not pump.is_alive()
    assert pump.problem == "No space left on device" and pump.text().endswith("the end")


def test_a_log_is_followed_over_its_rotation(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "baseline-0"
    folder.mkdir(parents=True)
    log = BoundedLog(folder, "stdout", 30, 20)
    log.write(b"one\ntwo\nthree\n")
    follower = LogFollower(tmp_path / "runs", lines=2)
    seen = [line for printed in follower.news() for line in printed.lines]
    assert seen == ["two", "three"]
    written: list[str] = []
    for number in range(30):
        line = f"line {number}"
        written.append(line)
        log.write(f"{line}\n".encode())
        seen += [line for printed in follower.news() for line in printed.lines]
    log.close()
    seen += [line for printed in follower.news(over=True) for line in printed.lines]
    assert seen == ["two", "three", *written], "each line once, in order, also after the end was put behind the beginning"
    follower.close()
