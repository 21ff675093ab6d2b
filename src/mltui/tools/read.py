"""Read: a text file with line numbers, a picture, the text of a PDF, the head of a table."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.errors import ToolError
from mltui.core.messages import ToolResult
from mltui.core.pictures import image_type, picture
from mltui.tools import notebook
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace
from mltui.tools.paths import resolve
from mltui.tools.text_codec import TextFile, decode, is_binary

DEFAULT_LINES = 2000
LONGEST_LINE = 2000
LONGEST_RESULT = 100_000
_SMALL_TABLE = 30_000
"""Bytes of a table in text that is shown as it is."""

_WHOLE = 50_000_000
"""Bytes of the largest file that is read whole; a larger one is paged."""

_BINARY = {".parquet": "parquet", ".pq": "parquet", ".npy": "npy", ".npz": "npz", ".pdf": "pdf"}
_TABLES = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""Kinds of files that `Files.extract` knows, by suffix."""

_HOW_TO_LOOK = {
    ".safetensors": "list its tensors with Bash and safetensors",
    ".gguf": "list its metadata with `mltui models inspect`",
    ".gz": "unpack it with Bash (zcat FILE | head)",
    ".zip": "list it with Bash (unzip -l)",
    ".bmp": "convert it to PNG with Bash",
    ".tiff": "convert it to PNG with Bash",
}


class ReadArgs(LaxArgs):
    file_path: str = Field(description="The file: absolute, or relative to the working folder")
    offset: int = Field(default=1, ge=0, description="The first line to show, counted from 1")
    limit: int = Field(default=DEFAULT_LINES, ge=1, description="How many lines")
    pages: str = Field(default="", description='Pages of a PDF, such as "3" or "2-5"')


class Read:
    name = "Read"
    args_model = ReadArgs

    def effects(self, args: ReadArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="read", target=str(resolve(workspace, args.file_path))),)

    async def run(self, args: ReadArgs, ctx: ToolContext) -> ToolResult:
        path = resolve(ctx.workspace, args.file_path)
        shown = ctx.workspace.relative(path)
        suffix = path.suffix.lower()
        if args.pages and suffix != ".pdf":
            raise ToolError(f"{shown} is no PDF, so it has no pages", hint="Use offset and limit for lines")
        size = await ctx.files.size(path)
        if size and suffix in _BINARY:
            text = await ctx.files.extract(path, _BINARY[suffix], args.pages)
            return ToolResult(content=f"{shown}: {_bounded(text)}", details={"path": str(path), "kind": _BINARY[suffix]})
        head = await _head(args, ctx, path, shown, size) if suffix in _TABLES else None
        if size > _WHOLE:
            return head or await _paged(args, ctx, path)
        data = await ctx.files.read(path)
        if image_type(data) is not None:
            return _picture(data, path, shown)
        if is_binary(data):
            advice = _HOW_TO_LOOK.get(suffix, "look into it with Bash (file, head -c 200 | xxd, or a Python library)")
            raise ToolError(f"{shown} is a binary file of {len(data):,} bytes", hint=f"Read does not show it: {advice}")
        ctx.files.see(path, data)
        if head is not None:
            return head
        if not data:
            return ToolResult(content=f"{shown} is empty", details={"path": str(path), "lines": 0})
        cells = _cells(data, shown) if suffix == ".ipynb" else None
        file = decode(data) if cells is None else TextFile(cells)
        content, lines = numbered(file, max(args.offset, 1), args.limit)
        return ToolResult(content=content, details={"path": str(path), "lines": lines})


def _picture(data: bytes, path: Path, shown: str) -> ToolResult:
    image = picture(data, shown)
    return ToolResult(
        content=f"{shown}: a picture ({image.media_type}, {len(data):,} bytes)",
        details={"path": str(path), "kind": "image"},
        images=(image,),
    )


async def _head(args: ReadArgs, ctx: ToolContext, path: Path, shown: str, size: int) -> ToolResult | None:
    """The head of a table that is too large to be shown as it is; None where lines were asked for, or it is no table after all."""
    if size <= _SMALL_TABLE or {"offset", "limit"} & args.model_fields_set:
        return None
    kind = _TABLES[path.suffix.lower()]
    try:
        text = await ctx.files.extract(path, kind)
    except ToolError:
        return None
    content = f"{shown}: {_bounded(text)}\n[{size:,} bytes; Read with offset and limit shows its lines]"
    return ToolResult(content=content, details={"path": str(path), "kind": kind})


async def _paged(args: ReadArgs, ctx: ToolContext, path: Path) -> ToolResult:
    """Lines of a file that is too large to be read whole, and so to be changed with Edit."""
    first = max(args.offset, 1)
    page = await ctx.files.page(path, first, args.limit, LONGEST_RESULT)
    lines = [f"{number:6}\t{_cut(line)}" for number, line in enumerate(page.lines, first)]
    if page.encoding != "utf-8":
        lines.append(f"[encoding: {page.encoding}]")
    if page.more:
        lines.append(f"[more lines follow: Read with offset={first + len(page.lines)}]")
    return ToolResult(content="\n".join(lines), details={"path": str(path), "lines": len(page.lines)})


def _bounded(text: str) -> str:
    return (
        text
        if len(text) <= LONGEST_RESULT
        else f"{text[:LONGEST_RESULT]}\n[… {len(text) - LONGEST_RESULT:,} more characters were left out]"
    )


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
