"""NotebookEdit: one cell of a Jupyter notebook."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.errors import InvalidArgumentsError, ToolError
from mltui.core.messages import ToolResult
from mltui.tools import notebook
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace
from mltui.tools.changes import check_seen, report
from mltui.tools.notebook import CellType
from mltui.tools.paths import resolve


class NotebookEditArgs(LaxArgs):
    notebook_path: str = Field(description="The notebook: absolute, or relative to the working folder")
    new_source: str = Field(default="", description="The cell's new source; not needed for delete")
    cell_id: str = Field(
        default="", description="The cell as Read shows it; for insert the one to put the new cell behind, or empty: first"
    )
    cell_type: CellType | Literal[""] = Field(default="", description="Needed for insert; otherwise the cell keeps its type")
    edit_mode: Literal["replace", "insert", "delete"] = Field(default="replace")


class NotebookEdit:
    name = "NotebookEdit"
    args_model = NotebookEditArgs

    def effects(self, args: NotebookEditArgs, workspace: Workspace) -> tuple[Effect, ...]:
        path = notebook.place(workspace, args.notebook_path, "Use Edit for other files")
        if args.edit_mode == "insert" and not args.cell_type:
            raise InvalidArgumentsError("insert needs a cell_type", hint="Give code or markdown")
        if args.edit_mode != "insert" and not args.cell_id:
            raise InvalidArgumentsError(f"{args.edit_mode} needs a cell_id", hint="Read the notebook: it shows the cells' ids")
        return Effect(kind="read", target=str(path)), Effect(kind="write", target=str(path))

    async def run(self, args: NotebookEditArgs, ctx: ToolContext) -> ToolResult:
        path = resolve(ctx.workspace, args.notebook_path)
        shown = ctx.workspace.relative(path)
        before = await notebook.read(ctx, path)
        check_seen(shown, ctx.files.seen(path), ctx.files.digest(before))
        after = notebook_edited(args, shown, before)
        outcome = await ctx.files.write(path, after)
        ctx.files.see(path, after)
        return report(ctx, path, before, after, outcome)


def notebook_edited(args: NotebookEditArgs, shown: str, before: bytes | None) -> bytes:
    """The notebook's bytes after the edit. Raises: ToolError: no notebook, or no such cell."""
    if before is None:
        raise ToolError(f"{shown} does not exist", hint="Write creates a notebook")
    found = notebook.parse(before, shown)
    match args.edit_mode:
        case "replace":
            notebook.replace_cell(found, args.cell_id, args.new_source, args.cell_type or None)
        case "insert":
            notebook.insert_cell(found, args.cell_id, args.new_source, args.cell_type or "code")
        case "delete":
            notebook.delete_cell(found, args.cell_id)
    return notebook.serialise(found)
