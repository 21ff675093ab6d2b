"""Promote: asks a person to let an experiment's model or prompt be the one in use."""

from __future__ import annotations

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace


class PromoteArgs(LaxArgs):
    experiment_id: str = Field(min_length=1, description="Such as P-0007, or P-0007/3 for the model of its run with seed 3")
    alias: str = Field(default="", description="Of the registered model; `champion` when left out")


class Promote:
    name = "Promote"
    args_model = PromoteArgs

    def effects(self, args: PromoteArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="promote", target=args.experiment_id),)

    async def run(self, args: PromoteArgs, ctx: ToolContext) -> ToolResult:
        return await ctx.experiments.promote(args.experiment_id, args.alias)
