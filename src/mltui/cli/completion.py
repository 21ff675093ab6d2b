"""`mltui completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog='Example: eval "$(mltui completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a completion script for bash, zsh or fish."""
    cls = get_completion_class(shell)
    assert cls is not None
    root = ctx.find_root()
    click.echo(cls(root.command, {}, "mltui", "_MLTUI_COMPLETE").source())
