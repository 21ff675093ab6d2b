"""The one `result` that ends a headless run, and the exit code that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mltui.core.errors import AuthError, ConfigError, LimitError, MltuiError, ModelError, UsageError
from mltui.core.events import Event, MessageCompleted, Subagent, ToolCompleted, TurnCompleted, TurnOutcome, UsageAdded
from mltui.core.messages import Usage
from mltui.ui.headless import wire

EXIT_DENIED = 3
EXIT_APPROVAL = 4
EXIT_LIMIT = 53

_OUTCOMES: dict[TurnOutcome, tuple[str, int]] = {
    "completed": ("success", 0),
    "interrupted": ("cancelled", 130),
    "stopped": ("cancelled", 1),
    "max_turns": ("error_max_turns", EXIT_LIMIT),
    "max_budget_usd": ("error_max_budget_usd", EXIT_LIMIT),
    "max_tokens": ("error_max_tokens", EXIT_LIMIT),
    "timeout": ("error_timeout", EXIT_LIMIT),
    "model_error": ("error_model", 1),
    "auth": ("error_auth", 41),
    "unavailable": ("error_model", 75),
    "error": ("error_during_execution", 1),
}


@dataclass(slots=True)
class Tally:
    """What the result needs of the events of all turns."""

    usage: dict[str, Usage] = field(default_factory=dict[str, Usage])
    denials: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    steps: int = 0
    model_seconds: float = 0.0
    outcome: TurnOutcome = "completed"
    error: str = ""

    def take(self, event: Event) -> None:
        match event:
            case Subagent(event=inner) if isinstance(inner, (MessageCompleted, UsageAdded, ToolCompleted, Subagent)):
                self.take(inner)
            case UsageAdded():
                self.usage[event.model] = self.usage.get(event.model, Usage()) + event.usage
            case MessageCompleted():
                self.usage[event.model] = self.usage.get(event.model, Usage()) + event.usage
                self.model_seconds += event.seconds
            case ToolCompleted(denied=True):
                self.denials.append({"tool_name": event.name, "tool_use_id": event.call_id, "reason": event.content})
            case TurnCompleted():
                self.steps += event.steps
                self.outcome, self.error = event.outcome, event.error
            case _:
                pass

    @property
    def total(self) -> Usage:
        return sum(self.usage.values(), Usage())


@dataclass(frozen=True, slots=True)
class Ending:
    """Attributes: waiting: ids of experiments that a person has to decide on."""

    subtype: str
    exit_code: int
    error: str = ""


def ending(tally: Tally, waiting: list[str], denied_ok: bool, signal: int | None) -> Ending:
    """How the run ended: a signal before a limit before a waiting experiment before a denied call."""
    if signal is not None:
        return Ending("cancelled", 128 + signal, f"Stopped by signal {signal}")
    subtype, code = _OUTCOMES[tally.outcome]
    if code != 0:
        return Ending(subtype, code, tally.error)
    if waiting:
        return Ending(
            "error_approval_pending",
            EXIT_APPROVAL,
            f"{', '.join(waiting)} waits for a decision: `mltui experiments approve {waiting[0]}` or reject, then resume the session",
        )
    if tally.denials and not denied_ok:
        return Ending("error_permission_denied", EXIT_DENIED, f"{len(tally.denials)} tool call(s) were denied")
    return Ending(subtype, code)


def ending_of(error: BaseException) -> Ending:
    """How an error before or outside the turns ends the run."""
    if isinstance(error, AuthError):
        return Ending("error_auth", error.exit_code, str(error))
    if isinstance(error, (ConfigError, UsageError)):
        return Ending("error_config", error.exit_code, str(error))
    if isinstance(error, LimitError):
        return Ending("error_timeout", error.exit_code, str(error))
    if isinstance(error, ModelError):
        return Ending("error_model", error.exit_code, str(error))
    if isinstance(error, MltuiError):
        return Ending("error_during_execution", error.exit_code, str(error))
    return Ending("error_during_execution", 1, f"{type(error).__name__}: {error}")


def result(
    tally: Tally, end: Ending, *, answer: str, session_id: str, seconds: float, experiments: Mapping[str, str], structured: Any = None
) -> dict[str, Any]:
    """The object of the last line."""
    total = tally.total
    body: dict[str, Any] = {
        "type": "result",
        "subtype": end.subtype,
        "is_error": end.exit_code != 0,
        "duration_ms": round(seconds * 1000),
        "duration_api_ms": round(tally.model_seconds * 1000),
        "num_turns": tally.steps,
        "result": answer,
        "session_id": session_id,
        "total_cost_usd": total.cost_usd or 0.0,
        "usage": wire.usage(total),
        "modelUsage": {model: {**wire.usage(usage), "costUSD": usage.cost_usd} for model, usage in tally.usage.items()},
        "permission_denials": tally.denials,
        "experiments": [{"id": id_, "state": state} for id_, state in experiments.items()],
        "exit_code": end.exit_code,
    }
    if end.error:
        body["error"] = end.error
    if structured is not None:
        body["structured_output"] = structured
    return body
