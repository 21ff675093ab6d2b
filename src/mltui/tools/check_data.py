"""CheckData: what is wrong with a data set, or with splits, before anything is trained on it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.errors import InvalidArgumentsError
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import DataQuestion, ToolContext, Workspace
from mltui.tools.paths import resolve

_ROLES = ("train", "val", "test")


class CheckDataArgs(LaxArgs):
    path: str = Field(default="", description="A file or folder")
    train: str = Field(default="", description="The training split")
    val: str = Field(default="", description="The validation split")
    test: str = Field(default="", description="The test split")
    target: str = Field(default="", description="The column of the label")
    group: str = Field(default="", description="The column whose values must not be in two splits")
    time: str = Field(default="", description="The column of times; splits must follow one another")
    sample: int = Field(default=100_000, ge=1000, le=1_000_000, description="Rows in which values are compared")


class CheckData:
    name = "CheckData"
    args_model = CheckDataArgs

    def effects(self, args: CheckDataArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return tuple(Effect(kind="read", target=str(path)) for _, path in _named(args, workspace))

    async def run(self, args: CheckDataArgs, ctx: ToolContext) -> ToolResult:
        named = tuple((role, path, ctx.workspace.relative(path)) for role, path in _named(args, ctx.workspace))
        question = DataQuestion(named, args.target or None, args.group or None, args.time or None, args.sample)
        text, report = await ctx.files.check_data(question)
        return ToolResult(content=text, details=report)


def _named(args: CheckDataArgs, workspace: Workspace) -> list[tuple[str, Path]]:
    """Roles with the paths that were given. Raises: InvalidArgumentsError: none was."""
    given = [("", args.path), *((role, str(getattr(args, role))) for role in _ROLES)]
    found = [(role, resolve(workspace, path)) for role, path in given if path]
    if not found:
        raise InvalidArgumentsError("no data is named", hint="Give path, or train and test")
    return found
