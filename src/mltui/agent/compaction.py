"""Makes room in the model's window: sums the conversation up before it is full, once, and never in a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, cast

from mltui.agent import summary
from mltui.agent.context import Gauge, Window
from mltui.agent.transcript import Transcript
from mltui.core.errors import ContextOverflowError, MltuiError
from mltui.core.events import ContextCompacted, Emit, Notice, UsageAdded
from mltui.core.messages import Message, ToolMessage, UserMessage
from mltui.models.assembly import whole
from mltui.models.base import Answer, Model, ModelInfo, ModelRequest, Retry

Trigger = Literal["full", "refused", "asked"]

LEAST_FREED = 0.1
"""Share of the usable window that a compaction must free to be worth its cost; below it nothing is done."""
KEPT = 0.25
"""Share of the usable window that the last messages, which stay as they are, may take."""
LEAST_READER = 8_193
"""Tokens of the smallest window of a model that is asked for a summary."""
_NEAR = 0.8
"""Share of the limit beyond which an estimate is not enough where the model itself can count."""
_SUMMARY = (300, 4_000)
_FACTS = 2_000
_PATIENCE = 180.0
"""Seconds that a model has for a summary."""
_LONGEST = 120_000
_SHORTEST = 2_000
"""Characters of a tool's result at most, and what even the smallest window gets."""
_NEW_SESSION = "Start a new session, or choose a model with a larger window with /model"


@dataclass(frozen=True, slots=True)
class Plan:
    """Attributes: before, after: tokens of a request; after is what is hoped for. summary: tokens of the summary at most."""

    replaced: tuple[Message, ...]
    kept: tuple[Message, ...]
    before: int
    after: int
    summary: int


