"""Which files may hold predictions for single examples. Light: whoever asks whether there are any loads nothing."""

from __future__ import annotations

from pathlib import Path

_PATTERNS = ("per_example*", "*prediction*")
_SUFFIXES = (".csv", ".jsonl", ".ndjson", ".json", ".parquet")


def prediction_files(folder: Path) -> list[Path]:
    """Returns: the evaluator's scores of single examples first, then predictions; by name."""
    found = [path for pattern in _PATTERNS for path in sorted(folder.glob(pattern)) if path.suffix in _SUFFIXES]
    return [*dict.fromkeys(found)]
