"""How full the model's window is: what the provider counted, and an estimate of what was added since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mltui.agent.transcript import Transcript
from mltui.core.messages import Message, ToolSpec
from mltui.models import tokens
from mltui.models.base import ModelInfo

UNKNOWN_OUTPUT = 8192
"""Tokens kept free for an answer where the model's limit is not known."""
LARGEST_RESERVE = 0.25
"""Share of the window that is kept free for an answer at most: many models may write as much as half of it, and never do."""
_CORRECTION = (0.4, 3.0)
"""Factors that a vocabulary can differ by. A server that reports less than that does not count all that it is sent."""


@dataclass(frozen=True, slots=True)
class Window:
    """A model's window.

    Attributes:
        size: tokens of prompt and answer together; reserve: of these, kept free for the answer.
        compact_at: the share of the rest at which the conversation is summed up.
    """

    size: int
    reserve: int
    compact_at: float

    @classmethod
    def of(cls, info: ModelInfo, compact_at: float) -> Window | None:
        """None: the model's window is not known."""
        if not info.context_window:
            return None
        reserve = min(info.max_output_tokens or UNKNOWN_OUTPUT, int(info.context_window * LARGEST_RESERVE))
        return cls(info.context_window, reserve, compact_at)

    @property
    def usable(self) -> int:
        """Tokens that a prompt may have."""
        return self.size - self.reserve

    @property
    def limit(self) -> int:
        """Tokens of a prompt at which the conversation is summed up."""
        return int(self.usable * self.compact_at)


@dataclass(slots=True)
class Gauge:
    """Counts what a request holds.

    What a provider reported is exact; what was added since is counted with another vocabulary and corrected by the factor
    between the two on everything that was reported. A report that cannot be right is not believed.

    Attributes:
        correction: the model's own tokens for one that is counted here; learned anew for each model.
    """

    system: str
    tools: Sequence[ToolSpec]
    correction: float = 1.0
    _learned: str = ""
    _doubted: str = ""
    _fixed: int | None = None

    def offer(self, tools: Sequence[ToolSpec]) -> None:
        """The tools that requests declare from now on."""
        if tools != self.tools:
            self.tools, self._fixed = tools, None

    @property
    def fixed(self) -> int:
        """Tokens of the system prompt and the tools, before correction. Takes time when it is first asked."""
        if self._fixed is None:
            self._fixed = tokens.count(self.system) + sum(tokens.of_tool(tool) for tool in self.tools)
        return self._fixed

    def at_most(self, transcript: Transcript) -> int:
        """A number that the next request's tokens do not exceed; the same small cost at every step."""
        if not self.believes(transcript):
            return self._at_most_fixed() + tokens.at_most(transcript.messages)
        return transcript.context_tokens + tokens.at_most(transcript.messages[transcript.measured :])

    def believes(self, transcript: Transcript) -> bool:
        """Whether a provider reported what the conversation holds, and can be right."""
        return transcript.measured > 0 and transcript.measured_by != self._doubted

    def _at_most_fixed(self) -> int:
        described = sum(len(tool.description) + len(str(tool.parameters)) for tool in self.tools)
        return 2 * (len(self.system) + described)

    def used(self, transcript: Transcript) -> int:
        """Tokens of the next request. Blocks: it may load the vocabulary and count the whole conversation, once a model."""
        self.learn(transcript)
        if not self.believes(transcript):
            return self.corrected(self.fixed + sum(map(tokens.of_message, transcript.messages)))
        return transcript.context_tokens + self.sized(transcript.messages[transcript.measured :])

    def learn(self, transcript: Transcript) -> None:
        """Takes the factor between the model's tokens and those counted here from what it reported last."""
        model = transcript.measured_by
        if self._learned == model or not self.believes(transcript):
            return
        counted = self.fixed + sum(map(tokens.of_message, transcript.messages[: transcript.measured]))
        low, high = _CORRECTION
        factor = transcript.context_tokens / max(1, counted)
        if factor < low:
            self._doubted, self._learned, self.correction = model, "", 1.0
        else:
            self._learned, self.correction = model, min(high, factor)

    def corrected(self, counted: int) -> int:
        return round(counted * self.correction)

    def sized(self, messages: Sequence[Message]) -> int:
        """Tokens of messages, as the model counts."""
        return self.corrected(sum(map(tokens.of_message, messages)))
