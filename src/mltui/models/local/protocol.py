"""What mltui and its llama.cpp worker say to each other, over the worker's stdin and stdout.

A frame is four bytes of length, big-endian, and that many bytes of JSON: one object with a `type`.
The worker greets first; a load answers `loaded`; a generation answers any number of `piece` and then
exactly one `done` or `failed`. There is one generation at a time. Either side ends the talk when the
other sends anything else. The worker ends when its stdin does, whatever it is doing.

Plain dataclasses: the worker starts half a second sooner without pydantic.
"""

from __future__ import annotations

import json
import struct
import types
import typing
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import BinaryIO, Literal, cast

from mltui.models.local.jsontypes import JsonObject, JsonValue

PROTOCOL = 1
"""A worker of another version is refused."""

MAX_FRAME = 64 << 20
HEADER = struct.Struct(">I")

StopKind = Literal["end_turn", "tool_use", "max_tokens", "interrupted"]
FailureKind = Literal["load", "context", "request", "cancelled", "internal"]


GAVE_BACK = 75
"""Exit code of a worker that ended so that a run may have its GPU: it was sent SIGUSR1, and was idle."""


class ProtocolError(Exception):
    """The other side said something that is not in the protocol."""


@dataclass(frozen=True, slots=True)
class Load:
    """Attributes:
    context, gpu_layers, threads: as in the configuration of the local model.
    plain: without the processor's matrix units, and weights as they lie in the file.
    """

    path: str
    context: int
    gpu_layers: int
    threads: int
    plain: bool


@dataclass(frozen=True, slots=True)
class Generate:
    """One request.

    Attributes:
        messages: `core.messages` as JSON, without the system text.
        tools: `core.messages.ToolSpec` as JSON.
        max_tokens: of the answer; with 0 the prompt's tokens are only counted.
        temperature: 0 takes the likeliest token each time.
    """

    id: int
    system: str
    messages: list[JsonObject]
    tools: list[JsonObject]
    force_tool: str | None
    max_tokens: int
    temperature: float
    seed: int


@dataclass(frozen=True, slots=True)
class Cancel:
    id: int


@dataclass(frozen=True, slots=True)
class Stat:
    pass


@dataclass(frozen=True, slots=True)
class Quit:
    pass


@dataclass(frozen=True, slots=True)
class Hello:
    """Attributes: llama: the version of llama-cpp-python."""

    protocol: int
    pid: int
    llama: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """Attributes: gpu_layers: how many are on a GPU; note: what the person should know, such as a chat template that had to be replaced."""

    context: int
    seconds: float
    gpu_layers: int
    tools: str
    note: str


@dataclass(frozen=True, slots=True)
class Piece:
    id: int
    kind: Literal["text", "reasoning"]
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a generation.

    Attributes:
        parts: the assistant message's parts, as JSON of `core.messages`.
        prompt_tokens: tokens of the prompt, of which `reused_tokens` were still in the cache.
        prefill_seconds: until the first token was sampled.
    """

    id: int
    parts: list[JsonObject]
    stop: StopKind
    prompt_tokens: int
    reused_tokens: int
    output_tokens: int
    prefill_seconds: float
    decode_seconds: float
    note: str


@dataclass(frozen=True, slots=True)
class Failed:
    id: int | None
    kind: FailureKind
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Stats:
    """Attributes: cached_tokens: tokens of the conversation that need no work when the next request starts with them."""

    cached_tokens: int
    threads: int
    log: list[str]


Request = Load | Generate | Cancel | Stat | Quit
Answer = Hello | Loaded | Piece | Done | Failed | Stats
Message = Request | Answer

_TYPES: dict[str, type[Message]] = {
    kind.__name__.lower(): kind for kind in (Load, Generate, Cancel, Stat, Quit, Hello, Loaded, Piece, Done, Failed, Stats)
}

_OPTIONAL = {"hint"}


def encode(message: Message) -> bytes:
    """The frame of a message. Raises: ProtocolError: it is larger than `MAX_FRAME`."""
    body = json.dumps({"type": type(message).__name__.lower(), **asdict(message)}, ensure_ascii=False, allow_nan=False)
    data = body.encode("utf-8", errors="replace")
    if len(data) > MAX_FRAME:
        raise ProtocolError(f"a message of {len(data):,} bytes is larger than {MAX_FRAME:,}")
    return HEADER.pack(len(data)) + data


def frame_length(header: bytes) -> int:
    """Raises: ProtocolError: the frame would be empty or too large."""
    (length,) = HEADER.unpack(header)
    if not 0 < length <= MAX_FRAME:
        raise ProtocolError(f"a frame of {length:,} bytes")
    return length


def decode(body: bytes) -> Message:
    """Raises: ProtocolError: it is not a message of this protocol."""
    try:
        data: JsonValue = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a frame that is not JSON") from error
    kind = _TYPES.get(str(data.pop("type", None))) if isinstance(data, dict) else None
    if kind is None or not isinstance(data, dict):
        raise ProtocolError("a message of unknown type")
    expected = _fields(kind)
    missing = expected.keys() - data.keys() - _OPTIONAL
    if missing or data.keys() - expected.keys() or not all(_fits(data[name], expected[name]) for name in data):
        raise ProtocolError(f"a malformed {kind.__name__.lower()} message")
    return kind(**cast(dict[str, typing.Any], data))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """So many bytes, fewer only at the end: an unbuffered pipe gives what it holds, which is less than a long prompt."""
    parts: list[bytes] = []
    while count and (part := stream.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read(stream: BinaryIO) -> Message | None:
    """The next message of a blocking stream, or None at its end. Raises: ProtocolError."""
    header = _exactly(stream, HEADER.size)
    if not header:
        return None
    if len(header) < HEADER.size:
        raise ProtocolError("a frame that was cut off")
    length = frame_length(header)
    body = _exactly(stream, length)
    if len(body) < length:
        raise ProtocolError("a frame that was cut off")
    return decode(body)


@cache
def _fields(kind: type[Message]) -> dict[str, object]:
    hints = typing.get_type_hints(kind, vars(typing) | {"JsonObject": dict, "FailureKind": FailureKind, "StopKind": StopKind})
    return {field.name: hints[field.name] for field in fields(kind)}


def _fits(value: object, allowed: object) -> bool:
    origin = typing.get_origin(allowed)
    if origin is Literal:
        return value in typing.get_args(allowed)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in typing.get_args(allowed))
    if origin is list:
        (item,) = typing.get_args(allowed)
        return isinstance(value, list) and all(_fits(one, item) for one in cast(list[object], value))
    if allowed is type(None):
        return value is None
    if allowed is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if allowed is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin if isinstance(origin, type) else cast(type, allowed))
