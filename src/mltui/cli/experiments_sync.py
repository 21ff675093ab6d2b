"""`mltui experiments sync`: what trackers could not take before is sent now."""

from __future__ import annotations

from pathlib import Path

import click

from mltui.cli.output import clean, emit_json
from mltui.cli.project import cd_option, json_option, load_config
from mltui.core.data import JsonObject
from mltui.core.errors import MltuiError, UsageError


@click.command(epilog="Example: mltui experiments sync --json")
@cd_option
@json_option
def sync(cwd: Path, as_json: bool) -> int:
    """Send to MLflow and W&B what they have not been sent yet, and say what that was. Runs never wait for it."""
    from mltui.experiments.tracking.backlog import backlogs
    from mltui.experiments.tracking.place import without_password
    from mltui.experiments.tracking.sinks import enabled_sinks
    from mltui.experiments.tracking.sync import run_sync

    loaded = load_config(cwd)
    root, tracking = loaded.project_root, loaded.config.tracking
    sinks = enabled_sinks(tracking)
    if not sinks:
        raise UsageError("tracking is switched off", hint='Set enabled = true, or wandb = "offline", under [tracking]')
    found: list[JsonObject] = []
    failed = 0
    for sink in sinks:
        error, sent = "", tuple[str, ...]()
        before = next(each for each in backlogs(root, tracking) if each.sink == sink.title)
        if not as_json and before.experiments:
            click.echo(clean(f"{sink.title}: sending {_count(before.experiments)} to {without_password(before.place)}…"), err=True)
        try:
            sent = run_sync(root, tracking, sink).sent
        except MltuiError as problem:
            error, failed = str(problem), problem.exit_code
        left = next(each for each in backlogs(root, tracking) if each.sink == sink.title)
        found.append(
            {
                "sink": sink.name,
                "place": without_password(left.place),
                "sent": list(sent),
                "waiting": list(left.experiments),
                "error": error,
            }
        )
        if not as_json:
            click.echo(clean(f"{sink.title}: {_said(sent, error)}"), err=True)
    if as_json:
        emit_json(found)
    return failed


def _said(sent: tuple[str, ...], error: str) -> str:
    return error or (f"sent {', '.join(sent)}" if sent else "nothing waited")


def _count(names: tuple[str, ...]) -> str:
    return f"{len(names)} experiment{'s' * (len(names) != 1)}"
