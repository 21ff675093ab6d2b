"""The metrics that a run prints, taken from its output while it is read: however much it prints, none is lost with the rest."""

from __future__ import annotations

import contextlib

from mltui.experiments.metrics import read_stdout

LINE_LIMIT = 100_000
"""Bytes of one line; a longer one holds no metrics."""
PAIRS_LIMIT = 2_000
"""Characters of a line that are searched for `key=value`: the last."""
MOST = 10_000
"""Names that are kept."""


class PrintedMetrics:
    """Takes the output piece by piece. The pieces come from one thread; `found` is for after the last.

    Args:
        form: as in `metrics.read_stdout`.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        self._rest = b""
        self._skipping = False
        self._found: dict[str, float] = {}

    def take(self, piece: bytes) -> None:
        whole, end, rest = piece.replace(b"\r", b"\n").rpartition(b"\n")
        if end:
            # What came before the first line break ends the line that was begun.
            self._read(whole if not self._skipping else whole.partition(b"\n")[2])
            self._rest, self._skipping = rest, False
        elif not self._skipping:
            self._rest += rest
        if len(self._rest) > LINE_LIMIT:
            self._rest, self._skipping = b"", True

    def found(self) -> dict[str, float]:
        """The last value of each metric, or those of the last JSON object."""
        self._read(b"")
        self._rest = b""
        return self._found

    def _read(self, lines: bytes) -> None:
        text = (self._rest + lines).decode("utf-8", "replace")
        if self._form == "json":
            with contextlib.suppress(RecursionError):  # brackets in brackets without end: no metrics
                self._found = (read_stdout(text, self._form) if "{" in text else {}) or self._found
            return
        wanted = [line[-PAIRS_LIMIT:] for line in text.split("\n") if "=" in line or ":" in line]
        for name, value in read_stdout("\n".join(wanted), self._form).items() if wanted else ():
            if name in self._found or len(self._found) < MOST:
                self._found[name] = value
