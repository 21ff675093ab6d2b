"""Write: a whole file."""

from __future__ import annotations

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.errors import ToolError
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace
from mltui.tools.changes import check_seen, report
from mltui.tools.paths import resolve
from mltui.tools.text_codec import TextFile, decode, is_binary


class WriteArgs(LaxArgs):
    file_path: str = Field(description="The file: absolute, or relative to the working folder")
    content: str = Field(description="Everything that the file is to hold")


class Write:
    name = "Write"
    args_model = WriteArgs

    def effects(self, args: WriteArgs, workspace: Workspace) -> tuple[Effect, ...]:
        path = str(resolve(workspace, args.file_path))
        return Effect(kind="read", target=path), Effect(kind="write", target=path)

    async def run(self, args: WriteArgs, ctx: ToolContext) -> ToolResult:
        path = resolve(ctx.workspace, args.file_path)
        before = await ctx.files.read(path) if await ctx.files.exists(path) else None
        if before is not None:
            check_seen(ctx.workspace.relative(path), ctx.files.seen(path), ctx.files.digest(before))
        after = written(args, before)
        outcome = await ctx.files.write(path, after)
        ctx.files.see(path, after)
        return report(ctx, path, before, after, outcome)


def written(args: WriteArgs, before: bytes | None) -> bytes:
    """The bytes to write: in the encoding, with the byte order mark and the line endings of the file that is replaced."""
    if not before or is_binary(before):
        return TextFile("").encode(args.content)
    file = decode(before)
    text = args.content
    if file.newline == "\r\n":
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    if file.encoding == "latin-1":
        # A guess at an encoding is kept only where it fits; the whole content is new anyway.
        try:
            return file.encode(text)
        except ToolError:
            return TextFile("").encode(text)
    return file.encode(text)
