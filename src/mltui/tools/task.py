"""Task: hands a piece of work to a subagent."""

from __future__ import annotations

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace


class TaskArgs(LaxArgs):
    description: str = Field(min_length=1, max_length=200, description="What it is about, in three to five words")
    prompt: str = Field(min_length=1, description="The whole task: the subagent sees nothing of this conversation")
    subagent_type: str = Field(min_length=1, max_length=100, description="The persona that does it, by its name")


class Task:
    name = "Task"
    args_model = TaskArgs

    def effects(self, args: TaskArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="delegate", target=args.subagent_type),)

    async def run(self, args: TaskArgs, ctx: ToolContext) -> ToolResult:
        return await ctx.agents.run(args.subagent_type, args.prompt)
