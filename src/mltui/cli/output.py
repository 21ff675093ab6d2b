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
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def emit_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """An aligned table on stdout; the last column is cut at the terminal's width."""
    table = [list(headings), *([clean(cell) for cell in row] for row in rows)]
    measured = [[_width(cell) for cell in row] for row in table]
    widths = [max(column) for column in zip(*measured, strict=True)]
    limit = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else None
    lines: list[str] = []
    for row, taken in zip(table, measured, strict=True):
        padded = [cell + " " * (width - own) for cell, width, own in zip(row, widths, taken, strict=True)]
        line = "  ".join(padded).rstrip()
        lines.append(line if limit is None or len(line) <= limit else line[: limit - 1] + "…")
    click.echo("\n".join(lines))
