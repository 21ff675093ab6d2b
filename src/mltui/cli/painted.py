"""Lines of styled pieces on stdout: in colour on a terminal that has some, as plain text everywhere else."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click

from mltui.cli.output import clean
from mltui.ui.plots.canvas import Line

PIPED = 100
"""Columns where there is no terminal to ask."""
_LEAST, _MOST = 40, 160
_STYLES: dict[str, dict[str, Any]] = {
    "primary": {"fg": "blue"},
    "secondary": {"fg": "cyan"},
    "accent": {"fg": "magenta"},
    "success": {"fg": "green"},
    "warning": {"fg": "yellow"},
    "error": {"fg": "red"},
    "strong": {"bold": True},
    "muted": {"dim": True},
    "faint": {"dim": True},
}
"""The terminal's own colours, which its theme makes legible."""


def room() -> int:
    """Columns of what is drawn: the terminal's or COLUMNS; `PIPED` in a pipe."""
    return max(_LEAST, min(_MOST, shutil.get_terminal_size((PIPED, 24)).columns))


def coloured(environ: Mapping[str, str]) -> bool:
    """Whether stdout is a terminal that has colours, and nobody said no to them."""
    return sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") not in ("dumb", "unknown")


def drawn(environ: Mapping[str, str]) -> bool:
    """Whether pictures of characters make sense: a dumb terminal, or who listens to one, gets the numbers alone."""
    return not sys.stdout.isatty() or environ.get("TERM", "") != "dumb"


def emit_lines(lines: Iterable[Line]) -> None:
    """Prints them. What a run wrote cannot drive the terminal."""
    colour = coloured(os.environ)
    for line in lines:
        pieces = [(clean(text), style) for text, style in line]
        if colour:
            click.echo("".join(_painted(text, style) for text, style in pieces), color=True)
        else:
            click.echo("".join(text for text, _ in pieces).rstrip())


def _painted(text: str, style: str) -> str:
    wanted: dict[str, Any] = {}
    for name in style.replace(".bold", " strong").split():
        wanted |= _STYLES.get(name, {})
    return click.style(text, **wanted) if wanted else text
