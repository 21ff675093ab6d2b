"""Tables for people and JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import click


def emit_json(value: Any) -> None:
    """One JSON value on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def clean(text: str) -> str:
    """The text on one line and without control characters, which could drive the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def emit_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """An aligned table on stdout; the last column is cut at the terminal's width."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(_width(row[index]) for row in [list(headings), *cells]) for index in range(len(headings))]
    limit = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else None
    for row in [list(headings), *cells]:
        line = "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(line if limit is None or len(line) <= limit else line[: limit - 1] + "…")
