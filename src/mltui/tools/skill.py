"""Skill: the instructions of a skill, when they are needed."""

from __future__ import annotations

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace


class SkillArgs(LaxArgs):
    skill: str = Field(min_length=1, max_length=100, description="The name of the skill")
    args: str = Field(default="", description="What it should be done with or to")


class Skill:
    name = "Skill"
    args_model = SkillArgs

    def effects(self, args: SkillArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="note", target=f"skill {_name(args)}"),)

    async def run(self, args: SkillArgs, ctx: ToolContext) -> ToolResult:
        name = _name(args)
        text = await ctx.skills.load(name, args.args)
        return ToolResult(content=text, details={"skill": name})


def _name(args: SkillArgs) -> str:
    return args.skill.strip().removeprefix("/")
