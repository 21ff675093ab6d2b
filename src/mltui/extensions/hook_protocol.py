"""What hooks are told and what they answer: Claude Code's wire format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from mltui.extensions.hook_files import Hook, HookEvent

Permission = Literal["", "allow", "ask", "deny"]
BLOCKED = 2
"""The exit code by which a hook says no; its stderr is the reason."""

_LONGEST = 10_000
"""Characters of a reason or of context."""
_STRENGTH: tuple[Permission, ...] = ("", "allow", "ask", "deny")
_PLAIN_CONTEXT: tuple[HookEvent, ...] = ("UserPromptSubmit", "SessionStart", "SubagentStart")
"""Events at which what a hook prints is context, without any JSON."""


@dataclass(frozen=True, slots=True)
class HookVerdict:
    """What all hooks of one event said together.

    Attributes:
        permission: of PreToolUse and PermissionRequest, the strictest of all; `deny` also for a hook that blocks.
        reason: why.
        updated: the tool's new arguments, or None.
        context: what the model is to know.
        notes: what the person is to know: messages, and hooks that failed.
        stop: why the turn has to end, or empty.
    """

    permission: Permission = ""
    reason: str = ""
    updated: Mapping[str, Any] | None = None
    context: str = ""
    notes: tuple[str, ...] = ()
    stop: str = ""

    @property
    def blocks(self) -> bool:
        return self.permission == "deny"


NOTHING = HookVerdict()


@dataclass(frozen=True, slots=True)
class HookRun:
    """How a hook ended. Attributes: code: None for a time-out, or where it could not be started; `err` says which."""

    hook: Hook
    code: int | None
    out: str
    err: str


def verdict(run: HookRun) -> HookVerdict:
    """What one hook said."""
    name = f"the hook `{run.hook.command[:60]}` ({run.hook.event})"
    if run.code == BLOCKED:
        return HookVerdict("deny", run.err.strip()[:_LONGEST] or f"{name} said no")
    if run.code != 0:
        ended = (
            "did not end in time" if run.code is None and not run.err else f"failed{f' with {run.code}' if run.code is not None else ''}"
        )
        told = f"{name} {ended}" + (f": {run.err.strip()[:300]}" if run.err.strip() else "")
        return HookVerdict("deny", f"{told}, and it guards this", notes=(told,)) if run.hook.block else HookVerdict(notes=(told,))
    text = run.out.strip()
    if not text.startswith("{"):
        return HookVerdict(context=text[:_LONGEST] if run.hook.event in _PLAIN_CONTEXT else "")
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError):
        told = f"{name} printed something that begins like JSON and is none"
        return HookVerdict("deny", f"{told}, and it guards this", notes=(told,)) if run.hook.block else HookVerdict(notes=(told,))
    return _said(cast("dict[str, Any]", said), run.hook)


def together(verdicts: Iterable[HookVerdict]) -> HookVerdict:
    """The strictest permission, with the reasons of those who gave it; the last new arguments; all the rest."""
    given = list(verdicts)
    strongest = _STRENGTH[max((_STRENGTH.index(one.permission) for one in given), default=0)]
    reasons = [one.reason for one in given if one.permission == strongest and one.reason]
    updates = [one.updated for one in given if one.updated is not None]
    return HookVerdict(
        strongest,
        "\n".join(dict.fromkeys(reasons)),
        updates[-1] if updates else None,
        "\n\n".join(dict.fromkeys(one.context for one in given if one.context)),
        tuple(note for one in given for note in one.notes),
        next((one.stop for one in given if one.stop), ""),
    )


def _said(said: Mapping[str, Any], hook: Hook) -> HookVerdict:
    inner = _object(said.get("hookSpecificOutput"))
    permission, reason = _permission(said, inner, hook.event)
    updated: Any = inner.get("updatedInput")
    stop = _text(said, "stopReason") or "a hook ended the turn" if said.get("continue") is False else ""
    message = _text(said, "systemMessage")
    return HookVerdict(
        permission,
        reason,
        cast("Mapping[str, Any]", updated) if isinstance(updated, dict) else None,
        _text(inner, "additionalContext"),
        (message,) if message else (),
        stop,
    )


def _permission(said: Mapping[str, Any], inner: Mapping[str, Any], event: HookEvent) -> tuple[Permission, str]:
    if event == "PermissionRequest":
        fields = _object(inner.get("decision"))
        behaviour = fields.get("behavior")
        return (behaviour, _text(fields, "message")) if behaviour in ("allow", "deny") else ("", "")
    asked = inner.get("permissionDecision")
    if asked in ("allow", "ask", "deny"):
        return asked, _text(inner, "permissionDecisionReason")
    # `defer` leaves it to the rules, as silence does.
    older = {"block": "deny", "approve": "allow"}.get(str(said.get("decision")))
    return (cast("Permission", older), _text(said, "reason")) if older else ("", "")


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value.strip()[:_LONGEST] if isinstance(value, str) else ""
