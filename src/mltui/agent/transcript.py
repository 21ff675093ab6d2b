"""The conversation, folded from events. Live, resumed, crashed and replayed sessions all go through `apply`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mltui.core.events import (
    ContextCompacted,
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProposed,
    ExperimentStarted,
    JobFinished,
    MessageCompleted,
    ModeChanged,
    ModelChanged,
    SessionRewound,
    SessionStarted,
    SessionTitled,
    Subagent,
    ToolCompleted,
    ToolsChanged,
    TurnCompleted,
    TurnStarted,
    TurnSteered,
    UsageAdded,
    passing,
)
from mltui.core.messages import AssistantMessage, Message, ToolCall, ToolMessage, ToolSpec, Usage, UserMessage, with_attachments

INTERRUPTED = "Interrupted: mltui ended before this call came back; whether it ran is unknown. Check before you repeat it."
TYPED = "[The person ran this command in the shell themselves:]\n$ {command}\n[It printed:]\n{output}"
PUT_BACK = "[Files were put back as they were at an earlier point of this session. Read them again before you rely on them.]\n\n"
"""In front of the prompt that follows a rewind of the files alone."""


OVER = ("failed", "stopped", "measured", "compared", "interpreted", "accepted", "discarded")
"""States of an experiment whose runs are over."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A point of the conversation. A list of messages only grows until another takes its place, so its length tells."""

    messages: list[Message]
    count: int
    context_tokens: int
    measured: int
    measured_by: str
    compacted: bool


