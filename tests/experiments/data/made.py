"""Data for the tests, with and without what is wrong with it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mltui.experiments.data_checks.check import Options, check
from mltui.experiments.data_checks.places import places
from mltui.experiments.data_checks.report import Finding, Report

COLUMNS = ("a", "b", "kind", "label")


def rows(count: int, seed: int, classes: int = 2) -> list[list[Any]]:
    """Clean rows: two numbers, a value of three, a label that depends on neither."""
    rng = np.random.default_rng(seed)
    return [
        [f"{rng.normal():.9f}", f"{rng.normal(10, 3):.9f}", ("red", "green", "blue")[rng.integers(3)], int(rng.integers(classes))]
        for _ in range(count)
    ]


def write(path: Path, data: Sequence[Sequence[Any]], columns: Sequence[str] = COLUMNS) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(data)
    return path


def report(*paths: Path, train: Path | None = None, val: Path | None = None, test: Path | None = None, **options: Any) -> Report:
    named = [*((path, "") for path in paths), *((path, role) for path, role in ((train, "train"), (val, "val"), (test, "test")) if path)]
    found, notes = [], []
    for path, role in named:
        more, said = places(path, role, path.name)
        found += more
        notes += said
    return check(found, Options(**options), notes)


def bad(found: Report) -> list[Finding]:
    return [finding for finding in found.findings if finding.severity != "info"]


def named(found: Report) -> set[tuple[str, str | None]]:
    """Errors and warnings by check and column."""
    return {(finding.check, finding.column) for finding in bad(found)}


def one(found: Report, check_name: str) -> Finding:
    [finding] = [finding for finding in found.findings if finding.check == check_name]
    return finding