@dataclass(slots=True)
class Compactor:
    """Sums up one session's conversation.

    Attributes:
        make_small: makes the model for summaries; raises MltuiError where there is none.
        drafts: the controlled files that are changed in the draft; blocks.
        announce: is told of a summary before it is made: `manual` or `auto`, and what is to be kept.
    """

    transcript: Transcript
    gauge: Gauge
    compact_at: float
    make_small: Callable[[], Awaitable[Model]]
    drafts: Callable[[], Sequence[str]]
    announce: Callable[[str, str, Emit], Awaitable[None]] | None = None

    async def before_request(self, model: Model, emit: Emit) -> None:
        """Sums up what came before if the next request would fill the window beyond the threshold, and if that frees enough.

        Raises: ContextOverflowError: the request is larger than the window, and there is no room to be made. It is not sent: some
            servers would cut it in silence.
        """
        window = Window.of(model.info, self.compact_at)
        if window is None or self.gauge.at_most(self.transcript) < window.limit:
            return
        used = await asyncio.to_thread(self.gauge.used, self.transcript)
        if used > _NEAR * window.limit:
            used = await self._counted(model, used)
        if used < window.limit:
            return
        plan = await asyncio.to_thread(self.plan, window.usable, window.limit)
        if plan is not None:
            share = round(100 * used / window.usable)
            await emit(Notice(level="info", text=f"The conversation fills {share} % of the model's window and is summed up"))
            await self._carry_out(plan, model, "full", "", emit)
        elif used > window.size:
            raise self._no_room(model, used, f"its window holds {window.size:,}")

    async def _counted(self, model: Model, estimate: int) -> int:
        """Tokens of the next request: exact where the model is at hand to count, as a local one is."""
        count = getattr(model, "count", None)
        if count is None:
            return estimate
        try:
            return int(await count(ModelRequest(self.gauge.system, tuple(self.transcript.messages), tuple(self.gauge.tools))))
        except MltuiError:
            return estimate  # the request itself will say what is wrong

    async def after_refusal(self, model: Model, error: ContextOverflowError, emit: Emit) -> None:
        """Makes room after the model refused a request as too long. Raises: ContextOverflowError: there is no room to be made."""
        used = await asyncio.to_thread(self.gauge.used, self.transcript)
        window = Window.of(model.info, self.compact_at)
        # It was too long, so the room is less than what was sent, whatever the tables say of the model.
        usable = int(min(used, window.usable if window else used) * 0.9)
        plan = await asyncio.to_thread(self.plan, usable, usable)
        if plan is None:
            raise self._no_room(model, used, str(error.args[0])) from None
        await emit(Notice(level="info", text=f"The model refused the request as too long; the conversation is summed up ({error.args[0]})"))
        await self._carry_out(plan, model, "refused", "", emit)

    def _no_room(self, model: Model, used: int, why: str) -> ContextOverflowError:
        fixed = self.gauge.corrected(self.gauge.fixed)
        return ContextOverflowError(
            f"The conversation no longer fits into {model.info.id}, and summing it up would free too little (about {used:,} tokens, "
            f"{fixed:,} of them instructions and tools): {why}",
            hint=_NEW_SESSION,
        )

    async def asked(self, model: Model, focus: str, emit: Emit) -> ContextCompacted:
        """Sums up all but the last turn because a person wants it. Raises: ContextOverflowError: there is nothing to sum up."""
        used = await asyncio.to_thread(self.gauge.used, self.transcript)
        window = Window.of(model.info, self.compact_at)
        usable = window.usable if window else max(used, LEAST_READER)
        plan = await asyncio.to_thread(self.plan, usable, usable, True)
        if plan is None:
            raise ContextOverflowError("There is nothing to sum up yet", hint="The conversation is as short as its summary would be")
        return await self._carry_out(plan, model, "asked", focus, emit)

    def plan(self, usable: int, limit: int, asked: bool = False) -> Plan | None:
        """What to replace and what to keep, or None where too little would be freed.

        Args:
            usable: tokens that a request may have; limit: tokens below which it has to be afterwards.
            asked: any saving will do.
        """
        groups = _groups(self.transcript.messages)
        sizes = [self.gauge.sized(group) for group in groups]
        fixed = self.gauge.corrected(self.gauge.fixed)
        low, high = _SUMMARY
        length = max(low, min(high, usable // 10, sum(sizes) // 4 if asked else high))
        facts = min(_FACTS, usable // 10)
        room = limit - int(LEAST_FREED * usable) - fixed - length - facts
        budget = min(room, int(KEPT * usable), sum(sizes) // 4 if asked else usable)
        first = len(groups)
        if groups and isinstance(groups[-1][0], UserMessage):
            first, budget = first - 1, budget - sizes[-1]  # what the person just said is never summed up
            if budget < 0 and not asked:
                return None
        while first > 1 and sizes[first - 1] <= budget:
            first -= 1
            budget -= sizes[first]
        replaced = sum(sizes[:first])
        least = 0 if asked else int(LEAST_FREED * usable)
        if room < 0 or first < 1 or replaced - length <= least or (asked and first < 2):
            return None
        before = fixed + sum(sizes)
        return Plan(_joined(groups[:first]), _joined(groups[first:]), before, before - replaced + length + facts, length)

    async def _carry_out(self, plan: Plan, model: Model, trigger: Trigger, focus: str, emit: Emit) -> ContextCompacted:
        if self.announce is not None:
            await self.announce("manual" if trigger == "asked" else "auto", focus, emit)
        text, by = await self._summary(plan, model, focus, emit)
        facts = await asyncio.to_thread(lambda: summary.state(self.transcript, plan.kept, self.drafts()))
        replacement = whole(summary.whole_text(text, facts))
        after = await asyncio.to_thread(
            lambda: self.gauge.corrected(self.gauge.fixed) + self.gauge.sized([UserMessage(text=replacement), *plan.kept])
        )
        event = ContextCompacted(
            summary=replacement, tokens_before=plan.before, tokens_after=after, kept=len(plan.kept), trigger=trigger, by=by
        )
        await emit(event)
        return event

    async def _summary(self, plan: Plan, model: Model, focus: str, emit: Emit) -> tuple[str, str]:
        """The summary and the model that wrote it: the small one, else the session's own, else none."""
        small = await self._small()
        try:
            for candidate in (small, model):
                if candidate is None or not _reads(candidate):
                    continue
                answer = await self._written(candidate, plan, focus, patient=candidate is model)
                if answer is None:
                    continue
                await emit(UsageAdded(source="compaction", model=candidate.info.id, usage=answer.usage))
                if text := answer.message.text.strip():
                    return summary.shortened(text, _characters(plan.summary)), candidate.info.id
        finally:
            if small is not None:
                await small.close()
        return summary.mechanical(plan.replaced, _characters(plan.summary)), ""

    async def _small(self) -> Model | None:
        try:
            return await self.make_small()
        except MltuiError:
            return None

    async def _written(self, model: Model, plan: Plan, focus: str, *, patient: bool) -> Answer | None:
        """The model's summary, or None if it gave none. One that is not `patient` is not waited for when it has to retry."""
        window = Window.of(model.info, 1.0)
        room = _characters(window.usable // 2) if window else 400_000
        request = summary.request(plan.replaced, focus, room, plan.summary // 2)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await _answer(model, request, patient)
        except (MltuiError, TimeoutError):
            return None


async def _answer(model: Model, request: ModelRequest, patient: bool) -> Answer | None:
    async with aclosing(cast("Any", model.stream(request))) as parts:
        async for part in parts:
            if isinstance(part, Answer):
                return part
            if isinstance(part, Retry) and not patient:
                return None
    return None


def _reads(model: Model) -> bool:
    """Whether a model can sum up: one with a tiny window, or one that says that it cannot reason, is not asked."""
    size = model.info.context_window
    return (size is None or size >= LEAST_READER) and "cannot reason" not in model.info.note


def _characters(tokens_: int) -> int:
    """Characters that surely fit into so many tokens, for prose and code."""
    return tokens_ * 3


def _groups(messages: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Messages that must not be parted: an answer with the results of its calls; each prompt by itself."""
    groups: list[tuple[Message, ...]] = []
    for message in messages:
        if isinstance(message, ToolMessage) and groups:
            groups[-1] = (*groups[-1], message)
        else:
            groups.append((message,))
    return groups


def _joined(groups: Sequence[tuple[Message, ...]]) -> tuple[Message, ...]:
    return tuple(message for group in groups for message in group)


def bounded(content: str, model: ModelInfo, share: float = 0.25) -> str:
    """A tool's result that takes at most a share of the model's window; what was left out is named."""
    most = _LONGEST
    if model.context_window:
        most = max(_SHORTEST, min(most, _characters(int(model.context_window * share))))
    if len(content) <= most:
        return content
    return summary.shortened(content, most) + "\n[The result was longer than the model can take in. Ask for a part of it.]"


__all__ = ["Compactor", "Plan", "Trigger", "bounded"]
