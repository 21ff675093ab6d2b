"""Glob: files by the shape of their names."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import Found, ToolContext, Workspace
from mltui.tools.paths import resolve

LIMIT = 200
_MAGIC = frozenset("*?[{")


class GlobArgs(LaxArgs):
    pattern: str = Field(min_length=1, description="A glob such as **/*.py or conf/*.{yaml,yml}")
    path: str = Field(default=".", description="The folder to search")


class Glob:
    name = "Glob"
    args_model = GlobArgs

    def effects(self, args: GlobArgs, workspace: Workspace) -> tuple[Effect, ...]:
        root, _ = searched(args, workspace)
        return (Effect(kind="read", target=str(root)),)

    async def run(self, args: GlobArgs, ctx: ToolContext) -> ToolResult:
        root, pattern = searched(args, ctx.workspace)
        found = await ctx.search.glob(pattern, root, LIMIT)
        nothing = f"no file below {ctx.workspace.relative(root)} matches {args.pattern} (ignored files are left out)"
        return listed(found, nothing, "narrow the pattern or the path")


def searched(args: GlobArgs, workspace: Workspace) -> tuple[Path, str]:
    """The folder to search and the pattern inside it: the fixed folders that a pattern begins with belong to the former."""
    parts = args.pattern.split("/")
    if not (args.pattern.startswith(("/", "~")) or ".." in parts):
        return resolve(workspace, args.path), args.pattern.removeprefix("./")
    fixed = next((index for index, part in enumerate(parts) if _MAGIC & set(part)), len(parts) - 1)
    folder = "/".join(parts[:fixed]) or "/"
    base = resolve(workspace, args.path)
    return resolve(workspace, str(base / Path(folder).expanduser()) if not folder.startswith("~") else folder), "/".join(parts[fixed:])


def listed(found: Found, nothing: str, advice: str) -> ToolResult:
    """Found lines as the model reads them, with what was left out and how to get it."""
    if not found.lines:
        return ToolResult(content=nothing, details={"found": 0})
    more = [f"[{found.omitted} more left out: {advice}]"] if found.omitted else []
    return ToolResult(content="\n".join([*found.lines, *more]), details={"found": len(found.lines) + found.omitted})
