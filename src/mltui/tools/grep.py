"""Grep: text in files, by ripgrep."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import GrepQuery, ToolContext, Workspace
from mltui.tools.glob import listed
from mltui.tools.paths import resolve

LIMIT = 250
_MOST_CONTEXT = 200


class GrepArgs(LaxArgs):
    pattern: str = Field(min_length=1, description="A regular expression (Rust syntax, as in ripgrep)")
    path: str = Field(default=".", description="A file or folder")
    glob: str = Field(default="", description="Only files of this shape, such as *.py or conf/**")
    type: str = Field(default="", description="Only files of this type, such as py, yaml, md")
    output_mode: Literal["content", "files_with_matches", "count"] = Field(
        default="files_with_matches", description="Matching lines, names of files, or matching lines counted by file"
    )
    ignore_case: bool = Field(default=False, alias="-i", description="Ignore case")
    line_numbers: bool = Field(default=True, alias="-n", description="Show line numbers (content)")
    after: int = Field(default=0, ge=0, le=_MOST_CONTEXT, alias="-A", description="Lines to show after a match (content)")
    before: int = Field(default=0, ge=0, le=_MOST_CONTEXT, alias="-B", description="Lines to show before a match (content)")
    context: int = Field(default=0, ge=0, le=_MOST_CONTEXT, alias="-C", description="Lines to show around a match (content)")
    head_limit: int = Field(default=LIMIT, ge=0, description="At most so many lines of answer")
    multiline: bool = Field(default=False, description="Let a match span lines, and . match a line ending")


class Grep:
    name = "Grep"
    args_model = GrepArgs

    def effects(self, args: GrepArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="read", target=str(resolve(workspace, args.path))),)

    async def run(self, args: GrepArgs, ctx: ToolContext) -> ToolResult:
        root = resolve(ctx.workspace, args.path)
        query = GrepQuery(
            pattern=args.pattern,
            root=root,
            glob=args.glob or None,
            type=args.type or None,
            output_mode=args.output_mode,
            ignore_case=args.ignore_case,
            line_numbers=args.line_numbers,
            before=max(args.before, args.context),
            after=max(args.after, args.context),
            multiline=args.multiline,
            limit=args.head_limit or LIMIT,
        )
        found = await ctx.search.grep(query)
        nothing = f"no match for {args.pattern} in {ctx.workspace.relative(root)} (ignored and binary files are left out)"
        return listed(found, nothing, "narrow pattern, path or glob, or raise head_limit")
