"""What is wrong with a file, counted while it is read: a few places of each kind are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mltui.experiments.data_checks.report import Finding, Severity

_KEPT = 4


class Problems:
    """Counts by kind, with the first places. A file that is part of a table adds to the same counts."""

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        self._found: dict[tuple[Severity, str, str | None, str, str], list[str]] = {}
        self._counts: dict[tuple[Severity, str, str | None, str, str], int] = {}
        self.file = 1

    def next_file(self) -> None:
        self.file += 1

    def add(
        self, severity: Severity, check: str, text: str, action: str, example: str = "", *, column: str | None = None, count: int = 1
    ) -> None:
        """Args: text: what it is, with `{count}` for how often."""
        key = (severity, check, column, text, action)
        self._counts[key] = self._counts.get(key, 0) + count
        kept = self._found.setdefault(key, [])
        if example and len(kept) < _KEPT:
            kept.append(example if self.file == 1 else f"file {self.file}, {example}")

    def same_names(self, names: Sequence[str]) -> None:
        """Adds an error if columns have the same name."""
        again = sorted(name for name, count in Counter(names).items() if count > 1)
        if again:
            self.add(
                "error", "schema", "several columns have one name", "Give each column a name of its own", ", ".join(map(repr, again[:4]))
            )

    def findings(self) -> list[Finding]:
        return [
            Finding(
                severity=severity,
                check=check,
                dataset=self._dataset,
                column=column,
                text=text.replace("{count}", f"{self._counts[key]:,}"),
                count=self._counts[key],
                action=action,
                examples=tuple(self._found[key]),
            )
            for key in self._counts
            for severity, check, column, text, action in [key]
        ]
