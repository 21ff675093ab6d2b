"""Text, thoughts and tool calls, told apart in a model's output as it streams.

The syntax is that of Hermes and Qwen: `<think>…</think>` at the start, and calls as
`<tool_call>{"name": …, "arguments": {…}}</tool_call>`. A call ends where its JSON is balanced, not at
the tag: `</tool_call>` inside a string is legal. Only the longest end that could still become a
marker is held back, so what comes out does not depend on how the text was cut into pieces.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mltui.models.local.jsontypes import JsonObject, JsonValue

CALL, CALL_END = "<tool_call>", "</tool_call>"
THINK, THINK_END = "<think>", "</think>"
MARKERS = (CALL, CALL_END, THINK, THINK_END)

_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class TextChunk:
    text: str


@dataclass(frozen=True, slots=True)
class ThoughtChunk:
    text: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """`<tool_call>` was written; `rest` is what came after it in the same piece of text."""

    rest: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """Attributes: raw: the call as it was written, between the tags. complete: its JSON was balanced."""

    raw: str
    complete: bool


Chunk = TextChunk | ThoughtChunk | CallStarted | CallEnded


class MarkupParser:
    """Takes the output in pieces of any length.

    Args:
        tools: whether calls are looked for; without tools everything is text.
        thinking: the prompt already ended with `<think>`.
    """

    def __init__(self, *, tools: bool, thinking: bool = False) -> None:
        self._tools = tools
        self._pending = ""
        self._state = "thought" if thinking else "start"
        self._json = _Balance()

    @property
    def in_call(self) -> bool:
        return self._state == "call"

    def feed(self, text: str) -> list[Chunk]:
        self._pending += text
        chunks: list[Chunk] = []
        while self._step(chunks):
            pass
        return chunks

    def finish(self) -> list[Chunk]:
        """What was held back, once no more comes."""
        pending, self._pending = self._pending, ""
        if self._state == "call":
            self._state = "text"
            return [CallEnded(pending.strip(_SPACE), complete=False)]
        if self._state == "thought":
            return [ThoughtChunk(pending)] if pending else []
        if self._state == "after":
            return []
        return [TextChunk(pending)] if pending else []

    def _step(self, chunks: list[Chunk]) -> bool:
        """One transition; False when more text is needed."""
        match self._state:
            case "start":
                return self._start()
            case "thought":
                return self._until(THINK_END, chunks, "text")
            case "call":
                return self._call(chunks)
            case "after":
                return self._after()
            case _:
                return self._until(CALL if self._tools else None, chunks, "call")

    def _start(self) -> bool:
        body = self._pending.lstrip(_SPACE)
        if body.startswith(THINK):
            self._pending = body[len(THINK) :]
            self._state = "thought"
            return True
        if THINK.startswith(body):
            return False
        self._state = "text"
        return True

    def _until(self, marker: str | None, chunks: list[Chunk], following: str) -> bool:
        make = ThoughtChunk if self._state == "thought" else TextChunk
        before, found, rest = self._pending.partition(marker) if marker else (self._pending, "", "")
        if marker and not found:
            held = _held_back(before, marker)
            before, rest = before[: len(before) - held], before[len(before) - held :]
        if before:
            chunks.append(make(before))
        self._pending = rest
        if not found:
            return False
        self._state = following
        if following == "call":
            self._json = _Balance()
            chunks.append(CallStarted(rest))
        return True

    def _call(self, chunks: list[Chunk]) -> bool:
        body = self._pending.lstrip(_SPACE)
        if not body:
            return False
        if body[0] == "{":
            end = self._json.end(body)
            if end is None:
                self._pending = body
                return False
            chunks.append(CallEnded(body[:end], complete=True))
            self._pending, self._state = body[end:], "after"
            return True
        raw, found, rest = body.partition(CALL_END)
        if not found:
            return False
        chunks.append(CallEnded(raw.strip(_SPACE), complete=False))
        self._pending, self._state = rest, "text"
        return True

    def _after(self) -> bool:
        """Past the closing tag, if there is one, and the space around it."""
        body = self._pending.lstrip(_SPACE)
        if body.startswith(CALL_END):
            self._pending = body[len(CALL_END) :]
            return True
        self._pending = body
        if CALL_END.startswith(body):
            return False
        self._state = "text"
        return True


class StopText:
    """Ends the output at a text, for a vocabulary that has no token for it."""

    def __init__(self, marker: str) -> None:
        self._marker = marker
        self._pending = ""
        self.reached = False

    def feed(self, text: str) -> str:
        """The text that may be shown: up to the marker, less an end that could still become it."""
        if not self._marker:
            return text
        before, found, _ = (self._pending + text).partition(self._marker)
        self.reached = bool(found)
        held = 0 if found else _held_back(before, self._marker)
        self._pending = before[len(before) - held :]
        return before[: len(before) - held]

    def finish(self) -> str:
        return "" if self.reached else self._pending


class _Balance:
    """Finds the end of a JSON object; remembers how far it has looked, so that long arguments cost linear time."""

    def __init__(self) -> None:
        self._at = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def end(self, text: str) -> int | None:
        for index in range(self._at, len(text)):
            char = text[index]
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif char == "\\":
                    self._escaped = True
                elif char == '"':
                    self._in_string = False
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return index + 1
        self._at = len(text)
        return None


def _held_back(text: str, marker: str) -> int:
    """The length of the longest end of the text that is a start of the marker."""
    for length in range(min(len(marker) - 1, len(text)), 0, -1):
        if text.endswith(marker[:length]):
            return length
    return 0


def parse_call(raw: str) -> tuple[str, JsonObject, str | None]:
    """The name and the arguments of a call, and the raw text if the arguments are not an object.

    Some models say `parameters` instead of `arguments`, or write the arguments as a JSON string.
    """
    try:
        call: JsonValue = json.loads(raw)
        if isinstance(call, dict) and isinstance(name := call.get("name"), str):
            arguments: JsonValue = call.get("arguments", call.get("parameters", {}))
            if isinstance(arguments, str):
                arguments = json.loads(arguments)
            if isinstance(arguments, dict):
                json.dumps(arguments, allow_nan=False)  # 1e999 and NaN are no JSON, though Python reads them
                return name, arguments, None
    except (ValueError, RecursionError):
        pass
    match = re.search(r'"name"\s*:\s*"([^"\\]{1,200})"', raw)
    return (match[1] if match else ""), {}, raw
