"""A session that plays a part chosen by the prompt. Run as a module it holds a line-mode conversation."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.agent.transcript import Transcript
from mltui.config.schema import Ui
from mltui.core.approval import (
    ApprovalRequest,
    Approver,
    ExperimentRequest,
    KeepRequest,
    Option,
    PermissionRequest,
    Question,
    QuestionRequest,
)
from mltui.core.effects import Effect
from mltui.core.errors import ConfigError, ModelUnavailableError, ProposalError
from mltui.core.events import (
    ApprovalRequested,
    Emit,
    ExperimentFinished,
    MessageCompleted,
    ModelChanged,
    TextDelta,
    ToolCompleted,
    ToolStarted,
    TurnCompleted,
    TurnOutcome,
)
from mltui.core.experiment import (
    Budget,
    Comparison,
    Conclusion,
    ControlledChange,
    DataVersion,
    Experiment,
    ExperimentKind,
    Guardrail,
    Metric,
    ParameterChange,
    Proposal,
)
from mltui.core.messages import AssistantMessage, Image, Text, ToolCall, Usage
from mltui.experiments.index import Row
from mltui.experiments.looking import Looking
from mltui.models.base import ModelInfo
from mltui.models.roles import Effort, ModelOption
from mltui.tools.base import Workspace
from tests.fake_commands import FakeCommands
from tests.fake_history import FakeCommits, FakeHistory
from tests.fake_manners import FakeFiles, FakeManners, FakeShell

METRIC = Metric(name="accuracy", min_effect=0.005)
USAGE = Usage(input_tokens=1200, output_tokens=34, cost_usd=0.0125)


def proposal(kind: ExperimentKind = "hparam") -> Proposal:
    return Proposal(
        id="P-0001",
        title="A larger step",
        kind=kind,
        hypothesis="A larger learning rate\x1b[2J converges sooner",
        methodology="Six paired seeds",
        metric=METRIC,
        guardrails=(Guardrail(name="latency_ms", margin="5%"),),
        files=(ControlledChange(path="conf/optim.yaml", kind="hparam", reason="conf/**"),),
        parameters=(ParameterChange(name="lr", key="conf/optim.yaml:lr", before=0.1, after=0.5),),
        base_commit="b" * 40,
        base_tree="c" * 40,
        commit="d" * 40,
        tree="e" * 40,
        patch="--- a/conf/optim.yaml\n+++ b/conf/optim.yaml\n-lr: 0.1\n+lr: 0.5\n",
        command="python train.py --seed {seed}",
        seeds=(0, 1, 2, 3, 4, 5),
        budget=Budget(minutes=30, runs=12),
        data=(DataVersion(name="data/train.csv", digest="f" * 64, size=12345),),
        author="model:fake",
        session_id="s",
        created=0.0,
        hash="0" * 64,
    )


COMPARISON = Comparison(
    metric=METRIC,
    test="paired t",
    n=6,
    baseline_mean=0.9,
    candidate_mean=0.92,
    baseline_std=0.004,
    candidate_std=0.003,
    diff=0.02,
    ci_low=0.014,
    ci_high=0.026,
    ci_method="t",
    p_value=0.0003,
    effect_size=2.5,
    effect_name="d_z",
    ties=1,
    verdict="better",
    summary="2.0 points more",
)
EXPERIMENT = Experiment(
    proposal=proposal(),
    state="interpreted",
    comparison=COMPARISON,
    conclusion=Conclusion(interpretation="It converged sooner.", recommendation="accept", by="model:fake", at=0.0),
)


def permission(rule: str | None = "Edit(src/**)") -> PermissionRequest:
    return PermissionRequest(
        id="r1",
        call=ToolCall(id="c1", name="Edit", arguments={"file_path": "/p/a.py"}),
        effects=(Effect(kind="write", target="/p/a.py"),),
        reason="no rule allows it",
        diff="-old\n+new \x1b]0;evil\x07\u202e\n",
        rule=rule,
    )


def experiment(kind: ExperimentKind = "hparam") -> ExperimentRequest:
    return ExperimentRequest(id="r2", call=ToolCall(id="c2", name="ProposeExperiment"), proposal=proposal(kind))


def keep() -> KeepRequest:
    return KeepRequest(id="r3", call=ToolCall(id="c3", name="ConcludeExperiment"), experiment=EXPERIMENT)


def question(*, multi: bool = False) -> QuestionRequest:
    options = (Option(label="Accuracy", description="share of right answers"), Option(label="F1"), Option(label="AUC"))
    return QuestionRequest(
        id="r4",
        call=ToolCall(id="c4", name="AskUserQuestion"),
        questions=(Question(question="Which metric?", options=options, multi_select=multi),),
    )


@dataclass
class FakeLog:
    looking = Looking(Path("/nowhere"), Path("/nowhere/.mltui"))

    def rows(self) -> list[Row]:
        plan = EXPERIMENT.proposal
        return [Row(plan.id, EXPERIMENT.state, plan.kind, plan.title, 0.0, 0.0)]

    def newest(self, limit: int | None = None, states: object = ()) -> list[Experiment]:
        return [EXPERIMENT]

    def get(self, proposal_id: str) -> Experiment:
        if proposal_id != EXPERIMENT.id:
            raise ProposalError(f"there is no experiment {proposal_id}", hint="Did you mean P-0001?")
        return EXPERIMENT


class FakeBackground:
    """Nothing runs in the background."""

    def listed(self) -> Sequence[tuple[str, str, str]]:
        return ()

    def tail(self, job_id: str) -> str:
        raise AssertionError(job_id)

    async def kill(self, job_id: str) -> tuple[str, tuple[str, ...]]:
        raise AssertionError(job_id)


class FakeSession(FakeManners):
    """Implements what `ui.plain` needs of a session."""

    def __init__(self, approver: Approver) -> None:
        super().__init__()
        self.approver = approver
        self.id = "session-1"
        self.transcript = Transcript()
        self.experiments = FakeLog()
        self.history = FakeHistory()
        self.commits = FakeCommits()
        self.commands = FakeCommands()
        self.background = FakeBackground()
        self.shell = FakeShell()
        self.files = FakeFiles("notes.txt", "src/a b.py")
        self.ui = Ui()
        self.model_info = ModelInfo(id="fake:one", context_window=8000, note="It only plays a part.")
        self.persona_name = "ml-engineer"
        self.sandbox = "bubblewrap"
        self.workspace = Workspace(cwd=Path("/p"), roots=(Path("/p"),))
        self.draft_paths: tuple[str, ...] = ("train.py",)
        self.notices: tuple[str, ...] = ("A notice.",)
        self.prompts: list[str] = []
        self.closed = False
        self._interrupted = asyncio.Event()

    async def prompt(self, text: str, show: Emit, /, *, images: tuple[Image, ...] = ()) -> TurnCompleted:
        self.prompts.append(text)
        self._interrupted.clear()
        outcome: TurnOutcome = "completed"
        match text:
            case "slow":
                await show(TextDelta(text="working"))
                await self._interrupted.wait()
                outcome = "interrupted"
            case "stuck":
                await show(TextDelta(text="working"))
                await asyncio.sleep(3600)
            case "fail":
                raise ModelUnavailableError("The provider is overloaded", hint="Try again later")
            case "late":
                await show(TextDelta(text="working"))
                while not Path(os.environ["FAKE_GO"]).exists():
                    await asyncio.sleep(0.05)
                await self._say(show, await self._ask(permission(), show))
            case "permission" | "experiment" | "keep" | "question":
                request = {"permission": permission, "experiment": experiment, "keep": keep, "question": question}[text]()
                await self._say(show, await self._ask(request, show))
            case _:
                await show(ToolStarted(call_id="c0", name="Read", arguments={"file_path": "/p/train.py"}))
                await show(ToolCompleted(call_id="c0", name="Read", content="1 import os\n2 x\n3 y"))
                await self._say(show, f"you said {text}")
        end = TurnCompleted(turn=1, outcome=outcome, usage=USAGE, steps=1, seconds=1.5)
        await show(end)
        return end

    async def _ask(self, request: ApprovalRequest, show: Emit) -> str:
        await show(ApprovalRequested(request=request))
        decision = await self.approver.decide(request)
        if request.kind == "experiment" and decision.approved:
            await show(ExperimentFinished(proposal_id="P-0001", state="compared", comparison=COMPARISON))
        return f"decided {decision.answer} reason={decision.reason!r} remember={decision.remember} answers={decision.answers}"

    async def _say(self, show: Emit, text: str) -> None:
        for piece in (text[:3], text[3:], "\x1b[31m!"):
            await show(TextDelta(text=piece))
        await show(MessageCompleted(message=AssistantMessage(parts=(Text(text=text),)), usage=USAGE, stop_reason="end_turn", model="fake"))

    def interrupt(self) -> None:
        self._interrupted.set()

    async def set_model(self, name: str, show: Emit) -> None:
        if name == "none":
            raise ConfigError("There is no model 'none'")
        await show(ModelChanged(model=name))

    def model_options(self) -> Sequence[ModelOption]:
        return (ModelOption("sonnet", "anthropic/claude-sonnet-4-5", 200_000, 3.0, 15.0), ModelOption("two", "fake:two"))

    async def set_effort(self, effort: Effort, show: Emit) -> None:
        await show(ModelChanged(model="fake:one", reason=f"effort {effort}"))

    async def set_architect(self, on: bool, show: Emit) -> None:
        self.architect = on
        await show(ModelChanged(model="fake:architect" if on else "fake:one", reason="architect" if on else "architect off"))

    async def warm_up(self) -> None:
        raise ModelUnavailableError("not now")

    async def close(self) -> None:
        self.closed = True


async def main() -> int:
    from mltui.ui.plain.run import run_plain

    sessions: list[FakeSession] = []

    async def open_session(approver: Approver, resume: str | None = None) -> FakeSession:
        sessions.append(FakeSession(approver))
        sessions[-1].id = resume or sessions[-1].id
        return sessions[-1]

    code = await run_plain(open_session, sys.argv[1] if len(sys.argv) > 1 else "")
    print(f"closed={sessions[0].closed} heard={sessions[0].prompts} ran={sessions[0].shell.commands}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
