"""Shell commands: without a terminal, in a process group of their own, bounded in time and output."""

from __future__ import annotations

import asyncio
import codecs
import fnmatch
import math
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mltui.capabilities.confinement import Confining, OnlyFolder
from mltui.capabilities.processes import MARK, end_group, kill_group
from mltui.capabilities.said_aside import SaidAside
from mltui.capabilities.spill import BoundedOutput
from mltui.capabilities.terminal_text import PlainStream
from mltui.capabilities.training_watch import TrainingWatch
from mltui.core.errors import ToolError
from mltui.sandbox.brand import new_brand
from mltui.sandbox.choice import Unconfined
from mltui.sandbox.confinement import Confinement
from mltui.sandbox.process import Sandbox, SandboxedProcess
from mltui.tools.base import ShellResult

OnOutput = Callable[[str], Awaitable[None]]

_CREDENTIALS = (
    "*_API_KEY", "*_APIKEY", "*_TOKEN", "*SECRET*", "*PASSWORD*", "*_CREDENTIALS", "*_ACCESS_KEY*", "MLFLOW_TRACKING_*",
    "MLFLOW_REGISTRY_*", "WANDB_*", "AWS_*", "AZURE_*", "NEPTUNE_*", "COMET_*", "GOOGLE_APPLICATION_*", "ANTHROPIC_*", "OPENAI_*",
)  # fmt: skip
_TERMINAL = {
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "DEBIAN_FRONTEND": "noninteractive",
}
_CHUNK = 65_536
_COALESCED = 0.05
"""Seconds between two pieces of output that are shown while the command runs."""
_LOOK = 1.0
"""Seconds between two looks at whether a command trains."""
_SHOWN = 8_000
"""Characters of one such piece; of a flood only its end is shown."""


