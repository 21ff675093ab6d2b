"""What the commands of `mltui experiments` share: how an experiment and a reason are named."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from mltui.cli.project import open_experiments
from mltui.core.errors import MltuiError


def complete_id(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The experiments of the project, for the shell's Tab key; a project that cannot be read has none."""
    with contextlib.suppress(MltuiError, OSError):
        return [e.id for e in open_experiments(Path(ctx.params.get("cwd") or ".")).list() if e.id.startswith(incomplete)]
    return []


id_argument = click.argument("experiment_id", metavar="ID", shell_complete=complete_id)
reason_option = click.option("--reason", default="", help="Why; the agent is told and the journal keeps it.")
