"""ProposeSweep: many settings of declared hyperparameters under one approval."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mltui.core.data import JsonObject
from mltui.core.effects import Effect
from mltui.core.messages import ToolResult
from mltui.core.sweep import Pruner, Sampler, SweepRequest
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace


class ProposeSweepArgs(LaxArgs):
    title: str = Field(min_length=1, max_length=200, description="What is searched, in one line")
    hypothesis: str = Field(min_length=1, description="What should get better, by about how much, and why")
    methodology: str = Field(default="", description="Why this space and so many trials; what could mislead")
    space: dict[str, JsonObject] = Field(
        default_factory=dict[str, JsonObject],
        description='By name: {"low": …, "high": …, "log": …, "step": …} or {"choices": […]}, within the declared space, or with '
        '"key": "FILE:dotted.key" for another parameter; all of the declared space when left out',
    )
    sampler: Sampler = Field(default="tpe", description="tpe for most; grid needs steps or choices; cmaes for many numbers")
    trials: int = Field(default=0, ge=0, description="Trials at most; 0: all of a grid")
    seeds_per_trial: int = Field(default=1, ge=1, description="A trial's value is the mean over so many seeds")
    pruner: Pruner = Field(default="none", description="Ends poor trials early, where the training logs the metric over steps")
    prune_metric: str = Field(default="", description="The metric over steps; the primary one when left out")
    prune_direction: Literal["", "minimize", "maximize"] = Field(default="", description="Which is better of a prune_metric of its own")
    patience: int = Field(default=0, ge=0, description="Ends after so many trials without a better one; 0: never")
    minutes: float = Field(default=0.0, ge=0, description="The most wall time of all runs together; 0: the project's own limit")
    entrypoint: str = Field(default="", description="The declared training command, where there is more than one")


class ProposeSweep:
    name = "ProposeSweep"
    args_model = ProposeSweepArgs

    def effects(self, args: ProposeSweepArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="propose", target=args.title),)

    async def run(self, args: ProposeSweepArgs, ctx: ToolContext) -> ToolResult:
        return await ctx.experiments.propose(
            SweepRequest(
                title=args.title,
                hypothesis=args.hypothesis,
                methodology=args.methodology,
                space=args.space,
                sampler=args.sampler,
                trials=args.trials or None,
                seeds_per_trial=args.seeds_per_trial,
                pruner=args.pruner,
                prune_metric=args.prune_metric,
                prune_direction=args.prune_direction or None,
                patience=args.patience or None,
                minutes=args.minutes or None,
                entrypoint=args.entrypoint or None,
            )
        )
