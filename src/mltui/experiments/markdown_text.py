"""Text of others inside markdown: it stays where it is put."""

from __future__ import annotations

import re
import unicodedata

from mltui.experiments.render import clean


def printable(text: str) -> str:
    """Returns: the text of one line without what could drive a terminal or turn its direction."""
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} and char != "\t" else char for char in text)


def plain(text: str) -> str:
    """What was written by others, on one line: `__init__`, `<module>` and `*` stand there as they are, and nothing is a link."""
    return re.sub(r"[\\`*<\[\]]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", clean(text))


def quoted(text: str) -> str:
    """What a person or a model wrote, as a quotation: no heading or open fence in it reaches the rest of the page."""
    return "\n".join(f"> {line}".rstrip() for line in map(printable, text.strip().splitlines())) or "> –"


def code(text: str) -> str:
    """Inline code, whatever backticks the text has (CommonMark §6.1)."""
    text = clean(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def fenced(text: str, language: str) -> str:
    """A block of code, whatever fences the text has."""
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    shown = "\n".join(map(printable, text.rstrip().split("\n")))
    return f"{fence}{language}\n{shown}\n{fence}"


def table(rows: list[list[str]]) -> str:
    """The first row is the heading."""
    cells = [[clean(cell).replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]])
