"""What no permission allows."""

from __future__ import annotations

from collections.abc import Sequence

from mltui.agent.self_approval import decides
from mltui.core.effects import Effect
from mltui.experiments.service import Experiments
from mltui.tools.shell_syntax import simple_commands


class Refused(Exception):
    """The call was denied; carries the result for the model."""

    def __init__(self, content: str, *, stop: str = "") -> None:
        super().__init__(content)
        self.stop = stop


def refuse_outright(effects: Sequence[Effect], experiments: Experiments) -> str:
    """Refuses to decide for oneself, and training outside a proposal, before anyone is asked: no permission allows them.

    Returns: why the call trains, where the project lets that be asked about; else empty.
    """
    control = experiments.control
    unplanned = experiments.config.experiments.unplanned_training
    for effect in effects:
        if effect.kind != "exec":
            continue
        commands = simple_commands(effect.target)
        if any(decides(command) for command in commands):
            raise Refused(f"`{effect.target}` would decide in the person's place. Ask them, and wait for their answer.")
        if unplanned == "record":
            continue
        views = [effect.target, *(command.core_text for command in commands)]
        reason = next((found for view in views if (found := control.launch(view))), None)
        if reason and unplanned == "deny":
            raise Refused(
                f"`{effect.target}` starts training ({reason}), which only an approved experiment may do. Put what you want to try "
                "into the draft by Edit, or into `changes`, and call ProposeExperiment: it runs, logs and compares it."
            )
        if reason:
            return f"it trains outside a proposal ({reason}), which is recorded and can never be compared"
    return ""
