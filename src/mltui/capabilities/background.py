"""Commands that go on beside the conversation: each in its own group and sandbox, with its own look at whether it trains."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mltui.capabilities import ripgrep
from mltui.capabilities.guarded_shell import GuardedShell
from mltui.capabilities.processes import resume_group, stop_group
from mltui.capabilities.shell import Beside, CommandShell
from mltui.capabilities.spill import IN_CONTEXT, BoundedOutput
from mltui.capabilities.training_watch import ASK, TrainingWatch
from mltui.core.errors import MltuiError, ToolError
from mltui.core.events import JobFinished, JobStarted
from mltui.tools.base import BackgroundOutput, ShellResult

MOST = 8
"""Commands in the background of one session that may run at once."""
_FILTER_SECONDS = 10.0
_SHOWN_COMMAND = 200


class _Output(BoundedOutput):
    """All of the output, and the end of what was not read yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._unread: deque[str] = deque()
        self._unread_size = 0
        self._lost = 0

    def add(self, text: str) -> None:
        super().add(text)
        self._unread.append(text)
        self._unread_size += len(text)
        while self._unread_size - len(self._unread[0]) >= IN_CONTEXT:
            self._lost += len(self._unread[0])
            self._unread_size -= len(self._unread.popleft())

    def news(self) -> tuple[str, int]:
        """Takes what came since the last time: its end, and how many characters before it were left out."""
        text, lost = "".join(self._unread), self._lost
        self._unread.clear()
        self._unread_size = self._lost = 0
        cut = text[-IN_CONTEXT:]
        return cut, lost + len(text) - len(cut)

    def unread(self, text: str, lost: int) -> None:
        """Gives back what `news` took and nobody got."""
        self._unread.appendleft(text)
        self._unread_size += len(text)
        self._lost += lost


@dataclass(slots=True)
class _Job:
    id: str
    command: str
    folder: Path | None
    output: _Output
    training: TrainingWatch | None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    group: tuple[int, str, int] | None = None
    task: asyncio.Task[None] | None = None
    result: ShellResult | None = None
    error: str = ""
    killed: bool = False
    ended: bool = False
    announced: bool = False

    @property
    def state(self) -> str:
        if not self.ended:
            return "running"
        if self.killed:
            return "killed"
        if self.result is None:
            return f"failed: {self.error}"
        code = self.result.exit_code
        return "ended by mltui" if code is None else f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


