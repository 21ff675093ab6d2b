"""`mltui doctor` from within a session."""

from __future__ import annotations

import asyncio
import sys

from mltui.core.errors import MltuiError
from mltui.ui.commands.base import Console

_SECONDS = 60.0


async def doctor(console: Console, _argument: str) -> None:
    """Runs it in a process of its own: it looks at everything anew, as the next start would."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mltui", "doctor", "--cd", str(console.session.workspace.cwd)),
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
