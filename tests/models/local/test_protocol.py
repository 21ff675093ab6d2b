"""Messages survive the pipe; anything else is refused, never half understood."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.models.local import protocol

MESSAGES: list[protocol.Message] = [
    protocol.Load("/m.gguf", 0, -1, 2, plain=False),
    protocol.Generate(3, "be brief", [{"role": "user", "text": "hé"}], [], "Read", 64, 0.5, 7),
    protocol.Cancel(3),
    protocol.Stat(),
    protocol.Quit(),
    protocol.Hello(protocol.PROTOCOL, 12, "0.3"),
    protocol.Loaded(8192, 0.5, 31, "generic", ""),
    protocol.Piece(3, "text", "\ud83d half a pair, and 語"),
    protocol.Done(3, [{"type": "text", "text": "x"}], "end_turn", 10, 9, 1, 0.1, 0.2, ""),
    protocol.Failed(None, "load", "no", "do this"),
    protocol.Stats(12, 2, ["line"]),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_survives_the_pipe(message: protocol.Message) -> None:
    frame = protocol.encode(message)
    read = protocol.read(io.BytesIO(frame))
    if isinstance(message, protocol.Piece):
        assert read == protocol.Piece(3, "text", "? half a pair, and 語")
    else:
        assert read == message


def test_the_end_of_the_pipe_is_no_error() -> None:
    assert protocol.read(io.BytesIO(b"")) is None


@pytest.mark.parametrize(
    "data",
    [b"\0\0", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\5abc", b"\0\0\0\2{}", b"\0\0\0\4null", b"\0\0\0\3abc"],
)
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.read(io.BytesIO(data))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "3"},
        {"id": True},
        {"id": None},
        {"extra": 1},
        {"messages": [1]},
        {"temperature": "hot"},
        {"force_tool": 3},
        {"type": "load"},
        {"type": 1},
    ],
    ids=str,
)
def test_a_wrong_field_is_refused(change: dict[str, object]) -> None:
    body = json.loads(protocol.encode(MESSAGES[1])[4:])
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(json.dumps(body | change).encode())


def test_a_missing_field_is_refused() -> None:
    body = json.loads(protocol.encode(MESSAGES[1])[4:])
    for name in body:
        with pytest.raises(protocol.ProtocolError):
            protocol.decode(json.dumps({key: value for key, value in body.items() if key not in (name, "force_tool")}).encode())


@given(st.binary(max_size=200))
def test_whatever_the_bytes_only_a_protocol_error(data: bytes) -> None:
    for body in (data, b'{"type":"piece",' + data):
        with contextlib.suppress(protocol.ProtocolError):
            protocol.decode(body)


def test_a_message_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_FRAME", 100)
    with pytest.raises(protocol.ProtocolError, match="larger"):
        protocol.encode(protocol.Piece(1, "text", "x" * 200))