def shell_environment(environ: Mapping[str, str], keep: Collection[str] = ()) -> dict[str, str]:
    """The environment for the agent's commands: no pager, no prompts, no credentials, no CDPATH that would send `cd` elsewhere.

    Args:
        keep: names that stay although they look like credentials.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name in keep or (name != "CDPATH" and not any(fnmatch.fnmatchcase(name.upper(), pattern) for pattern in _CREDENTIALS))
    }
    return {**kept, **_TERMINAL}


@dataclass(frozen=True, slots=True)
class Beside:
    """What a command that goes on beside others has of its own.

    Attributes:
        started: told of the process, its mark and its brand.
    """

    output: BoundedOutput
    training: TrainingWatch | None
    started: Callable[[int, str, int], None]


def _shell_program() -> str:
    """bash, or sh where there is none."""
    return next((path for path in ("/bin/bash", "/usr/bin/bash") if Path(path).exists()), None) or shutil.which("bash") or "/bin/sh"


class CommandShell:
    """Runs commands with bash, or with sh where there is no bash.

    Args:
        sandbox: what confines them; none unless given.
        confining: says how far, and what the model must know about it.
        training: looks at what runs, and may end it; nobody does unless given.
    """

    def __init__(
        self,
        cwd: Path,
        spill_folder: Path,
        *,
        environ: Mapping[str, str] | None = None,
        sandbox: Sandbox | None = None,
        confining: Confining | None = None,
        training: TrainingWatch | None = None,
    ) -> None:
        self._cwd = cwd
        self._spill_folder = spill_folder
        self._environ = shell_environment(os.environ if environ is None else environ)
        self._training = training
        if training is not None:
            self._environ |= training.environ(self._environ)
        self._program = _shell_program()
        self._sandbox: Sandbox = sandbox or Unconfined()
        self._confining: Confining = confining or OnlyFolder(cwd)

    async def run(
        self,
        command: str,
        timeout: float,
        on_output: OnOutput,
        folder: Path | None = None,
        *,
        answer: bool = False,
        beside: Beside | None = None,
    ) -> ShellResult:
        """Runs a command to its end, or to the time-out; when this returns or raises, nothing of it runs any more.

        Args:
            timeout: seconds.
            on_output: told of the output while it comes, a few times a second.
            folder: where it starts, and it is asked where it ends; unless given it starts where all do.
            answer: it may write an answer.
            beside: it goes on beside others.
        """
        with SaidAside(self._program, command, folder=folder is not None and beside is None, answer=answer) as aside:
            result = await self._run(command, aside, timeout, on_output, folder, beside)
            return result if result.exit_code is None else replace(result, folder=aside.folder(), answer=aside.answer())

    async def _run(
        self, command: str, aside: SaidAside, timeout: float, on_output: OnOutput, folder: Path | None, beside: Beside | None
    ) -> ShellResult:
        training = self._training if beside is None else beside.training
        mark, number = secrets.token_hex(8), new_brand()
        confinement = await asyncio.to_thread(self._confining.confinement, command)
        if folder is not None:
            confinement = replace(confinement, cwd=folder)
        if training is not None:
            training.start(command)
        process = self._start(aside, confinement, mark, number, training)
        if beside is not None:
            beside.started(process.pid, mark, number)
        output = BoundedOutput(self._spill_folder) if beside is None else beside.output
        live = _Live(output, on_output)
        look = _Look(training, process.pid)
        try:
            with _Watch(process) as watch:
                ended = await _follow(watch, live, timeout, look)
                left = await end_group(process.pid, mark, number, guarded=process.guarded)
                await _finish(watch, live)
        except BaseException:
            try:
                await end_group(process.pid, mark, number, guarded=process.guarded)
            finally:
                kill_group(process.pid, mark, number)
                await _reap(process)
                process.exit_code()
            raise
        seconds = await _reap(process)
        exit_code = process.exit_code() if ended else None
        text = output.close()
        notes = (
            ["processes that it left in the background were ended"]
            if ended and not look.reason and (left or process.left_running())
            else []
        )
        notes += [] if self._sandbox.name == "none" else self._confining.notes(command, text, exit_code)
        if output.note:
            notes.append(output.note)
        if training is not None:
            notes += await training.finish(seconds, look.reason)
        return ShellResult(text, exit_code, output.path, tuple(notes), seconds)

    def _start(
        self, aside: SaidAside, confinement: Confinement, mark: str, number: int, training: TrainingWatch | None
    ) -> SandboxedProcess:
        env = self._environ if training is self._training or training is None else self._environ | training.environ(self._environ)
        try:
            return self._sandbox.start(
                aside.argv,
                confinement,
                brand=number,
                # PWD: bash believes it where it fits, and `cd ..` would take its last name off rather than the folder's own.
                env={**env, MARK: mark, "PWD": str(confinement.cwd), **aside.variables},
                pass_fds=aside.inherited,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            if not confinement.cwd.is_dir():
                raise ToolError(f"the working folder {confinement.cwd} is gone", hint="Start mltui again in a folder that exists") from None
            raise ToolError(
                f"the command cannot be started: {error.strerror or error}", hint="It may be too long: put it into a file"
            ) from None


class _Watch:
    """Waits for output and for the end of a process at once, without a thread where the system allows it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.exited = False
        self._pipe = process.stdout
        self._process = process
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._pidfd = -1
        self._at_end = False

    def __enter__(self) -> _Watch:
        os.set_blocking(self._descriptor, False)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
            self._loop.add_reader(self._pidfd, self._has_exited)
        except (AttributeError, OSError):
            threading.Thread(target=self._wait_in_thread, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.remove_reader(self._descriptor)
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        if self._pipe is not None:
            self._pipe.close()

    async def wait(self, seconds: float) -> None:
        """Returns when there is output, when the process has exited, or when the time is over."""
        if not self._at_end:
            # Asked for anew each time: a reader that is left in place would spin while nobody reads.
            self._loop.add_reader(self._descriptor, self._readable)
        timer = self._loop.call_later(max(seconds, 0.0), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
            self._wake.clear()

    def read(self) -> bytes:
        """What is in the pipe now, up to a chunk; empty for nothing."""
        if self._at_end:
            return b""
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return b""
        self._at_end = not data
        return data

    @property
    def _descriptor(self) -> int:
        return self._pipe.fileno() if self._pipe is not None else -1

    def _readable(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self._wake.set()

    def _has_exited(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
        self.exited = True
        self._wake.set()

    def _wait_in_thread(self) -> None:
        # WNOWAIT: the process stays a zombie, so that its id is still its own when its group is ended.
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self._loop.call_soon_threadsafe(self._has_exited)


class _Live:
    """Output on its way: decoded, made plain, kept, and shown a few times a second."""

    def __init__(self, output: BoundedOutput, on_output: OnOutput) -> None:
        self._output = output
        self._on_output = on_output
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._plain = PlainStream()
        self._unshown = ""
        self._shown_at = 0.0

    @property
    def pending(self) -> bool:
        return bool(self._unshown)

    def take(self, data: bytes, *, last: bool = False) -> None:
        text = self._plain.feed(self._decoder.decode(data, final=last))
        if last:
            text += self._plain.finish()
        self._output.add(text)
        self._unshown = (self._unshown + text)[-_SHOWN:]

    async def show(self, *, now: bool = False) -> None:
        time = asyncio.get_running_loop().time()
        if self._unshown and (now or time - self._shown_at >= _COALESCED):
            text, self._unshown = self._unshown, ""
            self._shown_at = time
            await self._on_output(text)


class _Look:
    """Asks once a second whether the command may go on.

    Attributes:
        reason: why not; empty as long as it may.
    """

    def __init__(self, training: TrainingWatch | None, process: int) -> None:
        self.reason = ""
        self._training = training
        self._process = process
        self._next = asyncio.get_running_loop().time() + _LOOK

    @property
    def wait(self) -> float:
        """Seconds until the next look."""
        return math.inf if self._training is None else max(0.0, self._next - asyncio.get_running_loop().time())

    async def forbids(self) -> bool:
        if self._training is not None and self.wait == 0:
            self.reason = await self._training.look(self._process)
            self._next = asyncio.get_running_loop().time() + _LOOK
        return bool(self.reason)


async def _follow(watch: _Watch, live: _Live, timeout: float, look: _Look) -> bool:
    """Takes output until the process exits. Returns False when the time was over before; a command that may not go on is over, too."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while not watch.exited and not await look.forbids():
        left = deadline - loop.time()
        if left <= 0:
            return False
        left = min(left, look.wait)
        await watch.wait(min(left, _COALESCED) if live.pending else left)
        live.take(watch.read())
        await live.show()
    return True


async def _finish(watch: _Watch, live: _Live) -> None:
    """Takes what is still in the pipe."""
    while data := watch.read():
        live.take(data)
    live.take(b"", last=True)
    await live.show(now=True)


async def _reap(process: SandboxedProcess) -> float:
    """Waits for a process. Returns the CPU seconds of it and of all that it waited for."""
    seconds = _collect(process, os.WNOHANG)
    return await asyncio.to_thread(_collect, process, 0) if process.returncode is None else seconds


def _collect(process: SandboxedProcess, options: int) -> float:
    if process.returncode is not None:
        return 0.0
    done, status, usage = os.wait4(process.pid, options)
    if done:
        process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime
