"""The code in a text of Markdown, and what of a conversation can be copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mltui.core.events import Event, MessageCompleted


class CodeBlock(NamedTuple):
    """Attributes: language: as the block names it, or empty; code: without the last line end."""

    language: str
    code: str


def code_blocks(text: str) -> list[CodeBlock]:
    """Returns: the code blocks of a text from top to bottom, fenced or indented, in lists and quotations too."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt().parse(text)
    return [
        CodeBlock(token.info.strip().split(" ")[0], token.content.rstrip("\n"))
        for token in tokens
        if token.type in ("fence", "code_block") and token.content.strip()
    ]


def answers(events: Iterable[Event]) -> list[str]:
    """Returns: what the model said, message by message, from old to new; without those that only call tools."""
    return [event.message.text for event in events if isinstance(event, MessageCompleted) and event.message.text.strip()]
