"""What a check found, as data: for the terminal, for scripts and for the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mltui.core.data import Data, JsonObject

Severity = Literal["error", "warning", "info"]
ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}
_LINES = 60
"""Lines of a report in the terminal, about."""
_TEXT = 220
"""Characters of a line."""
_ALIKE = 3
"""Columns with one trouble that are told one by one."""


class Finding(Data):
    """One thing that was found.

    Attributes:
        check: which check found it, such as `missing` or `leak.rows`.
        dataset: the name of the data, or of both splits (`train → test`).
        count: rows, files or values that it concerns; fraction: of all, between 0 and 1.
        action: what to do about it.
        examples: values or rows, as they stand in the data: untrusted.
    """

    severity: Severity
    check: str
    dataset: str
    text: str
    column: str | None = None
    count: int | None = None
    fraction: float | None = None
    action: str = ""
    examples: tuple[str, ...] = ()


class Looked(Data):
    """What was looked at.

    Attributes:
        sampled: rows in the sample that values were compared in; equal to `rows` where that is all of them.
    """

    name: str
    role: str
    kind: str
    rows: int
    columns: int
    sampled: int


class Report(Data):
    """Attributes: findings: the worst first; notes: what was not looked at, and why."""

    looked: tuple[Looked, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def count(self, severity: Severity) -> int:
        return sum(finding.severity == severity for finding in self.findings)

    def as_json(self) -> JsonObject:
        found: JsonObject = self.model_dump(mode="json")
        return {**found, "errors": self.count("error"), "warnings": self.count("warning")}


def clean(text: str, most: int = _TEXT) -> str:
    """One line without control characters: names and values are whatever the data holds."""
    shown = "".join(char if char.isprintable() else "�" for char in text[: most + 1].replace("\n", "⏎").replace("\t", " "))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def order(findings: list[Finding]) -> tuple[Finding, ...]:
    """The worst first; within one severity as they were found."""
    return tuple(sorted(findings, key=lambda finding: ORDER[finding.severity]))


_SIGNS: dict[Severity, str] = {"error": "ERROR", "warning": "WARNING", "info": "NOTE"}


def lines(report: Report, most: int = _LINES) -> list[str]:
    """The report for people, without control characters; what does not fit is counted."""
    out = [_looked(item) for item in report.looked[:10]]
    out += [f"… {len(report.looked) - 10} more sets of data"] if len(report.looked) > 10 else []
    out += [clean(f"note: {note}") for note in report.notes[:5]]
    out.append("")
    shown = 0
    for group in _groups(report.findings):
        told = [line for finding in group[:_ALIKE] for line in _told(finding)]
        if len(group) > _ALIKE:
            told.append(clean(f"        the same of {len(group) - _ALIKE} more: {', '.join(str(item.column) for item in group[_ALIKE:])}"))
        if len(out) + len(told) > most - 3:
            break
        out += told
        shown += len(group)
    left = len(report.findings) - shown
    if left:
        out.append(f"… {left} more (--json shows all)")
    return [*out, *([""] if report.findings else []), _verdict(report)]


def _groups(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings of one check in one set of data together, so that a hundred columns with one trouble do not hide another."""
    groups: dict[tuple[str, str, str, bool], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.check, finding.dataset, finding.column is None), []).append(finding)
    return list(groups.values())


def _looked(item: Looked) -> str:
    role = f" ({item.role})" if item.role else ""
    what = f"{item.rows:,} pictures" if item.kind == "pictures" else f"{item.rows:,} rows, {item.columns} columns"
    sampled = f"; values compared in a sample of {item.sampled:,}" if item.sampled < item.rows else ""
    return clean(f"{item.name}{role}: {item.kind}, {what}{sampled}")


def _told(finding: Finding) -> list[str]:
    where = f"{finding.dataset} · {finding.column}" if finding.column is not None else finding.dataset
    told = [clean(f"{_SIGNS[finding.severity]:7} {where}: {finding.text}")]
    if finding.examples:
        told.append(clean(f"        e.g. {' · '.join(clean(example, 60) for example in finding.examples[:4])}"))
    if finding.action and finding.severity != "info":
        told.append(clean(f"        → {finding.action}"))
    return told


def _verdict(report: Report) -> str:
    errors, warnings = report.count("error"), report.count("warning")
    if not errors and not warnings:
        return "No problem found."
    parts = [f"{number} {word}{'' if number == 1 else 's'}" for number, word in ((errors, "error"), (warnings, "warning")) if number]
    return f"{' and '.join(parts)} found."