class Background:
    """The background commands of one session.

    Args:
        guard: looks at the tree around them.
        folder: for output that is too long.
        training: a new look at whether a command trains; None: nobody looks.
    """

    def __init__(self, shell: CommandShell, guard: GuardedShell, folder: Path, training: Callable[[], TrainingWatch] | None = None) -> None:
        self._shell = shell
        self._guard = guard
        self._folder = folder
        self._training = training
        self._jobs: dict[str, _Job] = {}
        self._events: list[JobStarted | JobFinished] = []
        guard.beside = self

    async def start(self, command: str, folder: Path | None = None) -> tuple[str, tuple[str, ...]]:
        """Starts a command. Returns: its id, and what its first moment did to files under experiment.

        Args: folder: where it starts; the workspace's unless given.

        Raises: ToolError: too many run, or it cannot be started.
        """
        if sum(not job.ended for job in self._jobs.values()) >= MOST:
            raise ToolError(f"{MOST} commands run in the background already", hint="End one with KillShell")
        training = self._training() if self._training is not None else None
        job = _Job(f"bash_{len(self._jobs) + 1}", command, folder, _Output(self._folder), training)
        async with self._guard.acting(sandboxed=self._guard.sandboxed) as found:
            self._guard.went_on()
            self._jobs[job.id] = job
            job.task = asyncio.create_task(self._run(job))
            try:
                await job.started.wait()
            except BaseException:
                await self._end(job)
                raise
        if job.group is None:
            raise ToolError(job.error or "the command could not be started")
        self._events.append(JobStarted(job=job.id, command=command))
        job.announced = True
        return job.id, found.notes

    async def read(self, job_id: str, pattern: str | None = None) -> BackgroundOutput:
        """What came since the last time; with a pattern only the lines that match, and the others are gone.

        Raises: ToolError: there is no such command, or the pattern is none.
        """
        job = self._known(job_id)
        # Before the output is taken: what a command that has ended says no more is all there.
        state, ended = job.state, job.ended
        taken, lost = job.output.news()
        job.output.flush()
        try:
            text = await _matching(taken, pattern) if pattern else taken
            notes = await self._guard.look()
        except BaseException:
            job.output.unread(taken, lost)
            raise
        if ended and job.result is not None:
            notes = (*job.result.notes, *notes)
        return BackgroundOutput(text, state, ended, job.result.exit_code if job.result else None, lost, job.output.path, notes)

    async def kill(self, job_id: str) -> tuple[str, tuple[str, ...]]:
        """Ends a command and all that it started. Returns: how it ended, and what it did to files under experiment. Raises: ToolError."""
        job = self._known(job_id)
        await self._end(job)
        return job.state, await self._guard.look()

    def listed(self) -> tuple[tuple[str, str, str], ...]:
        """(id, state, command) of each, in the order in which they were started."""
        return tuple((job.id, job.state, job.command) for job in self._jobs.values())

    def tail(self, job_id: str) -> str:
        """The end of what a command printed; the agent still reads it as new. Raises: ToolError: there is no such command."""
        return self._known(job_id).output.tail

    def started(self) -> tuple[JobStarted, ...]:
        """What was started since this was last asked."""
        found = tuple(event for event in self._events if isinstance(event, JobStarted))
        self._events = [event for event in self._events if not isinstance(event, JobStarted)]
        return found

    def finished(self) -> tuple[JobFinished, ...]:
        """What ended since this was last asked."""
        found = tuple(event for event in self._events if isinstance(event, JobFinished))
        self._events = [event for event in self._events if not isinstance(event, JobFinished)]
        return found

    async def close(self) -> None:
        """Ends all of them, and looks at what they did. Safe to call twice."""
        await asyncio.gather(*(self._end(job) for job in self._jobs.values()))
        await self._guard.look()

    # ── for the guard: what runs beside a look ───────────────────────────────────

    @property
    def running(self) -> bool:
        return any(not job.ended for job in self._jobs.values())

    def halt(self) -> None:
        """Halts all of them until `go_on`. Blocks."""
        for job in self._jobs.values():
            if job.group is not None and not job.ended:
                stop_group(*job.group)

    def go_on(self) -> None:
        for job in self._jobs.values():
            if job.group is not None and not job.ended:
                resume_group(*job.group)

    # ─────────────────────────────────────────────────────────────────────────────

    async def _run(self, job: _Job) -> None:
        ASK.set(None)  # the call that started it is over: nobody is there to be asked on its behalf

        def started(process: int, mark: str, number: int) -> None:
            job.group = (process, mark, number)
            job.started.set()

        async def shown(_text: str) -> None:
            return None

        try:
            job.result = await self._shell.run(job.command, math.inf, shown, job.folder, beside=Beside(job.output, job.training, started))
        except (MltuiError, OSError) as error:
            job.error = str(error)
        finally:
            job.ended = True
            job.output.close()
            if job.training is not None:
                job.training.close()
            if job.announced:
                self._events.append(JobFinished(job=job.id, exit_code=self._code(job), message=self._says(job)))
            job.started.set()

    def _code(self, job: _Job) -> int | None:
        return job.result.exit_code if job.result is not None else None

    def _says(self, job: _Job) -> str:
        command = " ".join(job.command.split())
        short = command if len(command) <= _SHOWN_COMMAND else f"{command[:_SHOWN_COMMAND]}…"
        notes = "".join(f" [{note}]" for note in (job.result.notes if job.result is not None else ()))
        return f"The background command {job.id} ({short}) {'was ' if job.killed else ''}{job.state}.{notes}"

    async def _end(self, job: _Job) -> None:
        if job.task is None or job.task.done():
            return
        job.killed = True
        job.task.cancel()
        await asyncio.wait([job.task])

    def _known(self, job_id: str) -> _Job:
        job = self._jobs.get(job_id)
        if job is None:
            raise ToolError(f"There is no background command {job_id[:40]!r}", hint=f"There are: {', '.join(self._jobs) or 'none'}")
        return job


async def _matching(text: str, pattern: str) -> str:
    """The lines that match: ripgrep's time is linear, whatever the pattern. Raises: ToolError."""
    process = await asyncio.create_subprocess_exec(
        ripgrep.program(),
        "--no-config",
        "--color=never",
        "-e",
        pattern,
        "-",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_FILTER_SECONDS):
            out, problem = await process.communicate(text.encode("utf-8", "replace"))
    except TimeoutError:
        raise ToolError("the filter took too long", hint="Leave it out") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in (0, 1):
        said = problem.decode("utf-8", "replace").strip().splitlines()
        raise ToolError(f"the filter is no pattern: {said[-1] if said else pattern}", hint="It is a regular expression of ripgrep")
    return out.decode("utf-8", "replace")
