"""How many colours a terminal has, whether it is dark, and whether text can be read on a background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from rich.color import ColorSystem

Depth = Literal["none", "16", "256", "true"]

SYSTEMS: dict[Depth, ColorSystem | None] = {
    "none": None,
    "16": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "true": ColorSystem.TRUECOLOR,
}

_DIRECT = ("truecolor", "24bit")
_KNOW_ALL = ("kitty", "ghostty", "alacritty", "wezterm", "foot", "contour", "rio")
"""Words in TERM of terminals that show every colour and do not always say so."""


def depth_of(environ: Mapping[str, str]) -> Depth:
    """Returns: the colours that the terminal says it has.

    NO_COLOR (not empty) wins, then FORCE_COLOR (0 none, 1 sixteen, 2 256, 3 all), COLORTERM, and what TERM is called. A
    multiplexer shows what it understands, so its own TERM counts before the terminal's around it.
    """
    if environ.get("NO_COLOR"):
        return "none"
    forced = environ.get("FORCE_COLOR", "")
    if forced in ("0", "false"):
        return "none"
    if forced in ("1", "2", "3"):
        return ("16", "256", "true")[int(forced) - 1]
    term = environ.get("TERM", "").lower()
    if term in ("dumb", "unknown") or term.startswith(("vt1", "vt2")) or term.endswith("-m") or "mono" in term:
        return "none"
    if environ.get("COLORTERM", "").lower() in _DIRECT and not term.startswith("screen"):
        return "true"
    if "direct" in term or any(word in term for word in _KNOW_ALL) or environ.get("WT_SESSION"):
        return "true"
    if "256" in term or (environ.get("COLORTERM") and term != "linux"):
        return "256"
    return "16"


def said_dark(environ: Mapping[str, str]) -> bool | None:
    """Returns: whether the background is dark, as COLORFGBG says; None: it says nothing."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    if not background.isdecimal():
        return None
    return int(background) not in (7, *range(9, 16))


def luminance(rgb: tuple[float, float, float]) -> float:
    """Returns: the relative luminance of a colour whose parts are from 0 to 1 (WCAG 2.2, "relative luminance")."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Returns: how well one colour is read on the other, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def is_dark(rgb: tuple[float, float, float]) -> bool:
    """Returns: whether white text is read better on it than black text."""
    return contrast(rgb, (1, 1, 1)) > contrast(rgb, (0, 0, 0))


def erases_in_color(environ: Mapping[str, str]) -> bool:
    """Returns: whether what is erased gets the background that is set. GNU screen gives it the terminal's own."""
    return "STY" not in environ and (not environ.get("TERM", "").startswith("screen") or "TMUX" in environ)
