"""The worker as the client sees it: started, spoken to, and, when nothing else helps, killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from typing import BinaryIO

from mltui.core.errors import ModelError
from mltui.models.local import protocol

START_SECONDS = 60.0
END_SECONDS = 2.0
_LOG_TAIL = 8192
ILLEGAL = (
    "llama.cpp was compiled for another processor. Compile it on this one: "
    "CMAKE_ARGS=-DGGML_NATIVE=ON pip install --force-reinstall --no-deps --no-cache-dir --no-binary llama-cpp-python llama-cpp-python"
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)


class WorkerDied(ModelError):
    """The worker ended, or spoke nonsense and was ended.

    Attributes:
        illegal: it came upon an instruction that this processor does not have, or does not let it use.
        gave_back: it was asked to, so that a run may have its GPU.
    """

    illegal = False
    gave_back = False


class WorkerProcess:
    """A running worker, in a process group of its own, so that Ctrl-C in the terminal is not its business."""

    def __init__(self, process: asyncio.subprocess.Process, log: BinaryIO) -> None:
        self._process = process
        self._log = log
        self._body: int | None = None

    @classmethod
    async def start(cls) -> WorkerProcess:
        """Raises: WorkerDied: it did not greet as a worker of this version does."""
        log = tempfile.TemporaryFile(prefix="mltui-llama-")  # noqa: SIM115 - closed with the process
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the current folder is the project's, and must not shadow a module
            "-m",
            "mltui.models.local.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            limit=protocol.MAX_FRAME,
            env={name: value for name, value in os.environ.items() if not _SECRET.search(name)},
        )
        worker = cls(process, log)
        try:
            hello = await asyncio.wait_for(worker.receive(), START_SECONDS)
            if not isinstance(hello, protocol.Hello) or hello.protocol != protocol.PROTOCOL:
                raise await worker.died("did not greet in this version's protocol")
        except TimeoutError:
            raise await worker.died(f"did not start within {START_SECONDS:g} seconds") from None
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def gave_back(self) -> bool:
        """Whether it ended to give its memory back."""
        return self._process.returncode == protocol.GAVE_BACK

    async def send(self, message: protocol.Request) -> None:
        """Raises: WorkerDied."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(protocol.encode(message))
            await stdin.drain()
        except (ConnectionError, RuntimeError):
            raise await self.died() from None

    async def receive(self) -> protocol.Message:
        """The next message. Raises: WorkerDied."""
        stdout = self._process.stdout
        assert stdout is not None
        try:
            # The length survives a cancelled wait for the body, so that the next call goes on where this one stopped.
            if self._body is None:
                self._body = protocol.frame_length(await stdout.readexactly(protocol.HEADER.size))
            body = await stdout.readexactly(self._body)
            self._body = None
            return protocol.decode(body)
        except asyncio.IncompleteReadError:
            raise await self.died() from None
        except protocol.ProtocolError as error:
            raise await self.died(f"sent {error}") from None

    async def died(self, what: str = "") -> WorkerDied:
        """The error for a worker that is gone, with what it said last. Makes sure that it is gone."""
        if not what:
            # Its pipe closes a moment before its status is known.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), END_SECONDS)
        if self._process.returncode is not None and not what:
            what = _ending(self._process.returncode)
        words = self.last_words()
        await self.kill()
        illegal = self._process.returncode == -signal.SIGILL
        hint = ILLEGAL if illegal else "The next request starts it again"
        error = WorkerDied(f"The llama.cpp worker {what or 'stopped'}{': ' + words if words else ''}", hint=hint)
        error.illegal, error.gave_back = illegal, self.gave_back
        return error

    def last_words(self) -> str:
        """The last lines of the worker's stderr, on one line."""
        if self._log.closed:
            return ""
        size = os.fstat(self._log.fileno()).st_size
        tail = os.pread(self._log.fileno(), _LOG_TAIL, max(0, size - _LOG_TAIL)).decode("utf-8", errors="replace")
        lines = [" ".join(line.split()) for line in tail.splitlines() if line.strip()]
        return " | ".join(line[:200] for line in lines[-3:])

    async def quit(self) -> None:
        """Asks it to end, and makes it."""
        stdin = self._process.stdin
        if self._process.returncode is None and stdin is not None:
            with contextlib.suppress(ConnectionError, RuntimeError, TimeoutError):
                stdin.write(protocol.encode(protocol.Quit()))
                stdin.close()
                await asyncio.wait_for(self._process.wait(), END_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """Ends the whole process group. Safe to call twice."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        self._log.close()


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
