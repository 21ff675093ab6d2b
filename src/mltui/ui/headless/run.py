"""One task without a terminal: `mltui --headless`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from mltui.agent.session import Session
from mltui.core.approval import Approver
from mltui.core.errors import MltuiError, UsageError
from mltui.core.events import (
    ApprovalRequested,
    Event,
    ExperimentProposed,
    MessageCompleted,
    ModelChanged,
    ModelRetrying,
    Notice,
    ToolCompleted,
    ToolStarted,
)
from mltui.core.messages import Image
from mltui.ui.figures import model_change
from mltui.ui.headless import result as results
from mltui.ui.headless import wire
from mltui.ui.headless.output import Stdout, printable, tell
from mltui.ui.headless.said import Said, said
from mltui.ui.headless.structured import TRIES, Schema

_WAITING = ("proposed", "held")
"""States of an experiment that a person has to decide on."""

OpenSession = Callable[[Approver], Awaitable[Session]]


class Out(Protocol):
    def line(self, value: dict[str, Any]) -> None: ...
    def text(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class HeadlessOptions:
    """The flags of a headless run; see `mltui --help`."""

    prompt: str
    output: Literal["text", "json", "stream-json"] = "text"
    input: Literal["text", "stream-json"] = "text"
    partial: bool = False
    last_message: Path | None = None
    schema: str | None = None
    timeout: float | None = None
    denied_ok: bool = False
    images: tuple[Image, ...] = ()


def run_headless(open_session: OpenSession, approver: Approver, options: HeadlessOptions) -> int:
    """Runs the task and returns the exit code. stdout gets the result, stderr what a person may want to see."""
    out = Stdout()
    try:
        return asyncio.run(_Run(open_session, approver, options, out).main())
    finally:
        out.close()


class _Run:
    def __init__(self, open_session: OpenSession, approver: Approver, options: HeadlessOptions, out: Out) -> None:
        self._open = open_session
        self._approver = approver
        self._options = options
        self._out = out
        self._tally = results.Tally()
        self._session: Session | None = None
        self._signal: int | None = None
        self._structured: Any = None
        self._answer = ""
        """Of the turn that runs: what an earlier one answered, or a session that is resumed, is not the result of this."""
        self._started = time.monotonic()

    async def main(self) -> int:
        task = asyncio.create_task(self._work())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number, task)
        try:
            end = await task
        except asyncio.CancelledError:
            end = results.ending(self._tally, [], False, self._signal or signal.SIGINT)
        except Exception as error:
            end = results.ending_of(error)
        if self._session is not None:
            with contextlib.suppress(Exception):
                await self._session.close()
        return self._finish(end).exit_code

    def _stop(self, number: int, task: asyncio.Task[results.Ending]) -> None:
        self._signal = number
        task.cancel()

    async def _work(self) -> results.Ending:
        schema = Schema(self._options.schema) if self._options.schema else None
        if self._options.last_message is not None:
            _check_room_for(self._options.last_message)
        session = self._session = await self._open(self._approver)
        head = session.transcript.head
        assert head is not None
        if self._options.output == "stream-json":
            early: list[Event] = []

            async def keep(event: Event) -> None:
                early.append(event)

            await session.ready(keep)
            self._out.line(wire.init(head, session.mode, session.sandbox, session.tools, session.commands.server_states()))
            for event in early:
                await self._show(event)
        note = session.model_info.note
        for notice in (*((note,) if note else ()), *session.notices):
            await self._show(Notice(level="warning", text=notice))
        try:
            async with asyncio.timeout(self._options.timeout):
                failure = await self._turns(session, schema)
        except TimeoutError:
            return results.Ending("error_timeout", results.EXIT_LIMIT, f"Reached the time limit of {self._options.timeout:g} s")
        if failure:
            return results.Ending("error_structured_output", 1, failure)
        return results.ending(self._tally, self._waiting(session), self._options.denied_ok, self._signal)

    async def _turns(self, session: Session, schema: Schema | None) -> str:
        """Runs all prompts; returns why no valid structured answer came, or an empty string."""
        failure = ""
        async for prompt in self._prompts(session):
            self._answer = ""
            text = await self._text(session, prompt.text)
            await session.prompt(text + (schema.instruction if schema else ""), self._show, images=prompt.images)
            for attempt in range(TRIES + 1):
                if schema is None or self._tally.outcome != "completed":
                    break
                self._structured, failure = schema.parse(self._answer)
                if not failure or attempt == TRIES:
                    break
                self._answer = ""
                await session.prompt(f"That answer does not do: {failure}. Answer again with the JSON value only.", self._show)
            if self._tally.outcome != "completed":
                break
        return failure

    async def _text(self, session: Session, said: str) -> str:
        """Returns: what a command that people or servers added becomes, where one is named (`/NAME WORDS`); else what was said."""
        name, *words = said[1:].split(maxsplit=1) or [""]
        if not said.startswith("/") or name not in {known.name for known in session.commands.list()}:
            return said
        text = await session.commands.text(name, words[0].strip() if words else "", self._show)
        if not text:
            raise UsageError(f"/{name} has no text", hint="Write one into its file")
        return text

    async def _prompts(self, session: Session) -> AsyncIterator[Said]:
        if self._options.input == "text":
            prompt = self._options.prompt or await _decided_meanwhile(session)
            if prompt:
                yield Said(prompt, self._options.images)
            return
        if self._options.prompt:
            yield Said(self._options.prompt, self._options.images)
        number = 0
        while line := await asyncio.to_thread(sys.stdin.readline):
            number += 1
            if line.strip():
                yield said(line, number)

    async def _show(self, event: Event) -> None:
        self._tally.take(event)
        if isinstance(event, MessageCompleted) and event.message.text:
            self._answer = event.message.text
        session = self._session
        if self._options.output == "stream-json" and session is not None:
            line = wire.line(event, session.id, self._options.partial)
            if line is not None:
                self._out.line(line)
            if isinstance(event, ToolCompleted) and event.denied:
                self._out.line(
                    {
                        "type": "system",
                        "subtype": "permission_denied",
                        "tool_name": event.name,
                        "tool_use_id": event.call_id,
                        "session_id": session.id,
                    }
                )
        _tell(event)

    def _waiting(self, session: Session) -> list[str]:
        """Proposals of this session that are still open in the log."""
        own = [id_ for id_, state in session.transcript.experiments.items() if state in ("proposed", "hold")]
        return [id_ for id_ in own if session.experiments.get(id_).state in _WAITING]

    def _finish(self, end: results.Ending) -> results.Ending:
        """Writes the result. Returns how the run ended after all: the answer may not fit where it was to go."""
        session = self._session
        answer = self._answer
        if self._options.last_message is not None and session is not None:
            try:
                self._options.last_message.write_text(answer, encoding="utf-8")
            except OSError as error:
                reason = f"The answer cannot be written to {self._options.last_message}: {error.strerror}"
                end = end if end.error else results.Ending("error_during_execution", 1, reason)
        states: dict[str, str] = {}
        if session is not None:
            for id_ in session.transcript.experiments:
                with contextlib.suppress(MltuiError):
                    states[id_] = session.experiments.get(id_).state
        if self._options.output == "text":
            if answer:
                self._out.text(printable(answer))
            if end.error:
                tell(f"mltui: {end.error}")
            return end
        body = results.result(
            self._tally,
            end,
            answer=answer,
            session_id=session.id if session else "",
            seconds=time.monotonic() - self._started,
            experiments=states,
            structured=self._structured,
        )
        self._out.line(body)
        if end.error:
            tell(f"mltui: {end.error}")
        return end


def _check_room_for(answer: Path) -> None:
    """Raises: UsageError: the answer could not be written there, which is better known before it was paid for."""
    there = answer if answer.exists() else answer.parent
    if there is not answer and not there.is_dir():
        why = f"there is no folder {there}"
    elif not os.access(there, os.W_OK):
        why = "permission denied"
    else:
        return
    raise UsageError(f"The answer cannot be written to {answer}: {why}", hint="Name another file with -o")


async def _decided_meanwhile(session: Session) -> str:
    """What a resumed session is told when it was given no prompt: what became of its experiments; nothing, where all still wait."""
    lines: list[str] = []
    decided = False
    for id_ in session.transcript.experiments:
        experiment = await asyncio.to_thread(session.experiments.get, id_)
        waits = experiment.state in _WAITING
        decided |= not waits
        lines.append(f"{id_} still waits for a decision." if waits else f"{id_} is now: {experiment.state}.")
    if lines and not decided:
        return ""
    if not lines:
        raise UsageError("There is nothing to do", hint="Give a prompt: mltui --headless 'what to do'")
    return "The experiments of this session were decided on meanwhile. " + " ".join(lines) + " Go on: look at them with ExperimentStatus."


def _tell(event: Event) -> None:
    """One line on stderr for what a person would want to know."""
    match event:
        case ToolStarted():
            text = f"· {event.name}"
        case ToolCompleted(denied=True):
            text = f"! {event.content}"
        case ToolCompleted(is_error=True):
            text = f"! {event.name}: {event.content.strip().partition(chr(10))[0]}"
        case ModelRetrying():
            text = f"… try {event.attempt} failed ({event.error}); again in {event.delay:.0f} s"
        case ExperimentProposed(proposal=proposal):
            text = f"◆ {proposal.id} {proposal.title}"
        case ApprovalRequested(request=request) if request.kind == "experiment":
            text = f"? {request.proposal.id} asks for approval"
        case ModelChanged():
            text = f"= model {model_change(event)}"
        case Notice():
            text = f"{event.level}: {event.text}"
        case _:
            return
    tell(text)
