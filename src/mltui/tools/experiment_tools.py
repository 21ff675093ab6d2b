"""ProposeExperiment, ExperimentStatus, ConcludeExperiment: the road to a measured change."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from mltui.core.data import JsonValue
from mltui.core.effects import Effect
from mltui.core.experiment import ProposalRequest, Recommendation
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs, plain_schema
from mltui.tools.base import ToolContext, Workspace

_LONGEST_WAIT = 3600.0


def _require_plan(schema: dict[str, Any]) -> None:
    """A plan is what nearly every call holds; only the answer to a question does without."""
    plain_schema(schema)
    schema["required"] = ["title", "hypothesis", "methodology"]


class ProposeExperimentArgs(LaxArgs):
    model_config = ConfigDict(json_schema_extra=_require_plan)

    title: str = Field(default="", max_length=200, description="What is tried, in one line")
    hypothesis: str = Field(default="", description="What should get better, by about how much, and why")
    methodology: str = Field(default="", description="How that is measured: baseline, seeds, metric, what could mislead")
    changes: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue], description='Parameters of the declared space and their new values, such as {"lr": 0.01}'
    )
    entrypoint: str = Field(default="", description="The declared training command, where there is more than one")
    seeds: tuple[int, ...] = Field(default=(), description="The project's own seeds when left out")
    minutes: float = Field(default=0.0, ge=0, description="The most wall time of all runs together; 0: the project's own limit")
    evaluation_reason: str = Field(default="", description="Why evaluation changes together with what it evaluates, if it does")
    experiment_id: str = Field(default="", description="An open proposal that this one takes the place of, or that `answer` is about")
    answer: str = Field(default="", description="With `experiment_id` alone: the answer to the person's question about it")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.answer and not self.experiment_id:
            raise ValueError("`answer` needs the `experiment_id` that was asked about")
        if not self.answer and not (self.title.strip() and self.hypothesis.strip()):
            raise ValueError("a proposal needs `title` and `hypothesis`")
        return self


class ProposeExperiment:
    name = "ProposeExperiment"
    args_model = ProposeExperimentArgs

    def effects(self, args: ProposeExperimentArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="propose", target=args.experiment_id if args.answer else args.title),)

    async def run(self, args: ProposeExperimentArgs, ctx: ToolContext) -> ToolResult:
        if args.answer:
            return await ctx.experiments.answer(args.experiment_id, args.answer)
        return await ctx.experiments.propose(
            ProposalRequest(
                title=args.title,
                hypothesis=args.hypothesis,
                methodology=args.methodology,
                changes=args.changes,
                entrypoint=args.entrypoint or None,
                seeds=args.seeds or None,
                minutes=args.minutes or None,
                evaluation_reason=args.evaluation_reason,
                supersedes=args.experiment_id or None,
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
