"""Questions of the agent to the person, within one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from mltui.agent.desk import Ask
from mltui.core.approval import Question, QuestionRequest
from mltui.core.errors import DeniedError
from mltui.core.messages import ToolCall


@dataclass(frozen=True, slots=True)
class Questions:
    """Implements `tools.base.Questions` for one call."""

    call: ToolCall
    put: Ask

    async def ask(self, questions: Sequence[Question]) -> dict[str, str]:
        decision = await self.put(QuestionRequest(id=uuid4().hex, call=self.call, questions=tuple(questions)))
        if not decision.approved:
            raise DeniedError(f"The question was not answered{because(decision.reason)}")
        return decision.answers


def because(reason: str) -> str:
    """The end of a sentence that gives a reason, if there is one."""
    return f": {reason}" if reason else ""
