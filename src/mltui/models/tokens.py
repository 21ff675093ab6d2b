"""How many tokens a text has, counted offline with the vocabulary that LiteLLM brings along."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

from mltui.core.messages import AssistantMessage, Message, Text, Thinking, ToolSpec

PER_MESSAGE = 4
"""Tokens that a message's own frame takes."""
PER_IMAGE = 1600
"""Tokens of an image at most, where a provider counts by its size (Anthropic: width × height / 750)."""
_BYTES_EACH = 3.5
"""Bytes of a token in English and code, for where there is no vocabulary."""


def texts(message: Message) -> tuple[str, ...]:
    """What of a message is sent as text."""
    if not isinstance(message, AssistantMessage):
        return (message.content,) if message.role == "tool" else (message.text,)
    found: list[str] = []
    for part in message.parts:
        if isinstance(part, Text | Thinking):
            found.append(part.text)
        else:
            found += [part.name, part.broken or json.dumps(part.arguments, ensure_ascii=False)]
    return tuple(found)


def images(message: Message) -> int:
    """How many images a message carries."""
    return len(getattr(message, "images", None) or ())


def of_message(message: Message) -> int:
    """Tokens of a message, its frame and images included."""
    return PER_MESSAGE + PER_IMAGE * images(message) + sum(count(text) for text in texts(message))


def of_tool(tool: ToolSpec) -> int:
    """Tokens of a tool's declaration."""
    return PER_MESSAGE + count(tool.name) + count(tool.description) + count(json.dumps(tool.parameters, ensure_ascii=False))


def at_most(messages: Iterable[Message]) -> int:
    """A number that the tokens of the messages never exceed; costs no more than measuring their length.

    No token of a byte-pair vocabulary is shorter than a byte.
    """
    return sum(2 * PER_MESSAGE + PER_IMAGE * images(message) + sum(_size(text) for text in texts(message)) for message in messages)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def count(text: str) -> int:
    """Tokens of a text by OpenAI's `cl100k_base`; other vocabularies differ by a factor that is learned from what providers report."""
    return _counter()(text)


@functools.cache
def _counter() -> Callable[[str], int]:
    """Takes a quarter of a second when it is first called."""
    try:
        return _tiktoken()
    except (ImportError, OSError, ValueError):
        return lambda text: int(_size(text) / _BYTES_EACH) + 1


def _tiktoken() -> Callable[[str], int]:
    spec = find_spec("litellm")
    folder = Path((spec.submodule_search_locations or ("",))[0] if spec else "") / "litellm_core_utils" / "tokenizers"
    if not folder.is_dir():
        raise ImportError("the vocabulary is not there")
    name, before = "TIKTOKEN_CACHE_DIR", os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ[name] = str(folder)  # where it looks before it asks the network
    try:
        import tiktoken

        encoding = tiktoken.get_encoding("cl100k_base")
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
    return lambda text: len(encoding.encode_ordinary(text))
