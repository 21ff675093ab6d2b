"""Notebooks: the code of their cells, and what of them is more than a memory of the last run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from mltui.experiments.detection.syntax import LARGEST, UnreadableError

_MAGIC = re.compile(r"^(\s*)(?:[!%]|\?)")
_CELL_MAGIC_CODE = re.compile(r"^\s*%%(?:time|timeit|capture|prun|memit|python3?)\b")
LARGEST_NOTEBOOK = 20 * LARGEST
"""Bytes of a notebook; most of them are pictures."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Attributes:
    tags: of the cell; papermill finds parameters by them.
    """

    kind: str
    source: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notebook:
    kernel: str
    cells: tuple[Cell, ...]

    def code(self) -> bytes:
        """The code of all cells as one module, without what only IPython understands, line by line."""
        lines = (line for cell in self.cells if cell.kind == "code" for line in code_lines(cell.source))
        return "\n".join(lines).encode("utf-8", "replace")


def read_notebook(content: bytes) -> Notebook:
    """Raises: UnreadableError: it is no notebook."""
    if len(content) > LARGEST_NOTEBOOK:
        raise UnreadableError("it is too large")
    try:
        document = json.loads(content)
    except ValueError as error:
        raise UnreadableError("it is no JSON") from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableError("it is nested too deeply") from error
    if not isinstance(document, dict):
        raise UnreadableError("it is no notebook")
    found = cast("dict[str, Any]", document)
    cells: object = found.get("cells")
    if not isinstance(cells, list):
        # Version 3 kept them in sheets.
        sheets = _dicts(found.get("worksheets"))
        found_cells: list[object] = [cell for sheet in sheets for cell in _dicts(sheet.get("cells"))]
        cells = found_cells if sheets else None
    if cells is None:
        raise UnreadableError("it has no cells")
    kernel = _dict(_dict(found.get("metadata")).get("kernelspec")).get("name")
    return Notebook(str(kernel or ""), tuple(_cell(cell) for cell in _dicts(cast(object, cells))))


def code_lines(source: str) -> Iterator[str]:
    """The lines of a cell; magics and shell commands as comments, so that the numbers stay."""
    lines = source.splitlines()
    first = next((line for line in lines if line.strip()), "")
    other = first.lstrip().startswith("%%") and not _CELL_MAGIC_CODE.match(first)
    for line in lines:
        magic = _MAGIC.match(line)
        if other:
            yield f"# {line}"
        elif magic:
            yield f"{magic[1]}pass  # {line.strip()}" if magic[1] else f"# {line}"
        else:
            yield line


def _cell(cell: dict[str, Any]) -> Cell:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in cast("list[object]", source) if isinstance(part, str))
    tags = _dict(cell.get("metadata")).get("tags")
    return Cell(
        str(cell.get("cell_type", "code")),
        source if isinstance(source, str) else "",
        tuple(str(tag) for tag in cast("list[object]", tags)) if isinstance(tags, list) else (),
    )


def _dict(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return (
        [cast("dict[str, Any]", item) for item in cast("list[object]", value) if isinstance(item, dict)] if isinstance(value, list) else []
    )
