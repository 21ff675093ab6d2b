"""The worker's side of the pipe: it greets, refuses garbage, and never outlives its parent."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mltui.models.local import protocol

pytestmark = pytest.mark.local
COMMAND = [sys.executable, "-P", "-m", "mltui.models.local.worker"]
WAIT = 30
GARBAGE = [b"\xff" * 8, b"\0\0\0\4nope", protocol.encode(protocol.Hello(1, 1, "x"))]


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    pytest.importorskip("llama_cpp.llama_cpp")
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def send(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()


def receive(process: subprocess.Popen[bytes]) -> protocol.Message | None:
    assert process.stdout is not None
    return protocol.read(process.stdout)


def generate(smollm2: Path, process: subprocess.Popen[bytes]) -> None:
    """Loads, and waits until a long answer is under way."""
    send(process, protocol.encode(protocol.Load(str(smollm2), 1024, 0, 1, plain=True)))
    assert isinstance(receive(process), protocol.Loaded)
    send(process, protocol.encode(protocol.Generate(1, "", [{"role": "user", "text": "Tell a story."}], [], None, 900, 0.0, 0)))
    assert isinstance(receive(process), protocol.Piece)


def test_greets_and_quits(worker: subprocess.Popen[bytes]) -> None:
    hello = receive(worker)
    assert isinstance(hello, protocol.Hello)
    assert (hello.protocol, hello.pid) == (protocol.PROTOCOL, worker.pid)
    send(worker, protocol.encode(protocol.Stat()))
    assert isinstance(receive(worker), protocol.Stats)
    send(worker, protocol.encode(protocol.Quit()))
    assert worker.wait(WAIT) == 0


@pytest.mark.parametrize("garbage", GARBAGE, ids=["length", "json", "wrong-way"])
def test_garbage_ends_it_with_a_reason(worker: subprocess.Popen[bytes], garbage: bytes) -> None:
    receive(worker)
    send(worker, garbage)
    assert worker.wait(WAIT) == 3
    assert worker.stderr is not None and b"mltui worker: " in worker.stderr.read()


def test_a_request_without_a_model_is_refused(worker: subprocess.Popen[bytes]) -> None:
    receive(worker)
    send(worker, protocol.encode(protocol.Generate(1, "", [], [], None, 9, 0.0, 0)))
    assert receive(worker) == protocol.Failed(1, "request", "No model is loaded")


def test_a_prompt_longer_than_a_pipe_holds_arrives_whole(worker: subprocess.Popen[bytes]) -> None:
    receive(worker)
    long = "word " * 200_000
    send(worker, protocol.encode(protocol.Generate(1, "", [{"role": "user", "text": long}], [], None, 9, 0.0, 0)))
    assert receive(worker) == protocol.Failed(1, "request", "No model is loaded")


def test_a_bad_file_is_refused_and_the_worker_stays(worker: subprocess.Popen[bytes], tmp_path: Path) -> None:
    receive(worker)
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF, or so it says, but it is not")
    for _ in range(2):
        send(worker, protocol.encode(protocol.Load(str(path), 0, 0, 1, plain=True)))
        answer = receive(worker)
        assert isinstance(answer, protocol.Failed) and answer.kind == "load"


def test_the_end_of_its_stdin_ends_it_in_the_middle_of_an_answer(worker: subprocess.Popen[bytes], smollm2: Path) -> None:
    receive(worker)
    generate(smollm2, worker)
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(WAIT) == 0


def test_it_dies_with_its_parent(smollm2: Path) -> None:
    """The parent is killed, not closed: nobody tells the worker."""
    program = (
        "import subprocess, sys, time\n"
        f"process = subprocess.Popen({COMMAND!r}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    psutil.wait_procs([child], timeout=WAIT)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_start_is_light() -> None:
    """No pydantic, no numpy: what a worker does not need would delay each first answer."""
    pytest.importorskip("llama_cpp.llama_cpp")
    program = "import sys, mltui.models.local.worker; print([name for name in ('pydantic', 'numpy', 'litellm') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
