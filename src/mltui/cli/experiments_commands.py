"""`mltui experiments`: which module holds which command. Those that should start at once do not load the others."""

from __future__ import annotations

import importlib
from typing import cast

import click

QUICK = {
    "list": "mltui.cli.experiments_list:list_",
    "verify": "mltui.cli.experiments_journal:verify",
    "export": "mltui.cli.experiments_journal:export",
    "policy": "mltui.cli.experiments_policy:policy",
    "grant": "mltui.cli.experiments_grants:grant",
    "sync": "mltui.cli.experiments_sync:sync",
    "orphans": "mltui.cli.experiments_unplanned:orphans",
}
"""Command to its place. All others are in `mltui.cli.experiments`."""


class Commands(click.Group):
    """Loads a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*QUICK, *_others().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = QUICK.get(cmd_name)
        if place is None:
            return _others().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        return cast(click.Command, getattr(importlib.import_module(module), attribute))


def _others() -> click.Group:
    return cast(click.Group, importlib.import_module("mltui.cli.experiments").experiments)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mltui experiments approve P-0003 && mltui experiments run P-0003",
)
def experiments() -> None:
    """List, decide, run and compare experiments."""
