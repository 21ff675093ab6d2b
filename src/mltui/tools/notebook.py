"""Jupyter notebooks as cells: read for the model, changed cell by cell, written as Jupyter writes them."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from mltui.core.errors import InvalidArgumentsError, ToolError
from mltui.tools.base import ToolContext, Workspace
from mltui.tools.paths import resolve

CellType = Literal["code", "markdown", "raw"]

LARGEST = 20_000_000
"""Bytes of the largest notebook that is taken apart."""
_OUTPUT_SHOWN = 2_000
"""Characters of one output that are shown; images are named, not shown."""
_PLACE = re.compile(r"cell-(\d+)")


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook as it was read.

    Attributes:
        content: the JSON object, nbformat 4.
        indent: spaces of its indentation (Jupyter's own is 1).
    """

    content: dict[str, Any]
    indent: int | None

    @property
    def cells(self) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.content["cells"])


def place(workspace: Workspace, path: str, otherwise: str) -> Path:
    """Where a notebook lies. Raises: InvalidArgumentsError: it is none by its name; `otherwise` says what to do."""
    found = resolve(workspace, path)
    if found.suffix.lower() != ".ipynb":
        raise InvalidArgumentsError(f"{path} is no notebook (.ipynb)", hint=otherwise)
    return found


async def read(ctx: ToolContext, path: Path) -> bytes:
    """The file, as the session sees it. Raises: ToolError: it does not exist, or cannot be read."""
    if not await ctx.files.exists(path):
        raise ToolError(f"{ctx.workspace.relative(path)} does not exist", hint="Write creates a notebook")
    return await ctx.files.read(path)


def parse(data: bytes, shown: str) -> Notebook:
    """Raises: ToolError: no notebook of nbformat 4; says what is wrong with it."""
    if len(data) > LARGEST:
        raise ToolError(f"{shown} has {len(data):,} bytes, too many for a notebook", hint="Clear its outputs first")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{shown} is no valid notebook: {error}", hint="Restore it, or write it anew") from None
    if not isinstance(content, dict):
        raise ToolError(f"{shown} is no valid notebook: it holds no JSON object")
    found = cast("dict[str, Any]", content)
    cells = found.get("cells")
    if found.get("nbformat") != 4 or not isinstance(cells, list) or not all(_is_cell(cell) for cell in cast("list[Any]", cells)):
        raise ToolError(f"{shown} is no notebook of nbformat 4", hint="Upgrade it: jupyter nbconvert --to notebook --nbformat 4")
    indented = re.match(rb"\{\r?\n( +)", data)
    return Notebook(found, len(indented[1]) if indented else None)


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict):
        return False
    source = cast("dict[str, Any]", cell).get("source", "")
    lines = cast("list[Any]", source) if isinstance(source, list) else [source]
    return "cell_type" in cell and all(isinstance(line, str) for line in lines)


