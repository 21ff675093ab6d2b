"""Models that play a script: for tests, demonstrations and replayed bugs. They need no network and cost nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Iterator
from pathlib import Path
from typing import Literal, cast

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from mltui.core.data import Data, JsonObject
from mltui.core.errors import (
    AuthError,
    ConfigError,
    ContextOverflowError,
    MltuiError,
    ModelRequestError,
    ModelUnavailableError,
)
from mltui.core.messages import AssistantMessage, AssistantPart, Message, StopReason, Text, Thinking, ToolCall, Usage
from mltui.models.base import Answer, ModelInfo, ModelRequest, ReasoningPiece, Retry, StreamPart, TextPiece

CLOSING_TEXT = "That is all I have to say."
"""What a scripted model answers when its script is over."""

PIECE = 12
"""Characters of a streamed piece."""

ErrorKind = Literal["auth", "context", "request", "unavailable"]

_ERRORS: dict[ErrorKind, type[MltuiError]] = {
    "auth": AuthError,
    "context": ContextOverflowError,
    "request": ModelRequestError,
    "unavailable": ModelUnavailableError,
}


class ScriptedCall(Data):
    """A tool call of a script.

    Attributes:
        id: made up from the call's place in the conversation when absent.
        raw: the arguments as text instead, which need not be JSON.
    """

    name: str
    arguments: JsonObject = Field(default_factory=dict)
    id: str | None = None
    raw: str | None = None


class Step(Data):
    """One answer of a script.

    Attributes:
        expect: play this step only when the last message contains this text.
        error: raise instead of answering, after what was streamed of `thinking` and `text`.
        retries: how many tries fail before this answer comes; each streams its text and is then void.
        delay: seconds before the answer starts.
        pause: seconds between pieces.
        usage: counted from the characters (four to a token) when absent.
    """

    text: str = ""
    thinking: str = ""
    signature: str | None = None
    calls: tuple[ScriptedCall, ...] = ()
    expect: str | None = None
    error: ErrorKind | None = None
    message: str = "the script says so"
    retries: int = Field(default=0, ge=0)
    delay: float = Field(default=0.0, ge=0)
    pause: float = Field(default=0.0, ge=0)
    usage: Usage | None = None
    stop: StopReason | None = None


Script = tuple[Step, ...]
_script_adapter: TypeAdapter[Script] = TypeAdapter(Script)


def parse_script(script: Iterable[object]) -> Script:
    """The steps of a script; a bare string is an answer of that text.

    Raises:
        ConfigError: a step is not what a step may be.
    """
    plain = [{"text": step} if isinstance(step, str) else step for step in script]
    try:
        return _script_adapter.validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"bad script: step {place}: {first['msg']}", hint=f"a step has the keys {', '.join(Step.model_fields)}") from None


def load_script(path: Path) -> Script:
    """Reads a script from a YAML or JSON file: a list of steps.

    Raises:
        ConfigError: the file cannot be read or is no script.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else _read_yaml(text)
    except OSError as error:
        raise ConfigError(f"cannot read the script {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"bad script {path}: {error}", hint="write a YAML or JSON list of steps") from None
    if not isinstance(content, list):
        raise ConfigError(f"bad script {path}: not a list", hint="write a YAML or JSON list of steps")
    try:
        return parse_script(cast("list[object]", content))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.args[0]}", hint=error.hint) from None


def _read_yaml(text: str) -> JsonValue:
    from ruamel.yaml import YAML  # loaded only where a script is YAML
    from ruamel.yaml.error import YAMLError

    try:
        content: JsonValue = YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType] (untyped)
    except YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    return content


class ScriptedModel:
    """Answers each request with the first step that was not played yet and whose `expect` fits.

    After the script it answers `CLOSING_TEXT`. A request with `force_tool` is answered only by a step that calls that tool.
    """

    def __init__(self, script: Iterable[object], *, id: str = "scripted:inline") -> None:
        self._steps = list(parse_script(script))
        self._answers = 0
        self._info = ModelInfo(id=id, context_window=200_000, max_output_tokens=32_000, note="plays a script; it does not think")
        self.requests: list[ModelRequest] = []
        """Every request so far."""

    @classmethod
    def from_file(cls, path: Path) -> ScriptedModel:
        return cls(load_script(path), id=f"scripted:{path}")

    @property
    def info(self) -> ModelInfo:
        return self._info

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamPart]:
        self.requests.append(request)
        step = self._next_step(request)
        self._answers += 1
        for attempt in range(step.retries):
            async for piece in _pieces(step):
                yield piece
            yield Retry(attempt=attempt + 1, delay=0.0, error=step.message)
        await asyncio.sleep(step.delay)
        async for piece in _pieces(step):
            yield piece
        if step.error:
            raise _ERRORS[step.error](step.message)
        yield self._answer(step, request)

    async def close(self) -> None:
        """Nothing to release."""

    def _next_step(self, request: ModelRequest) -> Step:
        last = _readable(request.messages[-1]) if request.messages else ""
        for place, step in enumerate(self._steps):
            fits = step.expect is None or step.expect in last
            calls = request.force_tool is None or any(call.name == request.force_tool for call in step.calls)
            if fits and (calls or step.error):
                return self._steps.pop(place)
        if request.force_tool:
            raise ModelRequestError(f"the script has no further call of {request.force_tool}", hint="add a step that calls it")
        return Step(text=CLOSING_TEXT)

    def _answer(self, step: Step, request: ModelRequest) -> Answer:
        calls = [tool_call(call, call.id or f"call_{self._answers}_{place}") for place, call in enumerate(step.calls)]
        parts: list[AssistantPart] = []
        if step.thinking:
            parts.append(Thinking(text=step.thinking, signature=step.signature))
        if step.text:
            parts.append(Text(text=step.text))
        parts.extend(calls)
        message = AssistantMessage(parts=tuple(parts))
        stop: StopReason = step.stop or ("tool_use" if calls else "end_turn")
        return Answer(message=message, usage=step.usage or _counted(request, message), stop_reason=stop)


def tool_call(call: ScriptedCall, id: str) -> ToolCall:
    """The call as an assembled answer has it."""
    if call.raw is None:
        return ToolCall(id=id, name=call.name, arguments=call.arguments)
    try:
        return ToolCall(id=id, name=call.name, arguments=json.loads(call.raw))
    except (ValueError, RecursionError):  # no JSON, no object, or too deep
        return ToolCall(id=id, name=call.name, broken=call.raw)


def cut(text: str, size: int = PIECE) -> Iterator[str]:
    """The text in pieces of `size` characters, the last one shorter."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


async def _pieces(step: Step) -> AsyncGenerator[StreamPart]:
    for kind, text in ((ReasoningPiece, step.thinking), (TextPiece, step.text)):
        for piece in cut(text):
            # Even without a pause the consumer's other tasks get a turn, as with a real stream.
            await asyncio.sleep(step.pause)
            yield kind(piece)


def _readable(message: Message) -> str:
    if message.role == "tool":
        return message.content
    return message.text


def _counted(request: ModelRequest, message: AssistantMessage) -> Usage:
    """Four characters are counted as a token, of which there is always at least one."""
    prompt = len(request.system) + sum(len(sent.model_dump_json()) for sent in request.messages)
    try:
        answer = len(message.model_dump_json())
    except ValueError:  # a script may hold text that is not Unicode
        answer = len(repr(message))
    return Usage(input_tokens=max(1, prompt // 4), output_tokens=max(1, answer // 4), cost_usd=0.0)
