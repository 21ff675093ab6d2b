"""Read: a text file with line numbers."""

from __future__ import annotations

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.errors import ToolError
from mltui.core.messages import ToolResult
from mltui.tools import notebook
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace
from mltui.tools.paths import resolve
from mltui.tools.text_codec import TextFile, decode, is_binary

DEFAULT_LINES = 2000
LONGEST_LINE = 2000
LONGEST_RESULT = 100_000

_HOW_TO_LOOK = {
    ".parquet": "look into it with Bash and pandas",
    ".npy": "look into it with Bash and numpy",
    ".npz": "look into it with Bash and numpy",
    ".safetensors": "list its tensors with Bash and safetensors",
    ".gguf": "list its metadata with `mltui models inspect`",
    ".gz": "unpack it with Bash (zcat FILE | head)",
    ".zip": "list it with Bash (unzip -l)",
    ".pdf": "extract its text with Bash (pdftotext)",
}


class ReadArgs(LaxArgs):
    file_path: str = Field(description="The file: absolute, or relative to the working folder")
    offset: int = Field(default=1, ge=0, description="The first line to show, counted from 1")
    limit: int = Field(default=DEFAULT_LINES, ge=1, description="How many lines")


class Read:
    name = "Read"
    args_model = ReadArgs

    def effects(self, args: ReadArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="read", target=str(resolve(workspace, args.file_path))),)

    async def run(self, args: ReadArgs, ctx: ToolContext) -> ToolResult:
        path = resolve(ctx.workspace, args.file_path)
        shown = ctx.workspace.relative(path)
        data = await ctx.files.read(path)
        if is_binary(data):
            advice = _HOW_TO_LOOK.get(path.suffix.lower(), "look into it with Bash (file, head -c 200 | xxd, or a Python library)")
            raise ToolError(f"{shown} is a binary file of {len(data):,} bytes", hint=f"Read shows text only: {advice}")
        ctx.files.see(path, data)
        if not data:
            return ToolResult(content=f"{shown} is empty", details={"path": str(path), "lines": 0})
        cells = _cells(data, shown) if path.suffix.lower() == ".ipynb" else None
        file = decode(data) if cells is None else TextFile(cells)
        content, lines = numbered(file, max(args.offset, 1), args.limit)
        return ToolResult(content=content, details={"path": str(path), "lines": lines})


def _cells(data: bytes, shown: str) -> str | None:
    """A notebook as its cells; None for one that cannot be taken apart, which is then shown as the text that it is."""
    try:
        return notebook.show(notebook.parse(data, shown))
    except ToolError:
        return None


def numbered(file: TextFile, first: int, limit: int) -> tuple[str, int]:
    """Lines from `first` on with their numbers, bounded, and how many lines the file has.

    Raises: ToolError: the file has fewer lines.
    """
    lines = file.text.split("\n")
    if lines[-1] == "":
        lines.pop()
    total = len(lines)
    if first > max(total, 1):
        raise ToolError(f"the file has {total} lines, so there is no line {first}")
    shown: list[str] = []
    size = 0
    for number, line in enumerate(lines[first - 1 : first - 1 + limit], first):
        text = _cut(line.removesuffix("\r"))
        size += len(text) + 8
        if size > LONGEST_RESULT and shown:
            break
        shown.append(f"{number:6}\t{text}")
    notes = [] if file.encoding == "utf-8" else [f"[encoding: {file.encoding}; Edit and Write keep it]"]
    following = first + len(shown)
    if following <= total:
        notes.append(f"[{total - following + 1} more lines left out: Read with offset={following}]")
    return "\n".join([*shown, *notes]), total


def _cut(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    return f"{line[:LONGEST_LINE]} [… {len(line) - LONGEST_LINE} more characters in this line: use Bash (cut -c) to see them]"
