"""Puts text on the person's clipboard, and says truly what became of it.

A program in a terminal reaches the clipboard only through the terminal, which gives no answer: OSC 52 is obeyed, refused or
ignored in silence. Inside tmux its own command does it. Where nothing works the text goes to a file.
"""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Way = Literal["auto", "osc52", "tmux", "file"]
"""How text is copied; `auto` takes what works."""
Takes = Literal["yes", "perhaps", "no"]

LONGEST: Final = 74_994
"""Bytes that OSC 52 may carry: 100,000 in base64, where several terminals stop reading."""
LONGEST_SCREEN: Final = 540
"""The same inside GNU screen, which cuts what it passes on after 768 bytes."""
_PATIENCE: Final = 5.0
"""Seconds that tmux has for an answer."""


@dataclass(frozen=True)
class Copied:
    """What became of a text.

    Attributes:
        text: one line for the person.
        path: the file that it was written to, if it was.
    """

    text: str
    path: Path | None = None


def takes_osc52(environ: Mapping[str, str]) -> Takes:
    """Returns: whether the terminal is known to take OSC 52 as it comes, known not to, or neither (an option of it, or unknown)."""
    term, program = environ.get("TERM", "").lower(), environ.get("TERM_PROGRAM", "").lower()
    known = f"{term} {program} {environ.get('LC_TERMINAL', '').lower()}"
    if term in ("dumb", "linux", "") or environ.get("VTE_VERSION") or program == "apple_terminal":
        return "no"
    if environ.get("STY"):
        return "perhaps"
    if environ.get("KITTY_WINDOW_ID") or environ.get("WT_SESSION") or environ.get("ALACRITTY_WINDOW_ID"):
        return "yes"
    if any(name in known for name in ("kitty", "ghostty", "wezterm", "alacritty", "foot", "contour", "rio")):
        return "yes"
    return "perhaps"


def copy(text: str, environ: Mapping[str, str], write: Callable[[str], None] | None, folder: Path, way: Way = "auto") -> Copied:
    """Copies a text. Blocks while tmux is asked.

    Args:
        write: writes to the terminal; None: there is none.
        folder: where the file goes if it has to be one; only the last text is kept there.

    Raises: OSError: not even the file can be written.
    """
    size = len(text.encode("utf-8", "replace"))
    count = f"{len(text):,} character{'s' if len(text) != 1 else ''}"
    reason = ""
    if way == "tmux" or (way == "auto" and environ.get("TMUX")):
        done, reason = _through_tmux(text, size, environ)
        if done:
            return Copied(f"copied {count} {done}")
    elif way != "file":
        longest = LONGEST_SCREEN if environ.get("STY") else LONGEST
        takes = takes_osc52(environ) if way == "auto" else "perhaps"
        if write is None or takes == "no":
            reason = "this terminal takes no OSC 52"
        elif size > longest:
            reason = f"longer than the {longest:,} bytes that the terminal takes"
        else:
            write(osc52(text, environ))
            return Copied(f"copied {count}" if takes == "yes" else f"sent {count} to the terminal; whether it took them it does not say")
    path = _to_file(text, folder)
    return Copied(f"wrote {count} to {path}" + (f": {reason}" if reason else ""), path)


def osc52(text: str, environ: Mapping[str, str]) -> str:
    """Returns: the sequence that has the terminal put a text on its clipboard."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode('utf-8', 'replace')).decode()}\x07"
    return f"\x1bP{sequence}\x1b\\" if environ.get("STY") and not environ.get("TMUX") else sequence


def _through_tmux(text: str, size: int, environ: Mapping[str, str]) -> tuple[str, str]:
    """Returns: how it was copied, or an empty string and why it was not."""
    passes = size <= LONGEST and _tmux(environ, "show-options", "-gsv", "set-clipboard")[1].strip() in ("on", "external")
    if passes and _tmux(environ, "load-buffer", "-w", "-", given=text)[0]:
        return "through tmux", ""
    done, said = _tmux(environ, "load-buffer", "-", given=text)
    if not done:
        return "", f"tmux did not take it ({said.strip() or 'no answer'})"
    why = "too long for the terminal around it" if size > LONGEST else "its option set-clipboard is off"
    return f"to tmux's own buffer: prefix ] pastes it ({why})", ""


def _tmux(environ: Mapping[str, str], *arguments: str, given: str = "") -> tuple[bool, str]:
    try:
        done = subprocess.run(
            ["tmux", *arguments],
            input=given.encode("utf-8", "replace"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, "tmux is not installed" if isinstance(error, FileNotFoundError) else type(error).__name__
    return done.returncode == 0, done.stdout.decode("utf-8", "replace")


def _to_file(text: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "copied.txt"
    number, name = tempfile.mkstemp(dir=folder, prefix=".copied-")
    try:
        with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return path
