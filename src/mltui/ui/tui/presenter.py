"""Events in, items out: the one place that knows how each event looks in the conversation."""

from __future__ import annotations

import time
from pathlib import PurePath
from typing import Any

from mltui.core.events import (
    ApprovalRequested,
    ApprovalResolved,
    ContextCompacted,
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProgressed,
    ExperimentProposed,
    ExperimentStarted,
    MessageCompleted,
    ModelChanged,
    ModelRetrying,
    Notice,
    ReasoningDelta,
    SessionRewound,
    Subagent,
    TextDelta,
    ToolCompleted,
    ToolOutput,
    ToolStarted,
    TurnCompleted,
    TurnStarted,
    TurnSteered,
)
from mltui.core.experiment import Experiment
from mltui.core.messages import Text, Thinking, ToolCall
from mltui.ui.figures import duration, model_change, rewound, tokens
from mltui.ui.tui.catching_up import take_over
from mltui.ui.tui.experiment_card import ExperimentCard, ExperimentCardState
from mltui.ui.tui.gallery import Picture
from mltui.ui.tui.items import Answer, AnswerItem, NoticeItem, Said, ThinkingItem, Thought, Told, UserItem
from mltui.ui.tui.markdown import MarkdownLines
from mltui.ui.tui.text import one_line
from mltui.ui.tui.tool_card import ToolCard, ToolState
from mltui.ui.tui.tool_summary import target_of
from mltui.ui.tui.transcript import TranscriptView

_OUTCOMES = {
    "interrupted": "Interrupted",
    "stopped": "Stopped",
    "max_turns": "Stopped at the limit of steps",
    "max_budget_usd": "Stopped at the limit of cost",
    "max_tokens": "Stopped at the limit of tokens",
    "timeout": "Stopped at the limit of time",
}
_STATES = {"approve": "approved", "reject": "rejected", "hold": "held", "ask": "held", "maintenance": "maintenance"}


