"""The root of the command line: finds the command, shows help, turns errors into one line and an exit code."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from mltui.core.errors import MltuiError

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("mltui.cli.run:run", "Work with the agent (what `mltui` alone does)."),
    "try": ("mltui.cli.tryout:try_command", "Run one whole experiment on the packaged example, offline."),
    "experiments": ("mltui.cli.experiments_commands:experiments", "List, decide, run and compare experiments."),
    "jobs": ("mltui.cli.jobs:jobs", "See what runs: list, show, logs, stop, attach."),
    "promote": ("mltui.cli.promote:promote", "Make a measured model the champion, or a prompt the production prompt."),
    "sweep": ("mltui.cli.sweep:sweep", "Try many settings under one approval, and confirm the best."),
    "data": ("mltui.cli.data:data", "Check, fingerprint and split data."),
    "sessions": ("mltui.cli.sessions:sessions", "List, search, show, export, rename and delete conversations."),
    "personas": ("mltui.cli.personas:personas", "List and check personas."),
    "permissions": ("mltui.cli.permissions:permissions", "List, explain and test the permission rules."),
    "auth": ("mltui.cli.auth:auth", "Keep, show and forget keys of model providers."),
    "mcp": ("mltui.cli.mcp:mcp", "List, add and remove MCP servers."),
    "config": ("mltui.cli.config:config", "Show, check and change settings and keys."),
    "doctor": ("mltui.cli.doctor:doctor", "Say what is installed, what works and what to do about the rest."),
    "ui": ("mltui.cli.ui:ui", "Open the MLflow UI on this project's runs."),
    "replay": ("mltui.cli.replay:replay", "Play a session file."),
    "completion": ("mltui.cli.completion:completion", "Print a completion script for bash, zsh or fish."),
}
"""Command to the place of its click object, imported when it is used, and its line in the help."""


class Root(click.Group):
    """Commands loaded by name; anything that is no command belongs to `run`, so that `mltui PATH` and `mltui --plain` work."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if name != "run"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place[0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)  # the shell completes the first word: a command or an option of `run`
        if not args or (args[0] not in COMMANDS and args[0] not in ("--help", "-h")):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = super().shell_complete(ctx, incomplete)
        run = self.get_command(ctx, "run")
        assert run is not None
        words = {item.value for item in found}
        return [item for item in found if item.value != "run"] + [
            item for item in run.shell_complete(click.Context(run, parent=ctx, info_name="run"), incomplete) if item.value not in words
        ]

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # `| head`: whoever reads has enough. Handled here, because click would end with 1.
            _forget_stdout()
            raise click.exceptions.Exit(0) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        run = self.get_command(ctx, "run")
        assert run is not None
        options = [parameter for parameter in run.get_params(ctx) if isinstance(parameter, click.Option)]
        records = [record for option in options if (record := option.get_help_record(ctx))]
        with formatter.section("Options of the agent"):
            formatter.write_dl(records)
        self.format_commands(ctx, formatter)


@click.command(
    cls=Root,
    name="mltui",
    subcommand_metavar="[PATH] | COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Examples: `mltui` · `mltui --plain` · `mltui --headless 'why does test_loss fail?'` · `mltui experiments list`",
)
def root() -> None:
    """A coding agent for machine-learning engineers. Every training, prompt and
    hyperparameter change that it proposes is an experiment that you approve."""


def run(args: Sequence[str]) -> int:
    """Runs the command line and returns the exit code. A person's mistake is one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a sign shows `?`; it is no reason to fail.
            stream.reconfigure(errors="replace")
    try:
        code: object = root.main(args=list(args), prog_name="mltui", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except MltuiError as error:
        print(f"mltui: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _forget_stdout()
        return 0
    except OSError as error:
        # What no command foresaw: a full disk, a folder that may not be written, too many open files.
        _forget_stdout()
        where = f": {error.filename}" if error.filename else ""
        print(f"mltui: {error.strerror or error}{where} — What was recorded so far is kept; mend that and try again", file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


def _forget_stdout() -> None:
    """Lets what is still in stdout's buffer go nowhere, so that the interpreter's own flush at the end cannot fail."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
