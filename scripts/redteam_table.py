"""Writes the table of attempts in docs/security.md from tests/redteam, which tries each of them.

python scripts/redteam_table.py
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.redteam.attempts import ATTEMPTS  # noqa: E402

DOCUMENT = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- attempts: written by scripts/redteam_table.py -->\n", "<!-- end of attempts -->\n"
WORDS = {"prevented": "prevented", "detected": "found afterwards", "open": "**not stopped**"}


def table() -> str:
    """Every attempt, by group, with what comes of it in the sandbox and without one."""
    lines: list[str] = []
    for group, attempts in itertools.groupby(ATTEMPTS, key=lambda attempt: attempt.group):
        lines += [f"**{group}**", "", "| attempt | in the sandbox | without |", "|---|---|---|"]
        for attempt in attempts:
            what = attempt.what.replace("|", "\\|")
            lines.append(f"| {what} | {WORDS[attempt.expected('bubblewrap')]} | {WORDS[attempt.expected('none')]} |")
        lines.append("")
    return "\n".join(lines) + "\n"


def document(text: str) -> str:
    """The document with the table of now. Raises: ValueError: it has no place for one."""
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return text[:start] + "\n" + table() + text[end:]


def main() -> None:
    DOCUMENT.write_text(document(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
