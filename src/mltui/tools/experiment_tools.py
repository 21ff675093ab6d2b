"""ProposeExperiment, ExperimentStatus, ConcludeExperiment: the road to a measured change."""

from __future__ import annotations

from pydantic import Field

from mltui.core.data import JsonValue
from mltui.core.effects import Effect
from mltui.core.experiment import ProposalRequest, Recommendation
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace

_LONGEST_WAIT = 3600.0


class ProposeExperimentArgs(LaxArgs):
    title: str = Field(min_length=1, max_length=200, description="What is tried, in one line")
    hypothesis: str = Field(min_length=1, description="What should get better, by about how much, and why")
    methodology: str = Field(default="", description="How that will be measured, if it is not the project's usual way")
    changes: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue], description='Parameters of the declared space and their new values, such as {"lr": 0.01}'
    )
    entrypoint: str = Field(default="", description="The declared training command, where there is more than one")
    seeds: tuple[int, ...] = Field(default=(), description="The project's own seeds when left out")
    minutes: float = Field(default=0.0, ge=0, description="The most wall time of all runs together; 0: the project's own limit")


class ProposeExperiment:
    name = "ProposeExperiment"
    args_model = ProposeExperimentArgs

    def effects(self, args: ProposeExperimentArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="propose", target=args.title),)

    async def run(self, args: ProposeExperimentArgs, ctx: ToolContext) -> ToolResult:
        return await ctx.experiments.propose(
            ProposalRequest(
                title=args.title,
                hypothesis=args.hypothesis,
                methodology=args.methodology,
                changes=args.changes,
                entrypoint=args.entrypoint or None,
                seeds=args.seeds or None,
                minutes=args.minutes or None,
            )
        )


class ExperimentStatusArgs(LaxArgs):
    experiment_id: str = Field(default="", description="Such as P-0007; all experiments when left out")
    wait_seconds: float = Field(default=0.0, ge=0, le=_LONGEST_WAIT, description="Wait so long for the experiment's runs to end")


class ExperimentStatus:
    name = "ExperimentStatus"
    args_model = ExperimentStatusArgs

    def effects(self, args: ExperimentStatusArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="note", target=args.experiment_id or "experiments"),)

    async def run(self, args: ExperimentStatusArgs, ctx: ToolContext) -> ToolResult:
        return await ctx.experiments.status(args.experiment_id or None, args.wait_seconds)


class ConcludeExperimentArgs(LaxArgs):
    experiment_id: str = Field(min_length=1, description="Such as P-0007")
    interpretation: str = Field(min_length=1, description="What the comparison shows and what it does not, in two to six sentences")
    recommendation: Recommendation = Field(description="Keep the change, drop it, or neither can be said")


class ConcludeExperiment:
    name = "ConcludeExperiment"
    args_model = ConcludeExperimentArgs

    def effects(self, args: ConcludeExperimentArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="conclude", target=args.experiment_id),)

    async def run(self, args: ConcludeExperimentArgs, ctx: ToolContext) -> ToolResult:
        return await ctx.experiments.conclude(args.experiment_id, args.interpretation, args.recommendation)
