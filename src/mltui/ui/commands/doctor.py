"""`mltui doctor` from within a session."""

from __future__ import annotations

import asyncio
import os
import sys

from mltui.core.errors import MltuiError
from mltui.ui.commands.base import Console

_SECONDS = 60.0
_MARGIN = 6
"""Columns beside what is told."""


async def doctor(console: Console, _argument: str) -> None:
    """Runs it in a process of its own: it looks at everything anew, as the next start would."""
    columns, lines = console.size
    where = ("--cd", str(console.session.workspace.cwd), "--width", str(max(1, columns - _MARGIN)))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mltui", "doctor", *where),
        env={**os.environ, "COLUMNS": str(columns), "LINES": str(lines)},  # it has no terminal of its own to ask
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            said, _ = await process.communicate()
    except TimeoutError:
        raise MltuiError("mltui doctor takes too long", hint="Run it in a terminal of its own") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    console.tell("info", said.decode("utf-8", "replace").strip())