class Transcript:
    """What was said and done so far.

    A crash heals here: a call that never came back is answered when the next turn starts, so every
    request that follows is valid, and nothing on disk has to be repaired.

    Attributes:
        messages: what the model is sent; it only grows, except by compaction and by going back.
        events: the durable events, in order.
        usage: of all requests so far, those of subagents and those beside the conversation included.
        context_tokens: prompt and answer of the last request.
        measured: how many of the messages `context_tokens` speaks of; measured_by: the model that reported it.
        compacted: whether the first message is a summary of what was before it.
        title: the session's name, if it has one; title_by: who gave it.
        effort: how hard models that reason are to do so, where it was said.
        tools: what the model is offered.
        call_ids: of all tool calls ever made.
        awaited: experiments that the model proposed or saw start and has seen no end of, with their jobs as far as it saw them.
        experiments: proposal id to the last thing that is known of it here (`proposed`, `approve`, `accepted`, …).
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.events: list[Event] = []
        self.usage = Usage()
        self.context_tokens = 0
        self.measured = 0
        self.measured_by = ""
        self.compacted = False
        self.title = ""
        self.title_by = ""
        self.turns = 0
        self.in_turn = False
        self.model = ""
        self.effort = ""
        self.mode = ""
        self.head: SessionStarted | None = None
        self.tools: tuple[ToolSpec, ...] = ()
        self.experiments: dict[str, str] = {}
        self.awaited: dict[str, str] = {}
        self.call_ids: set[str] = set()
        self._pending: dict[str, ToolCall] = {}
        self._marks: dict[int, _Mark] = {}
        self._undone: list[_Mark] = []
        self._put_back = ""

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Transcript:
        transcript = cls()
        for event in events:
            transcript.apply(event)
        return transcript

    def result_of(self, call_id: str) -> str:
        """What a call of the last answer came back with, or an empty string."""
        for message in reversed(self.messages):
            if not isinstance(message, ToolMessage):
                break
            if message.call_id == call_id:
                return message.content
        return ""

    @property
    def pending(self) -> tuple[ToolCall, ...]:
        """Calls that have not come back, in the order in which they were made."""
        return tuple(self._pending.values())

    def apply(self, event: Event) -> None:
        """Takes one event in. Deltas change nothing; an event that does not fit is kept and has no effect."""
        if passing(event):
            return
        self.events.append(event)
        match event:
            case SessionStarted():
                self.head, self.model, self.mode, self.tools = event, event.model, event.mode, event.tools
            case ToolsChanged(tools=tools):
                self.tools = tools
            case ModelChanged(model=model, temporary=False, effort=effort):
                self.model, self.effort = model, effort or self.effort
            case UsageAdded() | Subagent():
                self.usage = self.usage + usage_of(event)
            case ModeChanged(mode=mode):
                self.mode = mode
            case TurnStarted(turn=turn, images=images):
                self._answer_pending()
                self.turns, self.in_turn = max(self.turns + 1, turn), True
                self._marks[self.turns], self._undone = self._mark(), []
                self.messages.append(UserMessage(text=self._put_back + with_attachments(event.text, event.attachments), images=images))
                self._put_back = ""
            case TurnSteered(images=images):
                self._answer_pending()
                self.messages.append(UserMessage(text=with_attachments(event.text, event.attachments), images=images))
            case JobFinished(job=job, message=text):
                self.awaited = {id_: its for id_, its in self.awaited.items() if job not in (id_, its)}
                self._answer_pending()
                self.messages.append(UserMessage(text=f"[{text}]"))
            case MessageCompleted():
                self._message(event)
            case ToolCompleted():
                self._tool(event)
            case ContextCompacted():
                self._answer_pending()
                self.messages = [UserMessage(text=event.summary), *_tail(self.messages, event.kept)]
                self.context_tokens, self.measured, self.compacted = event.tokens_after, len(self.messages), True
            case SessionRewound():
                self._rewind(event)
            case SessionTitled(title=title, by=by):
                self.title, self.title_by = title, by
            case TurnCompleted():
                self._answer_pending()
                self.in_turn = False
            case ExperimentProposed(proposal=proposal):
                self.experiments[proposal.id] = "proposed"
                self.awaited[proposal.id] = ""
            case ExperimentDecided(proposal_id=id_, answer=answer):
                self.experiments[id_] = answer
                if answer in ("reject", "maintenance"):
                    self.awaited.pop(id_, None)
            case ExperimentStarted(proposal_id=id_, job=job):
                self.awaited[id_] = job
            case ExperimentFinished(proposal_id=id_):
                self.awaited.pop(id_, None)
            case ExperimentConcluded(proposal_id=id_, outcome=outcome):
                self.experiments[id_] = outcome or "interpreted"
                self.awaited.pop(id_, None)
            case _:
                pass

    def _rewind(self, event: SessionRewound) -> None:
        """Nothing is erased: the messages after the mark are only sent no more, and a redo brings them back."""
        self._answer_pending()
        if event.conversation:
            mark = (self._undone.pop() if self._undone else None) if event.redo else self._marks.get(event.to_turn)
            if mark is not None:
                if not event.redo:
                    self._undone.append(self._mark())
                self.messages = mark.messages[: mark.count]
                self.context_tokens, self.measured, self.measured_by = mark.context_tokens, mark.measured, mark.measured_by
                self.compacted = mark.compacted
        # The model would go on from files that are not there any more.
        self._put_back = PUT_BACK if event.code and not event.conversation else ""

    def _mark(self) -> _Mark:
        return _Mark(self.messages, len(self.messages), self.context_tokens, self.measured, self.measured_by, self.compacted)

    def _message(self, event: MessageCompleted) -> None:
        self._answer_pending()
        self.usage = self.usage + event.usage
        if event.usage.prompt_tokens:
            self.context_tokens = event.usage.prompt_tokens + event.usage.output_tokens
        # Providers refuse empty assistant messages.
        if event.message.parts:
            self.messages.append(event.message)
            self._pending = {call.id: call for call in event.message.tool_calls}
            self.call_ids.update(self._pending)
        if event.usage.prompt_tokens:
            self.measured, self.measured_by = len(self.messages), event.model

    def _tool(self, event: ToolCompleted) -> None:
        if event.details.get("state") in OVER:
            self.awaited.pop(str(event.details.get("experiment_id")), None)  # the result says how it ended
        if self._pending.pop(event.call_id, None) is not None:
            answered = ToolMessage(
                call_id=event.call_id, name=event.name, content=event.content, is_error=event.is_error, images=event.images
            )
            self.messages.append(answered)
        elif event.typed:
            self.messages.append(UserMessage(text=TYPED.format(command=event.typed, output=event.content)))

    def _answer_pending(self) -> None:
        for call in self._pending.values():
            self.messages.append(ToolMessage(call_id=call.id, name=call.name, content=INTERRUPTED, is_error=True))
        self._pending = {}


def _tail(messages: Sequence[Message], kept: int) -> Sequence[Message]:
    """The last `kept` messages, without results whose calls are not among them."""
    start = max(0, len(messages) - kept)
    while start < len(messages) and isinstance(messages[start], ToolMessage):
        start += 1
    return messages[start:]


def usage_of(event: Event) -> Usage:
    """What an event says was used: an answer, a request beside the conversation, or either within a subagent."""
    match event:
        case MessageCompleted(usage=usage) | UsageAdded(usage=usage):
            return usage
        case Subagent(event=inner):
            return usage_of(inner)
        case _:
            return Usage()


def last_answer(transcript: Transcript) -> str:
    """The text of the last assistant message, or an empty string."""
    for message in reversed(transcript.messages):
        if isinstance(message, AssistantMessage) and message.text:
            return message.text
    return ""
