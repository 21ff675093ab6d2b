"""Keeps credentials from the model and from the disk; what they stand for is known to this process alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from mltui.core import secrets
from mltui.core.data import JsonObject
from mltui.core.events import Event, event_adapter, passing

_PLACEHOLDER = re.compile(r"\[secret:[a-z-]+:\d+\]")
_KEPT_AS_THEY_ARE = frozenset({"signature", "data", "id", "call_id", "request_id", "commit", "session_id"})
"""Fields that must come back to their maker unchanged, or that are identities."""


class Redactor:
    """Replaces credentials by placeholders such as `[secret:github-token:1]`, the same one for the same credential."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._secrets: dict[str, str] = {}

    def text(self, text: str) -> str:
        """The text without credentials."""
        found = secrets.find(text)
        if not found:
            return text
        parts: list[str] = []
        end = 0
        for secret in found:
            parts += (text[end : secret.start], self._placeholder(secret.kind, text[secret.start : secret.end]))
            end = secret.end
        return "".join((*parts, text[end:]))

    def event(self, event: Event) -> Event:
        """The event without credentials in any of its texts; what is only shown (a delta) stays as it is."""
        if passing(event) or not secrets.find(event.model_dump_json()):
            return event
        return event_adapter.validate_python(self._within(event.model_dump(mode="python")))

    def mentions(self, value: object) -> bool:
        """Whether a placeholder that this process made stands anywhere in the value."""
        return any(found in self._secrets for found in _PLACEHOLDER.findall(repr(value)))

    def restored(self, arguments: JsonObject, current: str) -> JsonObject:
        """The arguments of an edit with its placeholders turned back, each only if the file that is edited holds the secret now.

        A secret so returns to where it came from and goes nowhere else, whatever the model was told to do with it.
        """

        def back(match: re.Match[str]) -> str:
            secret = self._secrets.get(match[0])
            return secret if secret is not None and secret in current else match[0]

        return cast("JsonObject", _mapped(arguments, lambda text: _PLACEHOLDER.sub(back, text)))

    def _placeholder(self, kind: str, secret: str) -> str:
        if secret not in self._placeholders:
            name = f"[secret:{kind}:{len(self._placeholders) + 1}]"
            self._placeholders[secret] = name
            self._secrets[name] = secret
        return self._placeholders[secret]

    def _within(self, value: Any) -> Any:
        return _mapped(value, self.text)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        known = cast("dict[str, Any]", value)
        return {key: one if key in _KEPT_AS_THEY_ARE else _mapped(one, change) for key, one in known.items()}
    if isinstance(value, (list, tuple)):
        return [_mapped(one, change) for one in cast("list[Any]", value)]
    return value
