"""A program: executes a notebook in a kernel of its own and prints what its cells put out. NotebookRun runs it as a shell command.

`python -P notebook_runner.py NOTEBOOK [--cells ID,…] [--answer]`. It imports nothing of mltui, so that it is one file to a sandbox.
Exit codes: 0 all cells ran; 1 a cell failed; 2 the notebook cannot be run; 3 packages are missing.
"""

# What nbformat hands out is untyped.
# pyright: basic, reportMissingTypeStubs=false

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

KEPT = 200_000
"""Characters of one cell's text that are kept; what a cell prints beyond that is read and dropped."""
SHOWN = 10_000
"""Characters of one output that are printed: its head and its tail."""
LARGEST_RICH = 5_000_000
"""Characters of one picture, table or the like; a larger one is dropped from what is kept."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MISSING = "cannot run notebooks: {} is missing. Install it: pip install 'mltui[notebooks]'"
_HAS_KERNEL = "import importlib.util as u, sys; sys.exit(u.find_spec('ipykernel') is None)"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Executes a notebook.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--cells", default="", help="ids, joined by commas")
    parser.add_argument("--answer", action="store_true", help="write the cells that ran to the descriptor in MLTUI_ANSWER")
    options = parser.parse_args(arguments)
    try:
        import nbclient  # noqa: F401
        import nbformat
    except ImportError as error:
        return _fail(3, _MISSING.format(error.name or "nbclient"))
    kernel, note = _kernel_python(options.notebook.resolve().parent)
    if not kernel:
        return _fail(3, _MISSING.format("ipykernel"))
    if note:
        print(f"[{note}]")
    try:
        book = nbformat.reads(options.notebook.read_text(encoding="utf-8-sig"), as_version=4)
    except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
        return _fail(2, f"{options.notebook} cannot be read as a notebook: {error}")
    wanted = [name for name in options.cells.split(",") if name]
    known = [_cell_id(cell, place) for place, cell in enumerate(book.cells)]
    if unknown := [name for name in wanted if name not in known]:
        return _fail(2, f"there is no cell {', '.join(unknown)}. Cells: {', '.join(known[:20])}")
    ran: list[int] = []
    failed = _execute(book, frozenset(wanted), kernel, options.notebook.resolve().parent, ran)
    if options.answer:
        _answer(book, ran)
    return failed


def _execute(book: Any, wanted: frozenset[str], kernel: str, folder: Path, ran: list[int]) -> int:
    """Runs the code cells in their order, up to the first that fails, and notes the places of those that ran. Returns the exit code."""
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    with tempfile.TemporaryDirectory(prefix="mltui-kernel-") as scratch:
        client = _client(book, kernel, folder, scratch)
        code = [(place, cell) for place, cell in enumerate(book.cells) if cell.cell_type == "code"]
        chosen = [(place, cell) for place, cell in code if not wanted or _cell_id(cell, place) in wanted]
        with client.setup_kernel(cleanup_kc=True):
            for count, (place, cell) in enumerate(chosen):
                name = _cell_id(cell, place)
                failure = ""
                client.begin_cell()
                ran.append(place)
                try:
                    client.execute_cell(cell, place)
                except CellExecutionError:
                    failure = "failed"
                except DeadKernelError:
                    failure = "ended the kernel: it exited, or ran out of memory"
                _show(name, cell, client.dropped)
                if failure:
                    rest = [_cell_id(cell, place) for place, cell in chosen[count + 1 :]]
                    print(f"[Cell {name} {failure}" + (f"; not run: {', '.join(rest[:20])}]" if rest else "]"), flush=True)
                    return 1
        print(f"[{len(chosen)} code cell{'' if len(chosen) == 1 else 's'} ran]", flush=True)
    return 0


def _client(book: Any, kernel: str, folder: Path, scratch: str) -> Any:
    """A client whose kernel is one Python program, reached through sockets in a folder: no port is opened."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    os.environ.update(IPYTHONDIR=f"{scratch}/ipython", JUPYTER_RUNTIME_DIR=f"{scratch}/run", JUPYTER_NO_CONFIG="1")
    Path(scratch, "run").mkdir()
    argv = [kernel, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]

    class Kernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> Any:
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    class Client(NotebookClient):
        dropped = 0
        _kept = 0

        def begin_cell(self) -> None:
            self.dropped = self._kept = 0

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            """Drops what a cell puts out beyond its share before it is kept in memory."""
            content = msg["content"]
            if msg["msg_type"] == "stream":
                left = max(KEPT - self._kept, 0)
                self._kept += len(content["text"])
                if len(content["text"]) > left:
                    self.dropped += len(content["text"]) - left
                    content["text"] = content["text"][:left]
                    if not left:
                        return None
            elif isinstance(content.get("data"), dict):
                _bound(content["data"])
            return super().process_message(msg, cell, cell_index)

    manager = Kernel(transport="ipc", ip=f"{scratch}/k", connection_file=f"{scratch}/run/kernel.json")
    resources = {"metadata": {"path": str(folder)}}
    return Client(book, km=manager, resources=resources, timeout=None, allow_errors=False, store_widget_state=False)


