"""The conversation, folded from events. Live, resumed, crashed and replayed sessions all go through `apply`."""

from __future__ import annotations

from collections.abc import Iterable

from mltui.core.events import (
    DELTAS,
    ContextCompacted,
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentProposed,
    MessageCompleted,
    ModeChanged,
    ModelChanged,
    SessionStarted,
    ToolCompleted,
    TurnCompleted,
    TurnStarted,
)
from mltui.core.messages import AssistantMessage, Message, ToolCall, ToolMessage, Usage, UserMessage

INTERRUPTED = "Interrupted: mltui ended before this call came back; whether it ran is unknown. Check before you repeat it."


class Transcript:
    """What was said and done so far.

    A crash heals here: a call that never came back is answered when the next turn starts, so every
    request that follows is valid, and nothing on disk has to be repaired.

    Attributes:
        messages: what the model is sent; it only grows, except by compaction.
        events: the durable events, in order.
        usage: of all requests so far.
        context_tokens: prompt and answer of the last request.
        call_ids: of all tool calls ever made.
        experiments: proposal id to the last thing that is known of it here (`proposed`, `approve`, `accepted`, …).
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.events: list[Event] = []
        self.usage = Usage()
        self.context_tokens = 0
        self.turns = 0
        self.in_turn = False
        self.model = ""
        self.mode = ""
        self.head: SessionStarted | None = None
        self.experiments: dict[str, str] = {}
        self.call_ids: set[str] = set()
        self._pending: dict[str, ToolCall] = {}

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Transcript:
        transcript = cls()
        for event in events:
            transcript.apply(event)
        return transcript

    @property
    def pending(self) -> tuple[ToolCall, ...]:
        """Calls that have not come back, in the order in which they were made."""
        return tuple(self._pending.values())

    def apply(self, event: Event) -> None:
        """Takes one event in. Deltas change nothing; an event that does not fit is kept and has no effect."""
        if isinstance(event, DELTAS):
            return
        self.events.append(event)
        match event:
            case SessionStarted():
                self.head, self.model, self.mode = event, event.model, event.mode
            case ModelChanged(model=model):
                self.model = model
            case ModeChanged(mode=mode):
                self.mode = mode
            case TurnStarted(turn=turn, text=text):
                self._answer_pending()
                self.turns, self.in_turn = max(self.turns + 1, turn), True
                self.messages.append(UserMessage(text=text))
            case MessageCompleted():
                self._message(event)
            case ToolCompleted():
                self._tool(event)
            case ContextCompacted(summary=summary, tokens_after=tokens):
                self._answer_pending()
                self.messages = [UserMessage(text=summary)]
                self.context_tokens = tokens
            case TurnCompleted():
                self._answer_pending()
                self.in_turn = False
            case ExperimentProposed(proposal=proposal):
                self.experiments[proposal.id] = "proposed"
            case ExperimentDecided(proposal_id=id_, answer=answer):
                self.experiments[id_] = answer
            case ExperimentConcluded(proposal_id=id_, outcome=outcome):
                self.experiments[id_] = outcome or "interpreted"
            case _:
                pass

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

    def _tool(self, event: ToolCompleted) -> None:
        if self._pending.pop(event.call_id, None) is not None:
            self.messages.append(ToolMessage(call_id=event.call_id, name=event.name, content=event.content, is_error=event.is_error))

    def _answer_pending(self) -> None:
        for call in self._pending.values():
            self.messages.append(ToolMessage(call_id=call.id, name=call.name, content=INTERRUPTED, is_error=True))
        self._pending = {}


def last_answer(transcript: Transcript) -> str:
    """The text of the last assistant message, or an empty string."""
    for message in reversed(transcript.messages):
        if isinstance(message, AssistantMessage) and message.text:
            return message.text
    return ""
