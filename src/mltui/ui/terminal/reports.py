"""What is written down about an error in mltui itself, so that it can be reported: where it happened, and nothing that is secret."""

from __future__ import annotations

import contextlib
import platform
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mltui import __version__
from mltui.config.paths import state_dir

KEPT: Final = 20
"""Reports that are kept, the newest."""


def folder(environ: Mapping[str, str]) -> Path:
    return state_dir(environ) / "reports"


def signature(error: BaseException) -> str:
    """Returns: what two errors of the same cause have in common."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__


def named(error: BaseException) -> str:
    """Returns: the error on one line, without secrets."""
    return " ".join(masked(f"{type(error).__name__}: {error}").split())[:200]


def masked(text: str) -> str:
    """Returns: the text without the credentials that are known by their form."""
    from mltui.core import secrets  # compiles its patterns: not before something is to be masked

    at, parts = 0, list[str]()
    for secret in secrets.find(text):
        parts += [text[at : secret.start], f"[{secret.kind}]"]
        at = secret.end
    return "".join([*parts, text[at:]])


def write(error: BaseException, where: str, environ: Mapping[str, str]) -> Path | None:
    """Writes a report: versions, terminal and traceback; no values of variables, no environment, nothing of the conversation.

    Args: where: what of mltui was at work.
    Returns: the file; None: it could not be written.
    """
    now = time.time_ns()
    text = "\n".join(
        [
            f"mltui {__version__}, Python {platform.python_version()}, {platform.system()} {platform.release()}",
            f"terminal {environ.get('TERM', '')} {environ.get('TERM_PROGRAM', '')}".rstrip(),
            f"{time.strftime('%Y-%m-%d %H:%M:%S %z')} in {where}",
            "",
            *traceback.format_exception(error),
        ]
    )
    text = masked(text)
    place = folder(environ)
    at = time.strftime("%Y%m%d-%H%M%S", time.localtime(now // 10**9))
    path = place / f"{at}-{now % 10**9:09}-{type(error).__name__}.txt"  # by name they stand in the order of their making
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(0o600)
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as failed:
        sys.stderr.write(f"{text}\n{failed}\n")
        return None
    for old in sorted(place.glob("*.txt"))[:-KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
    return path
