"""What files hold that are no text: PDF, tables and arrays. Run as a process of its own (see `parsing`).

python -m mltui.capabilities.file_text KIND PAGES    the file on stdin, a JSON object with `text`, or `error` and `hint`, on stdout
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any

from mltui.capabilities.parsing import confine, parsed
from mltui.core.errors import ToolError

LONGEST = 100_000
"""Characters of text that are given at most."""
_PAGES = 20
"""Pages of a PDF that are read at once."""


async def file_text(kind: str, pages: str, source: bytes | IO[bytes], shown: str) -> str:
    """Text for the model: a PDF's pages, or the schema and the first rows of a table or an array.

    Args:
        kind: pdf, parquet, csv, tsv, jsonl, npy or npz.
        pages: of a PDF: "3" or "2-5"; empty: from the first on.
        source: the content, or an open regular file.

    Raises: ToolError: it is broken or encrypted, has no such pages, or takes too long.
    """
    content = await parsed("mltui.capabilities.file_text", (kind, pages), source, shown)
    if content is None:
        raise ToolError(f"{shown} cannot be read as {kind}", hint="It may be broken, or need too much memory; look into it with Bash")
    if "error" in content:
        raise ToolError(f"{shown} {content['error']}", hint=str(content.get("hint", "")))
    return str(content["text"])


def _pdf(file: IO[bytes], pages: str) -> str:
    import pypdf

    reader = pypdf.PdfReader(file)
    if reader.is_encrypted and not reader.decrypt(""):
        raise ToolError("is encrypted and needs a password", hint="Ask the person for a copy without one")
    total = len(reader.pages)
    first, last = page_range(pages, total)
    parts: list[str] = []
    size, shown = 0, 0
    for number in range(first, last + 1):
        text = reader.pages[number - 1].extract_text().strip()
        parts.append(f"[Page {number}]\n{text or '(no text: a picture, or a scan)'}")
        shown, size = number, size + len(text)
        if size > LONGEST:
            break
    parts.insert(0, f"PDF, {total} page{'' if total == 1 else 's'}; text of pages {first}–{shown}")
    if shown < total:
        parts.append(f'[{total - shown} more pages: Read with pages="{shown + 1}-{min(shown + _PAGES, total)}"]')
    return "\n\n".join(parts)


def page_range(pages: str, total: int) -> tuple[int, int]:
    """The first and the last page, counted from 1. Raises: ToolError: no range, or none of the file."""
    if not pages.strip():
        return 1, min(total, _PAGES)
    found = re.fullmatch(r"\s*(\d{1,9})\s*(?:[-–]\s*(\d{1,9})?\s*)?", pages)
    if not found:
        raise ToolError(f"has no pages {pages[:40]!r}", hint='Give pages as "3" or "2-5"')
    first = int(found[1])
    last = int(found[2]) if found[2] else total if "-" in pages or "–" in pages else first
    if not 1 <= first <= total or last < first:
        raise ToolError(f"has {total} pages, so there is no {pages.strip()}", hint='Give pages as "3" or "2-5"')
    return first, min(last, total, first + _PAGES - 1)


def _kinds() -> dict[str, Callable[[IO[bytes]], Iterator[str]]]:
    from mltui.capabilities import table_text

    return {
        "parquet": table_text.parquet,
        "csv": lambda file: table_text.delimited(file, ","),
        "tsv": lambda file: table_text.delimited(file, "\t"),
        "jsonl": table_text.json_lines,
        "npy": table_text.array,
        "npz": table_text.arrays,
    }


def _text(kind: str, pages: str, file: IO[bytes]) -> dict[str, Any]:
    try:
        text = _pdf(file, pages) if kind == "pdf" else "\n".join(_kinds()[kind](file))
    except ToolError as error:
        return {"error": error.args[0], "hint": error.hint}
    except MemoryError:
        return {"error": f"needs too much memory to be read as {kind}", "hint": "Look at a part of it with Bash"}
    except Exception as error:  # what the libraries raise on broken files is of every kind
        said = " ".join(str(error).split())[:200] or type(error).__name__
        return {"error": f"cannot be read as {kind}: {said}", "hint": "It may be broken, or of another kind than its name says"}
    cut = f"\n[… {len(text) - LONGEST:,} more characters were left out]" if len(text) > LONGEST * 2 else ""
    return {"text": text[: LONGEST * 2] + cut}


def _main(kind: str, pages: str) -> None:
    with confine() as out:
        json.dump(_text(kind, pages, sys.stdin.buffer), out)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
