"""What a model was sent before, in its provider's form: of a request that only appends, only the end is converted anew.

LiteLLM turns the whole conversation into the provider's form for each request, which at 300 steps takes 12 ms of CPU and
more with every step. Here it is handed the end of the conversation behind a message that says `MARKER`, and where it
gives the body to its HTTP client, what it made of the rest before takes the marker's place. So the form is LiteLLM's own
for every message, each is converted once, and the bytes that a provider's prompt cache has seen stay the same.
"""

from __future__ import annotations

import json
import operator
import secrets
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, cast

from mltui.core.messages import AssistantMessage, Message
from mltui.models.base import ModelRequest
from mltui.models.conversation import CACHE_MARK, Dialect, Wire, borders, says_something, wire_messages

MARKER = f"(what was sent before: {secrets.token_hex(16)})"
"""Nothing that a model or a file says can be the same text."""

_PLACE = f"place of {MARKER}"
_MARK = f', "cache_control": {json.dumps(CACHE_MARK)}'
_END = "}]}"
"""How the JSON of a provider's message ends whose content is blocks."""


class NotSplicedError(Exception):
    """LiteLLM did not hand over what was expected of it; the whole conversation has to be sent."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A stretch of the conversation that ends where an answer begins.

    Attributes:
        end: how many messages it and all before it hold.
        plain: the provider's messages as JSON, without the brackets and without cache marks.
        markable: whether a mark may stand at its end.
    """

    end: int
    plain: str
    markable: bool

    @property
    def marked(self) -> str:
        return self.plain.removesuffix(_END) + _MARK + _END if self.markable else self.plain


@dataclass(frozen=True, slots=True)
class _Sent:
    request: ModelRequest
    chunks: tuple[_Chunk, ...]


class SentBefore:
    """The last conversation that a model was sent. One object for each model; a model that is switched to starts anew."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._sent: _Sent | None = None
        self._whole = False

    def next(self, request: ModelRequest) -> Appending:
        """What to hand to LiteLLM for a request."""
        known = self._known(request)
        # LiteLLM strips the end of a last answer, and makes a tool up for calls without any: both look at the whole conversation.
        if self._whole or not request.tools or not request.messages or isinstance(request.messages[-1], AssistantMessage):
            return Appending(self, self._dialect, request, (), remember=False)
        return Appending(self, self._dialect, request, known)

    def remember(self, request: ModelRequest, chunks: tuple[_Chunk, ...]) -> None:
        self._sent = _Sent(request, chunks)

    def give_up(self) -> None:
        """From now on the whole conversation is handed over each time."""
        self._whole, self._sent = True, None

    def _known(self, request: ModelRequest) -> tuple[_Chunk, ...]:
        """The chunks that the request begins with."""
        sent = self._sent
        if sent is None or sent.request.system != request.system or sent.request.tools != request.tools:
            return ()
        same = sum(1 for _ in takewhile(bool, map(operator.is_, sent.request.messages, request.messages)))
        known = bisect_right(sent.chunks, same, key=lambda chunk: chunk.end)
        # A chunk is closed by the answer after it: what else came would be joined to it. Those before the last were closed already.
        if known and not self._answered(request.messages, sent.chunks[known - 1].end):
            known -= 1
        return sent.chunks[:known]

    def _answered(self, messages: tuple[Message, ...], place: int) -> bool:
        return place < len(messages) and says_something(messages[place], self._dialect)


class Appending:
    """One request.

    Attributes:
        messages: for LiteLLM, in the words of the chat-completions protocol.
        sent: False as long as the end of the conversation alone may be sent.
    """

    def __init__(
        self, before: SentBefore, dialect: Dialect, request: ModelRequest, known: tuple[_Chunk, ...], *, remember: bool = True
    ) -> None:
        self._before = before
        self._request = request
        self._known = known
        self._remember = remember
        end = request.messages[known[-1].end :] if known else request.messages
        self._joins = len(borders(end)) < 2
        self.messages: list[Wire] = wire_messages(replace(request, messages=end), dialect)
        if known:
            self.messages.insert(1 if request.system else 0, {"role": "user", "content": MARKER})
        self.sent = not known
        self._marks = dialect.cache_marks

    def body(self, data: object) -> object:
        """The body to send in place of LiteLLM's.

        Raises:
            NotSplicedError: the marker is not where it belongs; nothing was sent.
        """
        if not self._remember or not isinstance(data, str):
            return data
        body = cast("dict[str, Any]", json.loads(data))
        items = cast("list[Wire] | None", body.get("messages"))
        if not isinstance(items, list):
            return data
        if not self._known:
            self._keep(items)
            return data
        place = next((place for place, item in enumerate(items[:2]) if _is_marker(item)), None)
        head, last = "".join(f"{chunk.plain}, " for chunk in self._known[:-1]), self._known[-1]
        head += last.marked if self._joins else last.plain
        if place is None or not head.startswith(_joined(items[:place])):
            raise NotSplicedError
        end = items[place + 1 :]
        self._keep(end)
        self.sent = True
        return json.dumps(body | {"messages": _PLACE}).replace(json.dumps(_PLACE), f"[{head}, {_joined(end)}]", 1)

    def _keep(self, items: list[Wire]) -> None:
        if items:
            plain = _joined([_unmarked(item) for item in items]) if self._marks else _joined(items)
            markable = self._marks and _joined(items[-1:]).endswith(_MARK + _END)
            self._before.remember(self._request, (*self._known, _Chunk(len(self._request.messages), plain, markable)))


def _joined(items: list[Wire]) -> str:
    return json.dumps(items)[1:-1]


def _is_marker(item: Wire) -> bool:
    return item in ({"role": "user", "content": MARKER}, {"role": "user", "content": [{"type": "text", "text": MARKER}]})


def _unmarked(item: Wire) -> Wire:
    content = item.get("content")
    if not isinstance(content, list):
        return item
    blocks = cast("list[Wire]", content)
    return item | {"content": [{name: value for name, value in block.items() if name != "cache_control"} for block in blocks]}
