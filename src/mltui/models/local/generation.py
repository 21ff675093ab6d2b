"""One answer of a local model: prompt, sampling, tool calls, and when to stop."""

from __future__ import annotations

import codecs
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mltui.models.local.engine import Aborted, Engine
from mltui.models.local.jsontypes import JsonObject
from mltui.models.local.markup import (
    CALL,
    MARKERS,
    THINK,
    CallEnded,
    CallStarted,
    Chunk,
    MarkupParser,
    StopText,
    TextChunk,
    ThoughtChunk,
    parse_call,
)
from mltui.models.local.prompt import Conversation, Prompter
from mltui.models.local.protocol import Done, FailureKind, Generate, Piece, StopKind
from mltui.models.local.sampler import GrammarError, Sampler
from mltui.models.local.schema import SchemaError, arguments_grammar, call_grammar
from mltui.models.local.specials import Segment, Specials
from mltui.models.local.threads import IdleCores

MIN_ANSWER = 16
"""Tokens that must be free for an answer."""

CLOSING_TOKENS = 96
"""Tokens kept back in a forced call to bring its JSON to an end."""

ADAPT_EVERY = 32
"""Tokens between two looks at how many cores are idle."""


class RequestError(Exception):
    """The request cannot be answered. `kind` as in the protocol."""

    def __init__(self, kind: FailureKind, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.kind: FailureKind = kind
        self.hint = hint


@dataclass
class _Output:
    """What was generated so far."""

    parts: list[JsonObject] = field(default_factory=list[JsonObject])
    tokens: int = 0
    calls: int = 0


class Generator:
    """Answers requests with one loaded model.

    Args:
        send: takes the pieces as they come.
        should_stop: asked between tokens and during computations.
    """

    def __init__(
        self,
        engine: Engine,
        prompter: Prompter,
        specials: Specials,
        threads: IdleCores,
        send: Callable[[Piece], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._engine, self._prompter, self._specials, self._threads = engine, prompter, specials, threads
        self._send, self._should_stop = send, should_stop
        self._markers = {tokens[0] for text in MARKERS if len(tokens := engine.tokenize(text, special=True)) == 1}

    def run(self, request: Generate) -> Done:
        """The whole answer. Raises: RequestError, EngineError."""
        started = time.perf_counter()
        note = self._prompter.note
        segments, thinking = self._segments(request)
        tokens = self._engine.prompt_tokens(segments)
        if request.max_tokens == 0:
            return Done(request.id, [], "max_tokens", len(tokens), 0, 0, 0.0, 0.0, "")
        room = self._engine.context_size - len(tokens)
        if room < MIN_ANSWER:
            raise RequestError(
                "context",
                f"The conversation takes {len(tokens):,} tokens, and the model's context holds {self._engine.context_size:,}",
                "Compact the conversation, or set local.context higher",
            )
        sampler = Sampler(self._engine, request.temperature, request.seed)
        output = _Output()
        reused, prefilled = 0, started
        stop: StopKind = "interrupted"
        try:
            self._engine.set_threads(self._threads.count())
            if request.force_tool is not None:
                self._force(sampler, request)
            reused = self._engine.prefill(tokens)
            prefilled = time.perf_counter()
            limit = min(request.max_tokens, room)
            if request.force_tool is not None:
                stop = self._forced_call(request, sampler, output, limit)
            else:
                stop = self._answer(request, sampler, output, limit, thinking)
        except Aborted:
            stop = "interrupted"
        finally:
            sampler.close()
        ended = time.perf_counter()
        return Done(
            id=request.id,
            parts=output.parts,
            stop=stop,
            prompt_tokens=len(tokens),
            reused_tokens=reused,
            output_tokens=output.tokens,
            prefill_seconds=prefilled - started,
            decode_seconds=ended - prefilled,
            note=self._prompter.note if self._prompter.note != note else "",
        )

    def _segments(self, request: Generate) -> tuple[list[Segment], bool]:
        """The prompt, and whether the answer begins inside a thought."""
        protect = self._specials.protect_object
        conversation = Conversation(
            system=str(self._specials.protect(request.system)),
            messages=[protect(message) for message in request.messages],
            tools=[protect(tool) for tool in request.tools],
        )
        prompt = self._prompter.render(conversation)
        if request.force_tool is None:
            return self._specials.segments(prompt), prompt.rstrip().endswith(THINK)
        # What is known need not be sampled: the model writes only the arguments.
        name = _quoted(request.force_tool)
        return self._specials.segments(f'{prompt}{CALL}\n{{"name": {name}, "arguments":'), False

    def _force(self, sampler: Sampler, request: Generate) -> None:
        schema = next((tool.get("parameters") for tool in request.tools if tool.get("name") == request.force_tool), None)
        if not isinstance(schema, dict):
            raise RequestError("request", f"The tool {request.force_tool} is to be called, but is not among the tools")
        try:
            sampler.constrain(arguments_grammar(schema))
        except (SchemaError, GrammarError) as error:
            raise RequestError("request", f"The arguments of {request.force_tool} cannot be written as a grammar: {error}") from None

    def _forced_call(self, request: Generate, sampler: Sampler, output: _Output, limit: int) -> StopKind:
        """Writes the arguments until they are a whole object; near the limit, by the shortest way."""
        call = MarkupParser(tools=True)
        call.feed(CALL)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        text = ""
        reserve = min(CLOSING_TOKENS, limit // 2)
        cut = False
        while output.tokens < limit:
            closing = output.tokens >= limit - reserve
            token = sampler.sample(closing=closing)
            cut = cut or closing
            if self._engine.is_end(token):
                break
            output.tokens += 1
            fresh = decoder.decode(self._engine.piece(token))
            text += fresh
            ended = [chunk for chunk in call.feed(fresh) if isinstance(chunk, CallEnded)]
            self._engine.advance(token)
            if ended:
                break
            if self._should_stop():
                return "interrupted"
            self._adapt(output.tokens)
        name = _quoted(request.force_tool or "")
        self._add_call(output, f'{{"name": {name}, "arguments": {text.strip()}}}')
        return "max_tokens" if cut else "tool_use"

    def _answer(self, request: Generate, sampler: Sampler, output: _Output, limit: int, thinking: bool) -> StopKind:
        """Writes freely; a tool call, once begun, follows the tools' grammar."""
        schemas = {str(tool["name"]): tool["parameters"] for tool in request.tools if isinstance(tool.get("parameters"), dict)}
        grammar = call_grammar(schemas) if schemas else None  # pyright: ignore[reportArgumentType] - filtered above
        parser = MarkupParser(tools=bool(request.tools), thinking=thinking)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        stop_text = StopText(self._prompter.stop_text)
        stop: StopKind = "max_tokens"
        while output.tokens < limit:
            token = sampler.sample()
            if self._engine.is_end(token):
                stop = "end_turn"
                break
            output.tokens += 1
            chunks = parser.feed(stop_text.feed(decoder.decode(self._visible(token))))
            self._constrain(sampler, parser, chunks, grammar)
            self._take(request.id, chunks, output)
            if stop_text.reached:
                stop = "end_turn"
                break
            if output.tokens < limit:
                self._engine.advance(token)
            if self._should_stop():
                stop = "interrupted"
                break
            self._adapt(output.tokens)
        self._take(
            request.id, [*parser.feed(stop_text.feed(decoder.decode(b"", final=True)) + stop_text.finish()), *parser.finish()], output
        )
        return "tool_use" if output.calls and stop == "end_turn" else stop

    def _visible(self, token: int) -> bytes:
        """Control tokens are not shown, except those that mark thoughts and calls."""
        return b"" if self._engine.is_control(token) and token not in self._markers else self._engine.piece(token)

    def _constrain(self, sampler: Sampler, parser: MarkupParser, chunks: list[Chunk], grammar: str | None) -> None:
        if sampler.constrained and not parser.in_call:
            sampler.release()
        started = next((chunk for chunk in reversed(chunks) if isinstance(chunk, CallStarted)), None)
        if started is None or grammar is None or not parser.in_call:
            return
        try:
            sampler.constrain(grammar)
        except GrammarError:
            # Unconstrained, then: the call is still parsed, and the tool validates its arguments.
            return
        if not all(sampler.accept(token) for token in self._engine.tokenize(started.rest, special=False)):
            sampler.release()

    def _take(self, request_id: int, chunks: list[Chunk], output: _Output) -> None:
        for chunk in chunks:
            match chunk:
                case TextChunk(text):
                    _append(output.parts, "text", text)
                    self._send(Piece(request_id, "text", text))
                case ThoughtChunk(text):
                    _append(output.parts, "thinking", text)
                    self._send(Piece(request_id, "reasoning", text))
                case CallEnded(raw, _):
                    self._add_call(output, raw)
                case CallStarted():
                    pass

    def _add_call(self, output: _Output, raw: str) -> None:
        name, arguments, broken = parse_call(raw)
        identity = f"call_{secrets.token_hex(8)}"
        output.parts.append({"type": "tool_call", "id": identity, "name": name, "arguments": arguments, "broken": broken})
        output.calls += 1

    def _adapt(self, tokens: int) -> None:
        if tokens % ADAPT_EVERY == 0:
            self._engine.set_threads(self._threads.count())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _append(parts: list[JsonObject], kind: str, text: str) -> None:
    if parts and parts[-1]["type"] == kind:
        parts[-1]["text"] = f"{parts[-1]['text']}{text}"
    else:
        parts.append({"type": kind, "text": text})
