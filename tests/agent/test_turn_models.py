"""Which model answers a turn, in a real session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mltui.agent.session import Session
from mltui.agent.store import load
from mltui.agent.transcript import Transcript
from mltui.config.schema import Config
from mltui.core.approval import ApprovalRequest, Decision, TrustRequest
from mltui.core.errors import MltuiError, ModelRequestError, UsageError
from mltui.core.events import Event, MessageCompleted, ModelChanged, ModelRetrying, TurnStarted
from mltui.core.messages import Image, UserMessage
from mltui.models.roles import RoleModels
from mltui.runtime import Options, open_session

PICTURE = Image(media_type="image/png", data="aGVsbG8=")
DESIGN = "Which architecture fits best?"


class Nobody:
    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        raise AssertionError(f"asked about {request}")


class Bench:
    """A session on scripted models: `own`, `architect`, and others by name."""

    def __init__(self, tmp_path: Path, settings: str = "", **scripts: Any) -> None:
        self.root = tmp_path / "project"
        (self.root / ".mltui").mkdir(parents=True)
        self.ids = {name: f"scripted:{tmp_path / name}.json" for name in scripts}
        for name, script in scripts.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(script))
        lines = ["[model]", f'default = "{self.ids["own"]}"', settings.format(**self.ids)]
        if "architect" in scripts:
            lines.insert(1, f'architect = "{self.ids["architect"]}"')
        (self.root / ".mltui" / "config.toml").write_text("\n".join(lines))
        self.environ = {"MLTUI_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
        self.events: list[Event] = []

    async def open(self, **options: Any) -> Session:
        self.session = await open_session(Options(cwd=self.root, trusted=True, **options), Nobody(), self.environ)
        return self.session

    async def show(self, event: Event) -> None:
        self.events.append(event)

    async def ask(self, text: str, **options: Any) -> str:
        """Returns: the name of the model that answered last."""
        await self.session.prompt(text, self.show, **options)
        last = [event for event in self.events if isinstance(event, MessageCompleted)][-1]
        return next(name for name, id in self.ids.items() if id == last.model)

    @property
    def changes(self) -> list[ModelChanged]:
        return [event for event in self.events if isinstance(event, ModelChanged)]


async def test_a_question_of_architecture_goes_to_the_architect_for_one_turn(tmp_path: Path) -> None:
    bench = Bench(tmp_path, own=["a", "b"], architect=["deep"])
    session = await bench.open()
    assert [await bench.ask(text) for text in ("Hello.", DESIGN, "Thanks.")] == ["own", "architect", "own"]
    (change,) = bench.changes
    assert (change.model, change.temporary) == (bench.ids["architect"], True)
    assert "architecture" in change.reason
    started = [place for place, event in enumerate(bench.events) if isinstance(event, TurnStarted)]
    assert bench.events.index(change) == started[1] + 1
    assert session.model_info.id == session.transcript.model == bench.ids["own"]
    await session.close()


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "auto_architect = false\narchitect_in_plan = false", own=["a", "b"], architect=["deep"])
    session = await bench.open(mode="plan")
    assert await bench.ask(DESIGN) == "own"
    assert not bench.changes
    await session.close()


async def test_plan_mode_is_the_architects(tmp_path: Path) -> None:
    bench = Bench(tmp_path, own=["a"], architect=["deep"])
    session = await bench.open(mode="plan")
    assert await bench.ask("Look around.") == "architect"
    assert bench.changes[0].reason == "plan mode"
    await session.set_mode("default", bench.show)
    assert await bench.ask("Go.") == "own"
    await session.close()


async def test_a_model_that_was_picked_by_name_answers_everything_itself(tmp_path: Path) -> None:
    bench = Bench(tmp_path, own=["a"], architect=["deep", "deeper"], other=["o"])
    session = await bench.open(model=bench.ids["other"], mode="plan")
    assert await bench.ask(DESIGN) == "other"
    session.ask_architect("Really?")
    assert await bench.ask("Really?") == "architect"
    await session.close()
    again = await bench.open(resume=session.id)
    assert await bench.ask(DESIGN) == "other"
    await again.close()


async def test_the_architect_by_command(tmp_path: Path) -> None:
    bench = Bench(tmp_path, own=["a", "b"], architect=["1", "2", "3"])
    session = await bench.open()
    await session.set_architect(True, bench.show)
    assert session.architect
    assert [await bench.ask("One."), await bench.ask("Two.")] == ["architect", "architect"]
    await session.set_architect(False, bench.show)
    assert await bench.ask("Three.") == "own"
    path = session.path
    await session.close()
    assert path
    assert Transcript.fold(load(path).events).model == bench.ids["own"]


async def test_without_an_architect_only_a_command_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, own=["a"])
    session = await bench.open()
    assert await bench.ask(DESIGN) == "own"
    for ask in (lambda: session.ask_architect("x"), lambda: session.models.set_architect(True)):
        with pytest.raises(ModelRequestError, match="set architect"):
            if (waiting := ask()) is not None:
                await waiting
    await session.close()


async def test_another_model_finishes_the_turn_and_the_first_one_has_the_next(tmp_path: Path) -> None:
    away = {"text": "half of", "error": "unavailable", "message": "overloaded"}
    call = {"calls": [{"name": "TodoWrite", "arguments": {"todos": []}}]}
    bench = Bench(tmp_path, 'fallback = ["{other}"]', own=[call, away, "mine"], other=["theirs"])
    session = await bench.open()
    assert await bench.ask("Go.") == "other"
    (change,) = bench.changes
    assert change.temporary
    assert "overloaded" in change.reason
    kinds = [type(event) for event in bench.events]
    assert kinds.index(ModelRetrying) < kinds.index(ModelChanged)
    assert await bench.ask("Go on.") == "own"
    await session.close()


async def test_the_model_may_be_changed_while_a_turn_runs(tmp_path: Path) -> None:
    call = {"calls": [{"name": "TodoWrite", "arguments": {"todos": []}}]}
    bench = Bench(tmp_path, own=[call, "end"], other=["next"])
    session = await bench.open()

    async def show(event: Event) -> None:
        bench.events.append(event)
        if isinstance(event, MessageCompleted) and event.message.tool_calls:
            await session.set_model(bench.ids["other"], bench.show)

    await session.prompt("Go.", show)
    answered = [event.model for event in bench.events if isinstance(event, MessageCompleted)]
    assert answered == [bench.ids["own"]] * 2
    assert await bench.ask("Next.") == "other"
    await session.close()


async def test_pictures_need_a_model_that_sees(tmp_path: Path) -> None:
    bench = Bench(tmp_path, own=["a"])
    session = await bench.open()
    with pytest.raises(UsageError, match="cannot see images"):
        await session.prompt("What is it?", bench.show, images=(PICTURE,))
    assert not bench.events
    assert not session.busy
    assert await bench.ask("Without.") == "own"
    with pytest.raises(UsageError, match="takes no effort"):
        await session.set_effort("high", bench.show)
    await session.close()


@pytest.mark.parametrize("options", [{}, {"fork": True}, {"model": "sonnet"}])
async def test_the_effort_comes_back_with_the_session(tmp_path: Path, options: dict[str, Any]) -> None:
    bench = Bench(tmp_path, own=["a"])
    bench.environ["ANTHROPIC_API_KEY"] = "k"
    session = await bench.open(model="opus")
    await session.set_effort("low", bench.show)
    await session.set_model("sonnet", bench.show)
    await session.set_effort("high", bench.show)
    await session.set_model("opus", bench.show)
    await session.close()
    again = await bench.open(resume=session.id, **options)
    assert again.model_info.effort == "high"
    assert options.get("model", "opus") in again.model_info.id
    await again.close()


async def test_a_model_that_a_session_is_resumed_with_is_its_own_from_then_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, own=["a"], other=["b", "c"])
    session = await bench.open()
    assert await bench.ask("One.") == "own"
    await session.close()
    again = await bench.open(resume=session.id, model=bench.ids["other"])
    assert await bench.ask("Two.") == "other"
    await again.close()
    last = await bench.open(resume=session.id)
    assert await bench.ask("Three.") == "other"
    path = last.path
    await last.close()
    assert path is not None
    assert [event.model for event in load(path).events if isinstance(event, ModelChanged)] == [bench.ids["other"]]


def test_an_effort_that_is_none_changes_nothing() -> None:
    transcript = Transcript.fold([ModelChanged(model="m", effort="low"), ModelChanged(model="m", effort="high", temporary=True)])
    assert transcript.effort == "low"
    roles = RoleModels(Config(), {})
    roles.resume_effort("immense")
    assert roles.effort is None


def test_pictures_come_back_from_the_file() -> None:
    transcript = Transcript.fold([TurnStarted(turn=1, text="Look.", images=(PICTURE,))])
    assert transcript.messages == [UserMessage(text="Look.", images=(PICTURE,))]


async def test_two_prompts_at_once_are_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, own=["a"])
    session = await bench.open()

    async def show(event: Event) -> None:
        if isinstance(event, TurnStarted):
            with pytest.raises(MltuiError, match="A turn is running"):
                await session.prompt("Second.", bench.show)
            bench.events.append(event)

    await session.prompt("First.", show)
    assert len(bench.events) == 1
    await session.close()


async def test_who_answers_is_who_proposes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, own=["a"], architect=["deep"])
    session = await bench.open()
    gate: Any = session.parts.gate
    await bench.ask(DESIGN)
    assert gate.author == f"model:{bench.ids['architect']}"
    await bench.ask("Thanks.")
    assert gate.author == f"model:{bench.ids['own']}"
    await session.close()
