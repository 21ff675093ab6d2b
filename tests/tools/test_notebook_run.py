from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import psutil
import pytest

from mltui.core.errors import InvalidArgumentsError, ToolError
from mltui.tools.notebook_run import NotebookRun, NotebookRunArgs
from tests.tools.conftest import Agent
from tests.tools.test_notebooks import cell, notebook

PICTURE = """
import base64
from IPython.display import Image, display
display(Image(data=base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEElEQVR4nGP4z8AARQwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==')))
"""


def write(agent: Agent, *sources: str, name: str = "a.ipynb") -> bytes:
    cells: list[dict[str, Any]] = [cell(source, id=f"c{number}") for number, source in enumerate(sources)]
    path = agent.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(notebook(*cells))
    return path.read_bytes()


def kernels(root: Path) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            if "ipykernel_launcher" in (process.info["cmdline"] or []) and process.cwd() == str(root):
                found.append(process)
    return found


async def test_cells_run_in_one_kernel_and_the_file_stays_as_it_is(agent: Agent) -> None:
    before = write(agent, "x = 20", "print(x + 1)\nx + 2", PICTURE, name="sub/a.ipynb")
    result = await agent.call("NotebookRun", notebook_path="sub/a.ipynb")
    assert not result.is_error, result.content
    assert '<output cell="c0">\n(no output)' in result.content
    assert '<output cell="c1">\n21\n22\n</output>' in result.content
    assert "[image/png, 3 × 2, 73 bytes]" in result.content
    assert "seen" not in result.content  # what the file remembered of an earlier run
    assert (agent.root / "sub/a.ipynb").read_bytes() == before
    assert os.listdir(agent.root / "sub") == ["a.ipynb"]
    assert kernels(agent.root / "sub") == []


async def test_the_first_cell_that_fails_ends_the_run_and_says_where(agent: Agent) -> None:
    write(agent, "def f():\n    raise ValueError('too\\x1b[2Jbad')\nf()", "print('never')")
    result = await agent.call("NotebookRun", notebook_path="a.ipynb")
    assert result.is_error and result.details["exit_code"] == 1
    assert "ValueError" in result.content and "line 2" in result.content.replace("2     raise", "line 2")
    assert "[Cell c0 failed; not run: c1]" in result.content
    assert "\x1b" not in result.content and "never\n" not in result.content


async def test_only_the_chosen_cells_run_and_outputs_are_saved_when_asked(agent: Agent) -> None:
    write(agent, "print('one')", "print('two')")
    path = agent.root / "a.ipynb"
    path.chmod(0o640)
    await agent.call("Read", file_path="a.ipynb")
    result = await agent.call("NotebookRun", notebook_path="a.ipynb", cell_ids=["c1"], save=True)
    assert "two" in result.content and "one" not in result.content
    saved = json.loads(path.read_text())["cells"]
    assert "".join(saved[1]["outputs"][0]["text"]) == "two\n"
    assert "".join(saved[0]["outputs"][0]["text"]) == "seen\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    await agent.call("NotebookEdit", notebook_path="a.ipynb", cell_id="c0", new_source="1")  # still known to the model


async def test_the_outputs_of_one_under_experiment_go_to_the_draft(agent: Agent) -> None:
    before = write(agent, "print('one')")
    path = agent.root / "a.ipynb"
    agent.staged.add(path)
    result = await agent.call("NotebookRun", notebook_path="a.ipynb", save=True)
    assert not result.is_error and "in the draft, not on disk: a.ipynb is under experiment" in result.content
    assert path.read_bytes() == before
    assert json.loads(agent.draft.read(path) or b"")["cells"][0]["outputs"][0]["text"] == ["one\n"]


async def test_nothing_but_outputs_is_taken_from_the_run(agent: Agent) -> None:
    forge = """
import glob, json, os
data = json.dumps([{"place": 0, "cell_type": "code", "source": "train()", "outputs": []},
                   {"place": 1, "cell_type": "code", "source": "2", "outputs": [], "metadata": {"x": 1}, "execution_count": "7"}])
for name in glob.glob(f"/proc/{os.getppid()}/fd/*"):
    if "deleted" in os.readlink(name):
        with open(name, "w") as file: file.write(data)
print("forged")
os.system(f"kill -9 {os.getppid()}")"""
    before = json.loads(write(agent, forge, "2"))["cells"]
    result = await agent.call("NotebookRun", notebook_path="a.ipynb", save=True)
    assert "1 of the cells are others by now" in result.content and result.is_error
    after = json.loads((agent.root / "a.ipynb").read_text())["cells"]
    assert after[0] == before[0]
    assert after[1] == {**before[1], "outputs": [], "execution_count": None}


@pytest.mark.slow
async def test_a_cell_that_was_changed_meanwhile_keeps_its_outputs(agent: Agent) -> None:
    change = "import pathlib\nbook = pathlib.Path('a.ipynb')\nbook.write_text(book.read_text().replace('t' + 'wo', 'three')); 0"
    write(agent, change, "print('two')")
    result = await agent.call("NotebookRun", notebook_path="a.ipynb", save=True)
    assert result.is_error and "1 of the cells are others by now" in result.content
    cells = json.loads((agent.root / "a.ipynb").read_text())["cells"]
    assert "data" in cells[0]["outputs"][0] and "seen" in str(cells[1]["outputs"])


async def test_a_time_out_and_an_interrupt_end_the_kernel(agent: Agent) -> None:
    write(agent, "import time; open('begun', 'w').close(); time.sleep(60)")
    running = asyncio.ensure_future(agent.call("NotebookRun", notebook_path="a.ipynb"))
    while not (agent.root / "begun").exists():
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert kernels(agent.root) == []
    result = await agent.call("NotebookRun", notebook_path="a.ipynb", timeout=1000)
    assert result.is_error and "Ended by the time-out after 1 s. Give it longer with `timeout`, up to 600000 ms]" in result.content
    assert kernels(agent.root) == []


async def test_a_flood_of_output_is_bounded(agent: Agent) -> None:
    write(agent, "for _ in range(60): print('y' * 1_000_000)", "print('after')")
    result = await agent.call("NotebookRun", notebook_path="a.ipynb")
    assert len(result.content) < 20_000
    assert "were dropped" in result.content and "after" in result.content


@pytest.mark.slow
async def test_what_cannot_run_is_said(agent: Agent) -> None:
    write(agent, "input('?')", "import os; os._exit(1)")
    assert "StdinNotImplementedError" in (await agent.call("NotebookRun", notebook_path="a.ipynb", cell_ids=["c0"])).content
    assert "ended the kernel" in (await agent.call("NotebookRun", notebook_path="a.ipynb", cell_ids=["c1"])).content
    assert "no cell nope. Cells: c0, c1" in (await agent.call("NotebookRun", notebook_path="a.ipynb", cell_ids=["nope"])).content
    with pytest.raises(ToolError, match="does not exist"):
        await agent.call("NotebookRun", notebook_path="b.ipynb")
    with pytest.raises(InvalidArgumentsError, match="no notebook"):
        await agent.call("NotebookRun", notebook_path="a.py")


def test_the_gate_sees_a_command_and_a_write_only_for_saving(agent: Agent) -> None:
    def kinds(**more: Any) -> list[str]:
        args = NotebookRunArgs(notebook_path="a; rm -rf b.ipynb", **more)
        effects = NotebookRun().effects(args, agent.workspace)
        assert not any(effect.opaque for effect in effects)
        return [effect.kind for effect in effects]

    assert kinds() == ["read", "exec"]
    assert kinds(save=True) == ["read", "write", "exec"]
