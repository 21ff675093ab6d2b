"""AskUserQuestion: what the agent would rather ask than guess."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from mltui.core.approval import Option, Question
from mltui.core.effects import Effect
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace


class OptionArgs(LaxArgs):
    label: str = Field(min_length=1, description="The choice, in one to five words")
    description: str = Field(default="", description="What it means or leads to")


class QuestionArgs(LaxArgs):
    model_config = ConfigDict(extra="ignore")

    question: str = Field(min_length=1, description="The whole question")
    header: str = Field(default="", description="A label of one or two words")
    options: tuple[OptionArgs, ...] = Field(default=(), max_length=8, description="Two to four choices; other answers are possible too")
    multi_select: bool = Field(default=False, alias="multiSelect", description="Several choices may be taken")


class AskUserQuestionArgs(LaxArgs):
    questions: tuple[QuestionArgs, ...] = Field(min_length=1, max_length=4)


class AskUserQuestion:
    name = "AskUserQuestion"
    args_model = AskUserQuestionArgs

    def effects(self, args: AskUserQuestionArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="ask", target=args.questions[0].question),)

    async def run(self, args: AskUserQuestionArgs, ctx: ToolContext) -> ToolResult:
        answers = await ctx.questions.ask([_question(item) for item in args.questions])
        content = "\n".join(f"{question}: {answer}" for question, answer in answers.items())
        return ToolResult(content=content, details={"answers": {**answers}})


def _question(item: QuestionArgs) -> Question:
    return Question(
        question=item.question,
        header=item.header,
        options=tuple(Option(label=option.label, description=option.description) for option in item.options),
        multi_select=item.multi_select,
    )
