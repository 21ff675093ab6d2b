"""Edit: one exact replacement in a file."""

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
from mltui.tools.text_edit import replace


class EditArgs(LaxArgs):
    file_path: str = Field(description="The file: absolute, or relative to the working folder")
    old_string: str = Field(description="The exact text to replace, unique in the file; empty to create a file")
    new_string: str = Field(description="The text to put in its place")
    replace_all: bool = Field(default=False, description="Replace every occurrence")


class Edit:
    name = "Edit"
    args_model = EditArgs

    def effects(self, args: EditArgs, workspace: Workspace) -> tuple[Effect, ...]:
        path = str(resolve(workspace, args.file_path))
        return Effect(kind="read", target=path), Effect(kind="write", target=path)

    async def run(self, args: EditArgs, ctx: ToolContext) -> ToolResult:
        path = resolve(ctx.workspace, args.file_path)
        shown = ctx.workspace.relative(path)
        missing = args.old_string == "" and not await ctx.files.exists(path)
        before = None if missing else await ctx.files.read(path)
        if before is not None and args.old_string:
            check_seen(shown, ctx.files.seen(path), ctx.files.digest(before))
        after = edited(args, shown, before)
        outcome = await ctx.files.write(path, after)
        ctx.files.see(path, after)
        return report(ctx, path, before, after, outcome)


def edited(args: EditArgs, shown: str, before: bytes | None) -> bytes:
    """The file's bytes after the edit; what the edit does not name is unchanged to the byte.

    Args:
        shown: the path as it is shown.
        before: None where there is no file.

    Raises: ToolError: the edit does not fit the file.
    """
    if args.old_string == args.new_string:
        raise ToolError("old_string and new_string are the same, so there is nothing to change")
    if before is None:
        if args.old_string:
            raise ToolError(f"{shown} does not exist", hint="Leave old_string empty to create it")
        return TextFile("").encode(args.new_string)
    if args.old_string == "":
        raise ToolError(f"{shown} exists already", hint="Read it and name the text to replace, or use Write to replace all of it")
    if is_binary(before):
        raise ToolError(f"{shown} is a binary file, which Edit cannot change")
    file = decode(before)
    try:
        return file.encode(replace(file.text, args.old_string, args.new_string, every=args.replace_all, newline=file.newline))
    except ToolError as error:
        raise ToolError(f"{shown}: {error.args[0]}", hint=error.hint) from None