class Presenter:
    """Shows events in a transcript. Only what streams is kept at hand; everything else is in the items' states."""

    def __init__(self, view: TranscriptView, cwd: PurePath | None = None) -> None:
        self.view = view
        self._cwd = cwd
        self._answer: AnswerItem | None = None
        self._thinking: ThinkingItem | None = None
        self._thinking_since = 0.0
        self._cards: dict[str, ToolCard] = {}
        self.experiments: dict[str, ExperimentCard] = {}
        self.known: dict[str, Experiment] = {}
        """What the journal said of experiments when it was looked at last."""

    def show(self, event: Event) -> None:
        match event:
            case TurnStarted() | TurnSteered():
                self.view.add(UserItem(Said(event.text, tuple(map(Picture.of, event.images)))))
                self.view.anchor()
            case TextDelta():
                self._text(event.text)
            case ReasoningDelta():
                self._reasoning(event.text)
            case MessageCompleted():
                self._message(event)
            case ModelRetrying():
                self._retry(event)
            case ToolStarted() | ToolOutput() | ToolCompleted() | ApprovalRequested() | ApprovalResolved() | Subagent():
                self._tool(event)
            case (
                ExperimentProposed()
                | ExperimentDecided()
                | ExperimentStarted()
                | ExperimentProgressed()
                | ExperimentFinished()
                | ExperimentConcluded()
            ):
                self._experiment(event)
            case ModelChanged():
                self.tell("info", f"Model: {model_change(event)}")
            case SessionRewound():
                self.tell("info", rewound(event))
            case ContextCompacted():
                self.tell("info", f"Context compacted: {tokens(event.tokens_before)} → {tokens(event.tokens_after)} tokens")
            case Notice():
                self.tell(event.level, event.text)
            case TurnCompleted():
                self._turn_end(event)
            case _:
                pass

    def tell(self, level: Any, text: str, hint: str = "") -> None:
        self.view.add(NoticeItem(Told(level, text, hint)))

    def _text(self, text: str) -> None:
        self._end_thinking()
        if self._answer is None:
            if not text.strip():
                return
            self._answer = AnswerItem(Answer(MarkdownLines(), growing=True))
            self.view.add(self._answer)
        self._answer.append(text)

    def _reasoning(self, text: str) -> None:
        if self._thinking is None:
            self._thinking, self._thinking_since = ThinkingItem(Thought()), time.monotonic()
            self.view.add(self._thinking)
        self._thinking.append(text)

    def _end_thinking(self) -> None:
        if self._thinking is not None:
            self._thinking.finish(time.monotonic() - self._thinking_since)
            self._thinking = None

    def _message(self, event: MessageCompleted) -> None:
        """Settles what was streamed; what was not (a replay, a model that does not stream) is shown whole."""
        streamed_thinking = self._thinking is not None
        self._end_thinking()
        answer, self._answer = self._answer, None
        for part in event.message.parts:
            match part:
                case Thinking(text=text) if text.strip() and not streamed_thinking and answer is None:
                    self.view.add(ThinkingItem(Thought(text, event.seconds)))
                case Text(text=text) if text.strip() and answer is None:
                    self.view.add(AnswerItem(Answer(MarkdownLines(text))))
                case ToolCall():
                    self._call(part)
                case _:
                    pass
        if answer is not None:
            if answer.source != event.message.text and event.message.text.strip():
                answer.replace(event.message.text)
            answer.finish()

    def _call(self, call: ToolCall) -> None:
        card = ToolCard(ToolState(call.id, call.name, call.arguments, self._cwd))
        self._cards[call.id] = card
        self.view.add(card)

    def _retry(self, event: ModelRetrying) -> None:
        for item in (self._answer, self._thinking):
            if item is not None:
                self.view.drop(item)
        self._answer = self._thinking = None
        self.tell("warning", f"{event.error}: try {event.attempt + 1} in {duration(event.delay)}")

    def _tool(self, event: Event) -> None:
        match event:
            case ApprovalRequested(request=request):
                if card := self._cards.get(request.call.id):
                    card.set_phase("waiting")
            case ApprovalResolved():
                if card := self._cards.get(event.call_id):
                    card.set_phase("asked", event.reason)
            case ToolStarted():
                card = self._cards.get(event.call_id)
                if card is None:
                    self._call(ToolCall(id=event.call_id, name=event.name, arguments=event.arguments))
                    card = self._cards[event.call_id]
                card.set_phase("running")
            case ToolOutput():
                if card := self._cards.get(event.call_id):
                    card.output(event.text)
            case ToolCompleted():
                self._completed(event)
            case Subagent():
                self._inner(event)
            case _:
                pass

    def _completed(self, event: ToolCompleted) -> None:
        card = self._cards.pop(event.call_id, None)
        if card is None:
            card = ToolCard(ToolState(event.call_id, event.name, {}, self._cwd))
            self.view.add(card)
        card.state.pictures = tuple(map(Picture.of, event.images))
        card.opened = card.opened or bool(event.typed)  # who ran it wants to read it
        card.complete(event.content, event.details, failed=event.is_error, denied=event.denied, seconds=event.seconds)

    def _inner(self, event: Subagent) -> None:
        """What a subagent says and does are lines of output on the card of the call that started it."""
        card = self._cards.get(event.call_id)
        if card is None:
            return
        match event.event:
            case ToolStarted() as inner:
                card.output(f"{inner.name} {target_of(inner.name, inner.arguments, self._cwd)}\n")
            case ToolCompleted(is_error=True) as inner:
                card.output(f"  {inner.name} {'was denied' if inner.denied else 'failed'}: {one_line(inner.content)}\n")
            case MessageCompleted() as inner if inner.message.tool_calls and inner.message.text.strip():
                card.output(f"{one_line(inner.message.text)}\n")
            case Notice() as inner:
                card.output(f"{one_line(inner.text)}\n")
            case _:
                pass

    def _experiment(self, event: Event) -> None:
        match event:
            case ExperimentProposed(proposal=proposal):
                if (former := self.experiments.get(proposal.supersedes or "")) is not None:
                    former.state.state = "superseded"
                    former.changed()
                card = self._card(proposal.id)
                card.state.proposal = proposal
            case ExperimentDecided():
                card = self._card(event.proposal_id)
                card.state.state, card.state.by, card.state.reason = _STATES[event.answer], event.by, event.reason
            case ExperimentStarted():
                card = self._card(event.proposal_id)
                card.state.state, card.state.total = "running", event.runs
            case ExperimentProgressed():
                card = self._card(event.proposal_id)
                card.state.state, card.state.done, card.state.total = "running", event.done, event.total
                card.state.note = event.message or f"{event.arm} · seed {event.seed}"
            case ExperimentFinished():
                card = self._card(event.proposal_id)
                card.state.comparison = event.comparison
                card.state.state, card.state.note = event.state, event.message
            case ExperimentConcluded():
                card = self._card(event.proposal_id)
                card.state.conclusion, card.state.state = event.conclusion, event.outcome or "interpreted"
            case _:
                return
        card.changed()

    def settle(self, experiment: Experiment) -> None:
        """Lets the card of an experiment say what the journal says of it; where it has none here, the one that is made later does."""
        self.known[experiment.id] = experiment
        card = self.experiments.get(experiment.id)
        if card is not None and take_over(card.state, experiment) and self.view.shows(card):
            card.changed()

    def _card(self, id_: str) -> ExperimentCard:
        """The card of an experiment; a new one if the old one was paged out."""
        card = self.experiments.get(id_)
        if card is None or not self.view.shows(card):
            card = ExperimentCard(card.state if card else ExperimentCardState(id_))
            self.experiments[id_] = card
            self.view.add(card)
        return card

    def _turn_end(self, event: TurnCompleted) -> None:
        self._end_thinking()
        if self._answer is not None:
            self._answer.finish()
            self._answer = None
        for card in self._cards.values():
            card.set_phase("denied", "interrupted")
        self._cards.clear()
        if event.outcome in _OUTCOMES:
            self.tell("warning", f"{_OUTCOMES[event.outcome]} after {duration(event.seconds)}", one_line(event.error))
        elif event.error:
            self.tell("error", one_line(event.error))
