"""A side question: answered from the conversation, which never learns of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, cast

from mltui.agent.transcript import Transcript
from mltui.core.errors import ModelError
from mltui.core.messages import AssistantMessage, Message, ToolMessage, ToolSpec, Usage, UserMessage
from mltui.models.base import Answer, Model, ModelRequest

_ASKED = """\
<aside>
The person asks this beside the conversation. Answer it from what you know, in a few sentences, and call no tool: nothing you do \
here is kept, and the work goes on as if it had not been asked.

{question}
</aside>"""


async def ask(model: Model, system: str, tools: Sequence[ToolSpec], transcript: Transcript, question: str) -> tuple[str, Usage]:
    """The answer, and what it cost. The request begins as the conversation's own do, so that the provider's cache has it.

    Raises: MltuiError: what the model raises; ModelError: it answered without a word.
    """
    messages = (*answered(transcript.messages), UserMessage(text=_ASKED.format(question=question)))
    request = ModelRequest(system, messages, tuple(tools))
    async with aclosing(cast("Any", model.stream(request))) as parts:
        async for part in parts:
            if isinstance(part, Answer):
                if not part.message.text.strip():
                    raise ModelError("The model gave no answer to the side question", hint="Ask it in the conversation instead")
                return part.message.text, part.usage
    raise ModelError("The answer ended before it was complete", hint="Ask again")


def answered(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages up to the last call that has not come back: providers refuse a request with an open call."""
    open_calls: set[str] = set()
    border = 0
    for index, message in enumerate(messages):
        if isinstance(message, AssistantMessage):
            open_calls = {call.id for call in message.tool_calls}
        elif isinstance(message, ToolMessage):
            open_calls.discard(message.call_id)
        if not open_calls:
            border = index + 1
    return tuple(messages[:border])