def source_of(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def serialise(notebook: Notebook) -> bytes:
    """As Jupyter writes it, with the indentation that the file had."""
    text = json.dumps(notebook.content, indent=notebook.indent or 1, ensure_ascii=False)
    return f"{text}\n".encode("utf-8", "surrogatepass")


def show(notebook: Notebook) -> str:
    """Every cell with its id, type and source, and the beginning of its outputs."""
    blocks: list[str] = []
    for place, cell in enumerate(notebook.cells):
        blocks.append(f'<cell id="{cell_id(cell, place)}" type="{cell["cell_type"]}">\n{source_of(cell)}\n</cell>')
        blocks += [f"<output>\n{text}\n</output>" for output in _outputs(cell) if (text := _output_text(output))]
    return "\n".join(blocks)


def cell_id(cell: dict[str, Any], place: int) -> str:
    """Its own id, or `cell-N` by its place, counted from 0, where it has none (before nbformat 4.5)."""
    own = cell.get("id")
    return own if isinstance(own, str) and own else f"cell-{place}"


def _outputs(cell: dict[str, Any]) -> list[dict[str, Any]]:
    outputs = cell.get("outputs")
    return [output for output in cast("list[Any]", outputs) if isinstance(output, dict)] if isinstance(outputs, list) else []


def _output_text(output: dict[str, Any]) -> str:
    if output.get("output_type") == "error":
        text = f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    else:
        raw = output.get("data")
        data = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
        picture = next((kind for kind in data if kind.startswith("image/")), "")
        found = output.get("text", data.get("text/plain", f"[{picture}]" if picture else ""))
        text = "".join(map(str, cast("list[Any]", found))) if isinstance(found, list) else str(found)
    return text if len(text) <= _OUTPUT_SHOWN else f"{text[:_OUTPUT_SHOWN]} [… {len(text) - _OUTPUT_SHOWN} more characters]"


def replace_cell(notebook: Notebook, wanted: str, source: str, cell_type: CellType | None) -> None:
    """Gives a cell another source. What it printed before is not of this source any more and goes."""
    cell = notebook.cells[_find(notebook, wanted)]
    if cell_type is not None and cell_type != cell["cell_type"]:
        cell["cell_type"] = cell_type
    cell["source"] = _lines(source)
    if cell["cell_type"] == "code":
        cell["outputs"], cell["execution_count"] = [], None
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def take_outputs(notebook: Notebook, answer: bytes) -> tuple[int, int]:
    """Gives cells the outputs that they had in a run, and nothing else of what came back.

    Args:
        answer: a JSON list of the cells that ran, each as in a notebook with its `place`; not to be trusted.

    Returns: how many cells got theirs, and how many did not as they are not those that ran.
    """
    try:
        ran = json.loads(answer)
    except (ValueError, RecursionError):
        return 0, 1
    entries = (
        [cast("dict[str, Any]", entry) for entry in cast("list[Any]", ran) if isinstance(entry, dict)] if isinstance(ran, list) else []
    )
    taken = 0
    for entry in entries:
        place, outputs, count = entry.get("place"), entry.get("outputs"), entry.get("execution_count")
        cell = notebook.cells[place] if isinstance(place, int) and 0 <= place < len(notebook.cells) else {}
        same = _is_cell(cell) and _is_cell(entry) and cell["cell_type"] == "code" and source_of(cell) == source_of(entry)
        if same and isinstance(outputs, list) and all(isinstance(output, dict) for output in cast("list[Any]", outputs)):
            cell["outputs"], cell["execution_count"] = outputs, count if isinstance(count, int) else None
            taken += 1
    return taken, len(entries) - taken


def insert_cell(notebook: Notebook, after: str, source: str, cell_type: CellType) -> None:
    """Puts a new cell behind another, or first."""
    place = _find(notebook, after) + 1 if after else 0
    cell: dict[str, Any] = {"cell_type": cell_type}
    minor = notebook.content.get("nbformat_minor")
    if isinstance(minor, int) and minor >= 5:
        cell["id"] = secrets.token_hex(4)
    cell["metadata"] = {}
    if cell_type == "code":
        cell |= {"execution_count": None, "outputs": []}
    cell["source"] = _lines(source)
    notebook.cells.insert(place, cell)


def delete_cell(notebook: Notebook, wanted: str) -> None:
    del notebook.cells[_find(notebook, wanted)]


def _find(notebook: Notebook, wanted: str) -> int:
    """Raises: ToolError: no such cell; names those that there are."""
    ids = [cell_id(cell, place) for place, cell in enumerate(notebook.cells)]
    if wanted in ids:
        return ids.index(wanted)
    by_place = _PLACE.fullmatch(wanted)
    if by_place and int(by_place[1]) < len(ids):
        return int(by_place[1])
    shown = ", ".join(ids[:20]) + (", …" if len(ids) > 20 else "")
    raise ToolError(f"there is no cell {wanted[:80]!r}", hint=f"Cells: {shown or 'none, insert the first one'}")


def _lines(source: str) -> list[str]:
    return source.splitlines(keepends=True)
