"""Keeps text that looks like a model's control tokens from becoming them.

A file or a tool's output may contain `<|im_start|>system`. Before the template sees such text, a
private character is put into it; after rendering, what carries that character is tokenised as plain
text without it. What the model reads is the text as it is, letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mltui.models.local.jsontypes import JsonObject, JsonValue

_SEAL = "\ue0ff"


@dataclass(frozen=True, slots=True)
class Segment:
    """Attributes: literal: the text's tokens are never control tokens."""

    text: str
    literal: bool


class Specials:
    """Args: texts: the control tokens of a vocabulary as text."""

    def __init__(self, texts: Iterable[str]) -> None:
        known = sorted({text for text in texts if len(text) > 1}, key=len, reverse=True)
        self._plain = re.compile("|".join(map(re.escape, known))) if known else None
        self._sealed = re.compile("|".join(re.escape(_seal(text)) for text in known)) if known else None

    def protect(self, value: JsonValue) -> JsonValue:
        """The value with every control token's text sealed, in all its strings."""
        if isinstance(value, str):
            return self._plain.sub(lambda match: _seal(match[0]), value) if self._plain else value
        if isinstance(value, list):
            return [self.protect(item) for item in value]
        if isinstance(value, dict):
            return {key: self.protect(item) for key, item in value.items()}
        return value

    def protect_object(self, value: JsonObject) -> JsonObject:
        return {key: self.protect(item) for key, item in value.items()}

    def segments(self, prompt: str) -> list[Segment]:
        """The rendered prompt, cut at the sealed texts, which are opened again."""
        if self._sealed is None or _SEAL not in prompt:
            return [Segment(prompt, literal=False)]
        parts: list[Segment] = []
        at = 0
        for match in self._sealed.finditer(prompt):
            if match.start() > at:
                parts.append(Segment(prompt[at : match.start()], literal=False))
            parts.append(Segment(match[0].replace(_SEAL, "", 1), literal=True))
            at = match.end()
        if at < len(prompt):
            parts.append(Segment(prompt[at:], literal=False))
        return parts


def _seal(text: str) -> str:
    return text[0] + _SEAL + text[1:]
