"""The whole check: what was named, read once each, and every finding about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mltui.core.errors import UsageError
from mltui.experiments.data_checks.places import Place, nearest
from mltui.experiments.data_checks.report import Finding, Looked, Report, order

SAMPLE = 100_000
"""Rows in which values are compared, unless it is said otherwise."""
_TARGETS = ("target", "label", "labels", "y", "class")
_ROLES = {"train": 0, "val": 1, "test": 2, "": 3}

Told = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """Attributes: schema: of a declared schema, its content (see `declared`)."""

    target: str | None = None
    group: str | None = None
    time: str | None = None
    sample: int = SAMPLE
    schema: object = None


def check(places: Sequence[Place], options: Options, notes: Sequence[str] = (), told: Told | None = None) -> Report:
    """Checks each set of data by itself, and the splits beside each other.

    Args:
        told: is told a set's name and how much of it has been read, from time to time.

    Raises: UsageError: something cannot be read, or a named column is in none of it.
    """
    pictures = [place for place in places if place.kind == "pictures"]
    tables = [place for place in places if place.kind != "pictures"]
    findings: list[Finding] = []
    looked: list[Looked] = []
    said = list(notes)
    if tables:
        from mltui.experiments.data_checks.tables import check_tables

        findings += check_tables(sorted(tables, key=lambda place: _ROLES[place.role]), options, looked, said, told)
    elif options.target or options.group or options.time:
        raise UsageError("pictures have no columns", hint="Leave out --target, --group and --time: the class is the folder")
    if pictures:
        from mltui.experiments.data_checks.pictures import check_pictures

        findings += check_pictures(sorted(pictures, key=lambda place: _ROLES[place.role]), options.sample, looked, said, told)
    return Report(looked=tuple(looked), findings=order(findings), notes=tuple(said))


def need(column: str | None, names: Sequence[str], what: str) -> None:
    """Raises: UsageError: there is no such column; the message names what is nearest."""
    if column is not None and column not in names:
        raise UsageError(f"there is no column {column!r} for the {what}", hint=nearest(column, names))


def guessed_target(names: Sequence[str]) -> str | None:
    """A column that can only be the label, by its name."""
    return next((name for wanted in _TARGETS for name in names if name.lower() == wanted), None)
