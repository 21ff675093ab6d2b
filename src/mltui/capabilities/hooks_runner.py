"""Runs hooks: in the sandbox of commands unless they ask for more, and between two looks at the tree, as everything that acts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from mltui.capabilities.confinement import Confining
from mltui.capabilities.guarded_shell import GuardedShell
from mltui.capabilities.processes import MARK, end_group, kill_group
from mltui.capabilities.shell import shell_environment
from mltui.capabilities.training_watch import TrainingWatch
from mltui.extensions.hook_files import Hook, HookEvent, Hooks
from mltui.extensions.hook_protocol import NOTHING, HookRun, HookVerdict, together, verdict
from mltui.sandbox.brand import new_brand
from mltui.sandbox.choice import Unconfined
from mltui.sandbox.process import Sandbox, SandboxedProcess, bash_program

_LARGEST = 1 << 20
"""Bytes of output that are read of a hook."""
_POLL = 0.005


class HookRunner:
    """Runs the hooks of an event, all at once.

    Attributes:
        context: what every hook is told beside the event's own fields: session, places, mode.
    """

    def __init__(
        self,
        hooks: Hooks,
        cwd: Path,
        root: Path,
        guard: GuardedShell,
        training: TrainingWatch,
        environ: Mapping[str, str],
        *,
        sandbox: Sandbox,
        confining: Confining,
    ) -> None:
        self.context: dict[str, Any] = {"cwd": str(cwd)}
        self._hooks = hooks
        self._cwd = cwd
        self._guard = guard
        self._training = training
        self._sandbox = sandbox
        self._confining = confining
        places = {"CLAUDE_PROJECT_DIR": str(root), "MLTUI_PROJECT_DIR": str(root)}
        self._environ = {**shell_environment(environ), **places}

    def any(self, event: HookEvent, subject: str = "") -> bool:
        return bool(self._hooks.of(event, subject))

    async def run(self, event: HookEvent, fields: Mapping[str, Any], subject: str = "") -> HookVerdict:
        """What the hooks of an event say. One that fails is a note; one that guards something and fails blocks.

        Args:
            fields: what the event has of its own.
            subject: what matchers are held against: the tool's name, or the source of a start.
        """
        hooks = tuple({hook.command: hook for hook in self._hooks.of(event, subject)}.values())
        if not hooks:
            return NOTHING
        told = json.dumps({**self.context, "hook_event_name": event, **fields}, default=str).encode()
        confined = self._sandbox.name != "none" and all(hook.sandbox for hook in hooks)
        async with self._guard.acting(sandboxed=confined) as found:
            self._training.start("; ".join(hook.command for hook in hooks))
            try:
                runs = await asyncio.gather(*(self._run(hook, told) for hook in hooks))
            finally:
                trained = await self._training.finish(0.0, "")
        done = together(map(verdict, runs))
        notes = (*done.notes, *(f"a hook of {event}: {note}" for note in (*found.notes, *trained)))
        return HookVerdict(done.permission, done.reason, done.updated, done.context, notes, done.stop)

    async def _run(self, hook: Hook, told: bytes) -> HookRun:
        mark, brand = secrets.token_hex(8), new_brand()
        confinement = await asyncio.to_thread(self._confining.confinement, hook.command)
        sandbox = self._sandbox if hook.sandbox else Unconfined()
        with tempfile.TemporaryFile() as stdin:
            stdin.write(told + b"\n")
            stdin.seek(0)
            try:
                # In this thread: in a sandbox a process ends with the thread that started it.
                process = sandbox.start(
                    [bash_program() or "/bin/sh", "-c", hook.command],
                    confinement,
                    brand=brand,
                    env={**self._environ, **self._training.environ(self._environ), MARK: mark},
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                    bufsize=0,
                )
            except OSError as error:
                return HookRun(hook, None, "", error.strerror or str(error))
        output = asyncio.gather(_read(process.stdout), _read(process.stderr))
        ended = False
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(hook.seconds):
                    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:  # noqa: ASYNC110, ASYNC222
                        await asyncio.sleep(_POLL)
                    ended = True
        finally:
            await self._end(process, mark, brand)
        out, err = await output
        return HookRun(hook, process.exit_code(), out, err) if ended else HookRun(hook, None, "", "")

    async def _end(self, process: SandboxedProcess, mark: str, brand: int) -> None:
        """What a hook leaves running would act unseen."""
        try:
            await end_group(process.pid, mark, brand, guarded=process.guarded)
        finally:
            kill_group(process.pid, mark, brand)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


async def _read(pipe: IO[bytes] | None) -> str:
    """All that comes, of which the beginning is kept."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    data = bytearray()
    try:
        while chunk := await reader.read(65_536):
            data += chunk[: max(0, _LARGEST - len(data))]
    finally:
        transport.close()
    return data.decode("utf-8", "replace")