def _bound(data: dict[str, Any]) -> None:
    for kind, value in list(data.items()):
        if isinstance(value, str) and len(value) > (KEPT if kind == "text/plain" else LARGEST_RICH):
            data[kind] = value[:KEPT] if kind == "text/plain" else f"[{len(value):,} characters left out]"


def _show(name: str, cell: Any, dropped: int) -> None:
    texts = [text for output in cell.outputs for text in _texts(output) if text.strip()]
    if dropped:
        texts.append(f"[{dropped:,} characters that it printed beyond {KEPT:,} were dropped]")
    body = "\n".join(texts) if texts else "(no output)"
    print(f'<output cell="{name}">\n{body}\n</output>', flush=True)


def _texts(output: Any) -> Iterator[str]:
    """One output as text. A picture is named with its size."""
    if output.output_type == "stream":
        yield _cut(output.text)
    elif output.output_type == "error":
        yield _tail("\n".join(output.traceback) or f"{output.ename}: {output.evalue}")
    else:
        data = output.get("data", {})
        pictures = [kind for kind in data if kind.startswith("image/")]
        yield from (_picture(kind, data[kind]) for kind in pictures)
        if not pictures:
            found = data.get("text/plain") or data.get("text/markdown") or next(iter(data.values()), "")
            yield _cut(found if isinstance(found, str) else json.dumps(found))


def _picture(kind: str, value: Any) -> str:
    text = value if isinstance(value, str) else "".join(value)
    if kind != "image/png":
        return f"[{kind}, {len(text):,} characters]"
    data = base64.b64decode(text, validate=False)
    # A PNG says its width and height in bytes 16 to 24 (PNG specification, 11.2.2).
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return f"[{kind}, {width} × {height}, {len(data):,} bytes]"


def _cut(text: str) -> str:
    text = _COLOURS.sub("", text).rstrip("\n")
    if len(text) <= SHOWN:
        return text
    half = SHOWN // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"


def _tail(traceback: str) -> str:
    text = _COLOURS.sub("", traceback)
    return text if len(text) <= SHOWN else f"[… {len(text) - SHOWN:,} characters left out …]\n{text[-SHOWN:]}"


def _cell_id(cell: Any, place: int) -> str:
    return cell.get("id") or f"cell-{place}"


def _kernel_python(folder: Path) -> tuple[str, str]:
    """The Python for the kernel, and what has to be said about it; empty where none has ipykernel."""
    own = [Path(os.environ["VIRTUAL_ENV"])] if os.environ.get("VIRTUAL_ENV") else []
    for place in (folder, *folder.parents):
        own += [place / name for name in (".venv", "venv")]
        if (place / ".git").exists():
            break
    pythons = [python for place in own if (python := place / "bin" / "python").exists()]
    for python in pythons:
        if subprocess.run([python, "-c", _HAS_KERNEL], capture_output=True, check=False).returncode == 0:
            return str(python), ""
    if subprocess.run([sys.executable, "-c", _HAS_KERNEL], capture_output=True, check=False).returncode:
        return "", ""
    lacking = f"{pythons[0]} has no ipykernel (pip install ipykernel there), so " if pythons else ""
    return sys.executable, f"{lacking}the kernel is mltui's own Python, which may lack the project's packages" if lacking else ""


def _answer(book: Any, ran: Sequence[int]) -> None:
    """Hands the cells that ran to who asked for them, each with its place in the notebook."""
    import nbformat

    cells = json.loads(nbformat.writes(book))["cells"]
    with open(int(os.environ["MLTUI_ANSWER"]), "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        json.dump([{**cells[place], "place": place} for place in ran], file)


def _fail(code: int, text: str) -> int:
    print(f"[{text}]", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
