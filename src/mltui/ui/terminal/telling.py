"""How a person who looks elsewhere is told: the bell, a notification of their desktop, the title of the window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Way = Literal["auto", "bell", "osc", "off"]

BELL: Final = "\x07"
SAVE_TITLE: Final = "\x1b[22;2t"
RESTORE_TITLE: Final = "\x1b[23;2t"
_LONGEST: Final = 120


def one_line(text: str) -> str:
    """Returns: the text as a terminal may be given it: printable, on one line, and not long."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    kept = " ".join(kept.split())
    return kept if len(kept) <= _LONGEST else kept[: _LONGEST - 1] + "…"


def title(text: str, environ: Mapping[str, str]) -> str:
    """Returns: what sets the window's title; nothing on a console, which has none."""
    return "" if environ.get("TERM", "") in ("linux", "dumb", "") else f"\x1b]2;{one_line(text)}\x07"


def notification(text: str, environ: Mapping[str, str], way: Way = "auto") -> str:
    """Returns: what tells the person, in the way that their terminal knows.

    Where it is not known whether the terminal shows notifications, `auto` rings the bell. In a multiplexer it does both: that
    passes notifications on only if it is told to, and marks its window when the bell rings.
    """
    if way == "off":
        return ""
    shown = "" if way == "bell" else _wrapped(_sequence(one_line(text), environ, anyhow=way == "osc"), environ)
    rings = way == "bell" or (way == "auto" and (not shown or _multiplexed(environ)))
    return shown + (BELL if rings else "")


def _sequence(text: str, environ: Mapping[str, str], *, anyhow: bool) -> str:
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    known = " ".join((term, program, environ.get("LC_TERMINAL", ""))).lower()
    if environ.get("KITTY_WINDOW_ID") or "kitty" in known:
        return f"\x1b]99;i=mltui:d=0;mltui\x1b\\\x1b]99;i=mltui:p=body;{text}\x1b\\"
    if any(name in known for name in ("iterm", "wezterm", "ghostty")):
        return f"\x1b]9;mltui: {text}\x1b\\"
    if "foot" in known or "rxvt" in known or environ.get("VTE_VERSION"):
        return f"\x1b]777;notify;mltui;{text.replace(';', ',')}\x1b\\"
    return f"\x1b]9;mltui: {text}\x1b\\" if anyhow else ""


def _multiplexed(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("TMUX") or environ.get("STY"))


def _wrapped(sequence: str, environ: Mapping[str, str]) -> str:
    """Returns: the sequence so that a multiplexer hands it to the terminal around it."""
    if not sequence:
        return ""
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    # GNU screen ends its own string at the first end of a string, so that the bell has to end the one inside.
    return "\x1bP" + sequence.replace("\x1b\\", "\x07") + "\x1b\\" if environ.get("STY") else sequence
