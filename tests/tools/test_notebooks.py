from __future__ import annotations

import json
from typing import Any

import pytest

from mltui.core.errors import InvalidArgumentsError, ToolError
from tests.tools.conftest import Agent


def cell(source: Any, kind: str = "code", **more: Any) -> dict[str, Any]:
    own = {"execution_count": 3, "outputs": [{"output_type": "stream", "name": "stdout", "text": ["seen\n"]}]} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source, **own, **more}


def notebook(*cells: dict[str, Any], minor: int = 5) -> str:
    book = {"cells": list(cells), "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4, "nbformat_minor": minor}
    return json.dumps(book, indent=1)


@pytest.fixture
def book(agent: Agent) -> Agent:
    text = notebook(cell("# Ä title", "markdown", id="intro"), cell(["x = 1\n", "print(x)"], id="work"), cell("y = 2"))
    (agent.root / "a.ipynb").write_text(text)
    return agent


def cells(agent: Agent) -> list[dict[str, Any]]:
    return json.loads((agent.root / "a.ipynb").read_text())["cells"]


async def test_read_shows_cells_with_ids_and_outputs(book: Agent) -> None:
    shown = (await book.call("Read", file_path="a.ipynb")).content
    assert '<cell id="intro" type="markdown">' in shown
    assert "# Ä title" in shown
    assert "print(x)" in shown and "seen" in shown
    assert '<cell id="cell-2" type="code">' in shown


async def test_a_replaced_cell_loses_the_outputs_of_its_old_source_and_nothing_else_changes(book: Agent) -> None:
    before = (book.root / "a.ipynb").read_text()
    await book.call("Read", file_path="a.ipynb")
    result = await book.call("NotebookEdit", notebook_path="a.ipynb", cell_id="work", new_source="x = 2\nprint('é')")
    changed = cells(book)
    assert changed[1]["source"] == ["x = 2\n", "print('é')"]
    assert changed[1]["outputs"] == [] and changed[1]["execution_count"] is None
    assert (changed[0], changed[2]) == tuple(json.loads(before)["cells"][place] for place in (0, 2))
    assert "changed" in result.content
    # Written as it was: same indentation, characters as themselves.
    assert (book.root / "a.ipynb").read_text().startswith('{\n "cells"') and "é" in (book.root / "a.ipynb").read_text()


async def test_cells_are_inserted_and_deleted(book: Agent) -> None:
    await book.call("Read", file_path="a.ipynb")
    await book.call("NotebookEdit", notebook_path="a.ipynb", cell_id="intro", cell_type="code", edit_mode="insert", new_source="z = 0")
    await book.call("NotebookEdit", notebook_path="a.ipynb", cell_type="markdown", edit_mode="insert", new_source="first")
    assert [c["source"] for c in cells(book)][:3] == [["first"], "# Ä title", ["z = 0"]]
    assert len({c.get("id") for c in cells(book)}) == 5
    await book.call("NotebookEdit", notebook_path="a.ipynb", cell_id="cell-4", edit_mode="delete")
    assert len(cells(book)) == 4 and cells(book)[-1]["id"] == "work"


async def test_a_cell_of_a_notebook_without_ids_gets_none(agent: Agent) -> None:
    (agent.root / "a.ipynb").write_text(notebook(cell("x"), minor=4))
    await agent.call("Read", file_path="a.ipynb")
    await agent.call("NotebookEdit", notebook_path="a.ipynb", cell_id="cell-0", cell_type="code", edit_mode="insert", new_source="y")
    assert "id" not in cells(agent)[1]


async def test_a_notebook_must_be_read_and_unchanged_and_staged_edits_stay_off_the_disk(book: Agent) -> None:
    with pytest.raises(ToolError, match="was not read"):
        await book.call("NotebookEdit", notebook_path="a.ipynb", cell_id="work", new_source="x")
    await book.call("Read", file_path="a.ipynb")
    book.staged.add(book.root / "a.ipynb")
    before = (book.root / "a.ipynb").read_bytes()
    result = await book.call("NotebookEdit", notebook_path="a.ipynb", cell_id="work", new_source="x = 9")
    assert "in the draft" in result.content
    assert (book.root / "a.ipynb").read_bytes() == before
    assert "x = 9" in (await book.call("Read", file_path="a.ipynb")).content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell_id": "nothing", "new_source": "x"}, "Cells: intro, work, cell-2"),
        ({"new_source": "x"}, "needs a cell_id"),
        ({"edit_mode": "insert", "new_source": "x"}, "needs a cell_type"),
        ({"notebook_path": "a.py", "cell_id": "x"}, "is no notebook"),
        ({"notebook_path": "gone.ipynb", "cell_id": "x"}, "does not exist"),
    ],
)
async def test_what_cannot_be_done_is_said(book: Agent, arguments: dict[str, Any], message: str) -> None:
    await book.call("Read", file_path="a.ipynb")
    with pytest.raises((ToolError, InvalidArgumentsError), match=message):
        await book.call("NotebookEdit", **{"notebook_path": "a.ipynb", **arguments})


BROKEN = [b"{", b"[]", b"{}", b'{"cells": 3, "nbformat": 4}', b'{"cells": [{"source": 3}], "nbformat": 4}', b"\xff", b"[" * 9000]


@pytest.mark.parametrize("data", BROKEN)
async def test_a_broken_notebook_is_shown_as_text_or_named_and_never_edited(agent: Agent, data: bytes) -> None:
    (agent.root / "a.ipynb").write_bytes(data)
    await agent.call("Read", file_path="a.ipynb")
    with pytest.raises(ToolError, match=r"no valid notebook|no notebook of nbformat 4"):
        await agent.call("NotebookEdit", notebook_path="a.ipynb", cell_id="a", new_source="x")
    assert (agent.root / "a.ipynb").read_bytes() == data
