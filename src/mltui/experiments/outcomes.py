"""How a command ended, in words."""

from __future__ import annotations

import signal

from mltui.experiments.render import LAST_LINES
from mltui.experiments.runner import Outcome

_QUOTED = 6
"""Lines of a failed command's output that the message quotes."""


def failure(outcome: Outcome, seconds: float, who: str = "") -> str:
    """Why a command failed, with its last lines; empty when it ended well.

    Args:
        seconds: the limit that it ran under.
        who: names the command where it is not the run itself.
    """
    lead = f"{who} " if who else ""
    if outcome.ended == "killed":
        return "stopped"
    if outcome.ended == "timeout":
        minutes = f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"
        advice = "raise run_timeout_minutes in [experiments], or make the run shorter"
        return f"{lead and f'{lead}was '}ended after {minutes}, the time limit: {advice}{quote(outcome)}"
    if outcome.ended == "limit":
        return f"{lead and f'{lead}was '}ended: {outcome.reason}{quote(outcome)}"
    if outcome.exit_code != 0:
        return f"{lead and f'{lead}failed: '}{_exit(outcome.exit_code)}{quote(outcome)}"
    return ""


def quote(outcome: Outcome) -> str:
    """The last lines of its output, as the end of a message."""
    text = outcome.stderr.strip() or outcome.stdout.strip()
    lines = [line.rstrip()[:200] for line in text.splitlines() if line.strip()][-_QUOTED:]
    return LAST_LINES + "\n".join(f"  {line}" for line in lines) if lines else ""


def signal_of(code: int) -> str:
    """The signal that an exit code speaks of, as `SIGKILL`: negative by the system, above 128 by a shell; else empty."""
    number = -code if code < 0 else code - 128 if code > 128 else 0
    try:
        return signal.Signals(number).name if number else ""
    except ValueError:
        return ""


def _exit(code: int) -> str:
    if name := signal_of(code):
        return f"ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return "command not found (exit code 127)" if code == 127 else f"exit code {code}"
