"""What fills the window: tokens by kind, from the conversation alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from mltui.agent.context import Gauge, Window
from mltui.agent.transcript import Transcript
from mltui.core.messages import AssistantMessage, Text, Thinking, ToolMessage, UserMessage
from mltui.models import tokens
from mltui.models.base import ModelInfo

_INSTRUCTIONS = "# Instructions of this project"
"""The heading in the system prompt below which a project's own instructions stand."""
_TOOLS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Share:
    """Attributes: name: of a kind; of: the kind that it is a part of, or empty; tokens: as the model counts, about."""

    name: str
    tokens: int
    of: str = ""


@dataclass(frozen=True, slots=True)
class ContextReport:
    """What the next request holds.

    Attributes:
        used: tokens of it; exact up to the last answer if `measured`, else estimated.
        window: None when the model's window is not known.
    """

    model: str
    shares: tuple[Share, ...]
    used: int
    measured: bool
    window: Window | None

    @property
    def free(self) -> int | None:
        """Tokens that a prompt may still take; None when the window is not known."""
        return None if self.window is None else max(0, self.window.usable - self.used)


def report(transcript: Transcript, gauge: Gauge, info: ModelInfo, compact_at: float) -> ContextReport:
    """Counts what the next request holds. Blocks: it may load the vocabulary and counts the whole conversation."""
    used = gauge.used(transcript)
    counted = _counted(transcript, gauge)
    by_tool = {name: count for (kind, name), count in counted.items() if kind == _RESULTS}
    kinds: Counter[str] = Counter()
    for (kind, _), count in counted.items():
        kinds[kind] += count
    factor = used / max(1, sum(kinds.values()))
    shares: list[Share] = []
    for kind in _ORDER:
        if kinds[kind]:
            shares.append(Share(kind, round(kinds[kind] * factor)))
        if kind == _RESULTS:
            largest = sorted(by_tool.items(), key=lambda item: -item[1])[:_TOOLS_SHOWN]
            shares += [Share(name, round(count * factor), _RESULTS) for name, count in largest]
    return ContextReport(info.id, tuple(shares), used, gauge.believes(transcript), Window.of(info, compact_at))


_SYSTEM, _PROJECT, _TOOLS, _SUMMARY = "system prompt", "project instructions", "tools", "summary"
_PROMPTS, _ANSWERS, _CALLS, _THINKING, _RESULTS = "your prompts", "answers", "tool calls", "thinking", "tool results"
_ORDER = (_SYSTEM, _PROJECT, _TOOLS, _SUMMARY, _PROMPTS, _ANSWERS, _THINKING, _CALLS, _RESULTS)


def _counted(transcript: Transcript, gauge: Gauge) -> Counter[tuple[str, str]]:
    """Tokens by kind and, for results, by tool; not corrected."""
    counted: Counter[tuple[str, str]] = Counter()
    system, heading, project = gauge.system.partition(_INSTRUCTIONS)
    counted[_SYSTEM, ""] = tokens.count(system)
    counted[_PROJECT, ""] = tokens.count(heading + project) if project else 0
    counted[_TOOLS, ""] = sum(map(tokens.of_tool, gauge.tools))
    for place, message in enumerate(transcript.messages):
        match message:
            case UserMessage():
                kind = _SUMMARY if transcript.compacted and place == 0 else _PROMPTS
                counted[kind, ""] += tokens.of_message(message)
            case ToolMessage():
                counted[_RESULTS, message.name] += tokens.of_message(message)
            case AssistantMessage():
                for part in message.parts:
                    if isinstance(part, Text):
                        counted[_ANSWERS, ""] += tokens.count(part.text)
                    elif isinstance(part, Thinking):
                        counted[_THINKING, ""] += tokens.count(part.text)
                    else:
                        counted[_CALLS, ""] += tokens.count(part.name + json.dumps(part.arguments, ensure_ascii=False))
    return counted


_BAR = 24


def lines(found: ContextReport) -> list[str]:
    """The report as text: a line for each kind with its share of the window (or of what is used) as a bar."""
    whole = found.window.size if found.window else max(1, found.used)
    about = "" if found.measured else "about "
    of = f" of {found.window.size:,}" if found.window else ", the window is not known"
    result = [f"{found.model}: {about}{found.used:,} tokens{of}"]
    rows = [(f"  {share.name}" if share.of else share.name, share.tokens, not share.of) for share in found.shares]
    if found.window and found.free is not None:
        rows.append(("free", found.free, True))
        rows.append(("kept for the answer", min(found.window.reserve, max(0, found.window.size - found.used)), True))
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, count, bar in rows:
        share = count / whole
        drawn = "█" * max(1 if count else 0, round(_BAR * share)) if bar else ""
        result.append(f"{name:<{width}}  {count:>9,}  {share:>5.1%}  {drawn}".rstrip())
    if found.window:
        result.append(f"The conversation is summed up at {found.window.limit:,} tokens; /compact does it now.")
    return result
