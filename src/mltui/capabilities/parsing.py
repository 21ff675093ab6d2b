"""Parses what is untrusted with heavy libraries in a process of its own, which is killed when it hangs and may crash alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import IO, Any, cast

from mltui.core.errors import ToolError

_SECONDS = 30.0
_CPU_SECONDS = 20
_MEMORY = 4 << 30
_KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "HOME")


async def parsed(
    module: str, arguments: Sequence[str], source: bytes | IO[bytes], shown: str, seconds: float = _SECONDS
) -> dict[str, Any] | None:
    """The JSON object that `python -m MODULE ARGUMENTS` prints about its standard input; None if it crashed.

    Args:
        source: the content, or an open file, which the process reads at its own pace.
        shown: what an error calls it.
        seconds: after which it is given up.

    Raises: ToolError: it takes too long.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE if isinstance(source, bytes) else source,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name in _KEPT},
    )
    try:
        async with asyncio.timeout(seconds):
            out, _ = await process.communicate(source if isinstance(source, bytes) else None)
    except TimeoutError:
        raise ToolError(f"{shown} took too long to be read") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    with contextlib.suppress(ValueError):
        content = json.loads(out)
        return cast("dict[str, Any]", content) if isinstance(content, dict) else None
    return None


def confine(cpu_seconds: int = _CPU_SECONDS, memory: int = _MEMORY) -> IO[str]:
    """Called first in such a process: limits it, and gives what alone leads to the parent; what libraries print goes elsewhere.

    Args:
        memory: bytes of address space.
    """
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(out, "w", encoding="utf-8", errors="replace")
