"""The process of an MCP server: confined as the agent's commands are, and halted while nobody calls it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

from mltui.capabilities.confinement import Confining
from mltui.capabilities.processes import MARK, end_group, kill_group, resume_group, stop_group
from mltui.capabilities.terminal_text import PlainStream
from mltui.core.errors import ToolError
from mltui.experiments.unplanned import tree_seconds
from mltui.sandbox.brand import new_brand
from mltui.sandbox.process import Sandbox, SandboxedProcess

LONGEST_MESSAGE = 32 << 20
"""Bytes of one message of a server."""
_SAID = 2000
_POLITE = 1.0


class ServerProcess:
    """A running server. Between calls its processes are halted, so that it acts only while something looks at what it does."""

    def __init__(
        self,
        process: SandboxedProcess,
        mark: str,
        brand: int,
        log: Path,
        reader: asyncio.StreamReader,
        pipe: asyncio.ReadTransport,
    ) -> None:
        self._process = process
        self._mark = mark
        self._brand = brand
        self._log = log
        self._reader = reader
        self._pipe = pipe
        self._ended = False

    @classmethod
    async def start(
        cls, argv: Sequence[str], env: Mapping[str, str], *, sandbox: Sandbox, confining: Confining, log: Path
    ) -> ServerProcess:
        """Starts it. What it writes to stderr goes to `log`. Raises: ToolError: it cannot be started."""
        mark, brand = secrets.token_hex(8), new_brand()
        confinement = await asyncio.to_thread(confining.confinement, "")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as errors:
            try:
                process = sandbox.start(
                    list(argv),
                    confinement,
                    brand=brand,
                    env={**env, MARK: mark},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                    bufsize=0,
                )
            except OSError as error:
                raise ToolError(f"{argv[0]} cannot be started: {error.strerror or error}", hint="Is it installed?") from None
        reader = asyncio.StreamReader(limit=LONGEST_MESSAGE)
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        return cls(process, mark, brand, log, reader, pipe)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return not self._ended and not self._reader.at_eof() and not self._exited()

    def _exited(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def cpu_seconds(self) -> float:
        return tree_seconds(self.pid)

    async def lines(self) -> AsyncGenerator[bytes]:
        """Its messages, until it closes its output."""
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:
                return  # a message without an end
            if not line:
                return
            yield line

    async def send(self, data: bytes) -> None:
        """Raises: OSError: it does not listen any more."""
        assert self._process.stdin is not None
        loop, descriptor = asyncio.get_running_loop(), self._process.stdin.fileno()
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except BlockingIOError:
                writable = asyncio.Event()
                loop.add_writer(descriptor, writable.set)
                try:
                    await writable.wait()
                finally:
                    loop.remove_writer(descriptor)

    async def halt(self) -> None:
        if not self._ended:
            await asyncio.to_thread(stop_group, self.pid, self._mark, self._brand)

    async def go_on(self) -> None:
        if not self._ended:
            await asyncio.to_thread(resume_group, self.pid, self._mark, self._brand)

    async def end(self) -> None:
        """Closes its input, gives it a moment, and ends all that is left of it. Safe to call twice."""
        if self._ended:
            return
        self._ended = True
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            await asyncio.to_thread(resume_group, self.pid, self._mark, self._brand)
            waited = 0.0
            while waited < _POLITE and not self._exited():
                await asyncio.sleep(0.02)
                waited += 0.02
            await end_group(self.pid, self._mark, self._brand, guarded=self._process.guarded)
        finally:
            kill_group(self.pid, self._mark, self._brand)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
            self._process.exit_code()
            self._pipe.close()

    def last_words(self) -> str:
        """The end of what it wrote to stderr, as plain text."""
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - _SAID))
                data = file.read()
        except OSError:
            return ""
        plain = PlainStream()
        lines = (plain.feed(data.decode("utf-8", "replace")) + plain.finish()).strip().splitlines()
        return " / ".join(line.strip() for line in lines[-3:])[:500]
