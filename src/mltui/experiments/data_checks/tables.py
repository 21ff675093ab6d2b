"""Tables: each by itself, and the splits beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, cast

from mltui.experiments.data_checks import rows
from mltui.experiments.data_checks.check import Options, Told, guessed_target, need
from mltui.experiments.data_checks.columns import column_findings, looks_numbering
from mltui.experiments.data_checks.declared import Schema, schema_findings
from mltui.experiments.data_checks.places import Place
from mltui.experiments.data_checks.reading import Table
from mltui.experiments.data_checks.report import Finding, Looked
from mltui.experiments.data_checks.scan import MOST, Column, Scanned, Scanner
from mltui.experiments.data_checks.splits import split_findings
from mltui.experiments.data_checks.target import balance, telling

_PEEKED = 20_000
"""Rows that tell which columns only number the rows."""


def check_tables(places: Sequence[Place], options: Options, looked: list[Looked], notes: list[str], told: Told | None) -> list[Finding]:
    """All findings about the tables; `looked` and `notes` are added to."""
    tables = [Table(place) for place in places]
    heads = [peek(table) for table in tables]
    every = list(dict.fromkeys(name for head in heads for name in head.columns))
    need(options.target, every, "target")
    need(options.group, every, "group")
    need(options.time, every, "time")
    target = options.target
    if target is None and (target := guessed_target(every)) is not None:
        notes.append(f"the column {target!r} was taken for the label; --target COLUMN names another")
    findings: list[Finding] = []
    compared: list[Scanned] = []
    for table, head in zip(tables, heads, strict=True):
        content = _content(table.place, head, list(zip(places, heads, strict=True)), target, options)
        report = partial(told, table.place.name) if told is not None else None
        scanned = Scanner(table, content, target, options.group, options.sample).run(report)
        looked.append(_looked(table, scanned))
        findings += table.problems.findings()
        findings += _alone(scanned, bool(content), target, options)
        if scanned.unseen:
            notes.append(f"{scanned.name}: duplicates were looked for in the first {MOST:,} rows")
        if table.place.role:
            compared.append(scanned)
    train = next((scanned for scanned in compared if scanned.role == "train"), None)
    for other in compared:
        if train is not None and other is not train:
            findings += split_findings(train, other, target, options.group, options.time)
    if train is None and len(compared) == 2:
        findings += split_findings(compared[0], compared[1], target, options.group, options.time)
    elif {scanned.role for scanned in compared} == {"train", "val", "test"}:
        findings += [
            finding for finding in split_findings(compared[1], compared[2], target, options.group, None) if "leak" in finding.check
        ]
    return findings


def peek(table: Table) -> Scanned:
    """The first rows of a table, scanned. Raises: UsageError: it cannot be read, or is empty."""
    return Scanner(_Head(table.place), (), None, None, _PEEKED).run()


class _Head(Table):
    def batches(self) -> Iterator[dict[str, Any]]:
        seen = 0
        for batch in super().batches():
            yield batch
            seen += len(next(iter(batch.values()))) if batch else 0
            if seen >= _PEEKED:
                return


def _content(place: Place, head: Scanned, all_heads: list[tuple[Place, Scanned]], target: str | None, options: Options) -> set[str]:
    """The columns that make a row what it is: without the label, and without those that only number the rows.

    Splits are compared by the columns that all of them have.
    """
    together = [head] if not place.role else [other for own, other in all_heads if own.role]
    names = set(head.columns)
    for other in together:
        names &= set(other.columns)
    numbering = {name for other in together for name in names if _numbers_rows(other, name)}
    named = {name for name in (target,) if name is not None}
    rest = names - numbering - named
    return rest or names - named


def _numbers_rows(head: Scanned, name: str) -> bool:
    column: Column = head.columns[name]
    return looks_numbering(name, column, head.sample.columns[name], head.rows)


def _alone(scanned: Scanned, content: bool, target: str | None, options: Options) -> list[Finding]:
    if not scanned.rows:
        return [Finding(severity="error", check="empty", dataset=scanned.name, text="it has columns and no rows", action="Find the rows")]
    own = target if target in scanned.columns else None
    found = list(column_findings(scanned, own))
    if content:
        found += rows.duplicates(scanned, own)
    if own is not None:
        found += [*balance(scanned, own), *telling(scanned, own)]
    if options.schema is not None:
        found += schema_findings(scanned, cast("Schema", options.schema), own)
    return found


def _looked(table: Table, scanned: Scanned) -> Looked:
    return Looked(
        name=scanned.name,
        role=scanned.role,
        kind=table.place.kind,
        rows=scanned.rows,
        columns=len(scanned.columns),
        sampled=len(scanned.sample),
    )
