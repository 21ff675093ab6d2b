"""The `rg` program that comes with mltui: where it is, and one run of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sysconfig
from collections.abc import AsyncGenerator, Sequence
from functools import cache
from pathlib import Path

from mltui.core.errors import ToolError

_CHUNK = 262_144


@cache
def program() -> str:
    """The path of `rg`: of mltui's own environment, else of the machine.

    Raises: ToolError: there is none.
    """
    own = Path(sysconfig.get_path("scripts")) / "rg"
    found = str(own) if os.access(own, os.X_OK) else shutil.which("rg")
    if found is None:
        raise ToolError("ripgrep (rg) is missing", hint="Install mltui again, or ripgrep itself; until then use grep and find in Bash")
    return found


async def run(arguments: Sequence[str], folder: Path, separator: bytes) -> AsyncGenerator[list[bytes]]:
    """The records that `rg` prints, each without its separator, many at a time. Closing the iterator, or cancelling, ends it.

    Raises: ToolError: what rg said about the pattern, the type or the glob, in one line.
    """
    process = await asyncio.create_subprocess_exec(
        program(),
        "--no-config",
        "--no-require-git",
        "--no-ignore-global",
        "--hidden",
        "--no-messages",
        "--glob=!.git",
        "--glob=!.mltui",
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_CHUNK,
    )
    if process.stdout is None or process.stderr is None:
        raise ToolError("ripgrep has no output")
    try:
        rest = b""
        while data := await process.stdout.read(_CHUNK):
            *records, rest = (rest + data).split(separator)
            if records:
                yield records
        if rest:
            yield [rest]
        problem = await process.stderr.read()
        # 1: nothing was found. 2 with results: some files could not be read.
        if await process.wait() not in (0, 1) and problem.strip():
            raise ToolError(_useful_line(problem.decode("utf-8", "replace")))
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _useful_line(message: str) -> str:
    """rg explains a bad pattern over several lines; the one that says what is wrong begins with `error:`."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    useful = next((line for line in lines if line.startswith("error:")), lines[0])
    return useful.removeprefix("error:").removeprefix("rg:").strip()
