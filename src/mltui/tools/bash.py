"""Bash: a shell command, in the foreground or in the background."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from mltui.core.data import JsonObject
from mltui.core.effects import Effect
from mltui.core.errors import InvalidArgumentsError
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ShellResult, ToolContext, Workspace
from mltui.tools.interactive import interactive
from mltui.tools.shell_syntax import command_effects

DEFAULT_SECONDS = 120.0
LONGEST_SECONDS = 600.0
LONGEST_COMMAND = 100_000
"""Characters; the system takes about 130,000 bytes."""


def milliseconds(value: object) -> object:
    """No command is given less than a second, so a small number was meant as seconds."""
    return value * 1000 if isinstance(value, int | float) and 0 < value <= LONGEST_SECONDS else value


Timeout = Annotated[
    float, BeforeValidator(milliseconds), Field(gt=0, le=LONGEST_SECONDS * 1000, description="Milliseconds until it is ended")
]


def told(result: ShellResult, timeout: float, otherwise: str = "") -> list[str]:
    """What a command put out, and how it was ended if it was, in lines for the model; its notes apart.

    Args:
        timeout: milliseconds that it had.
        otherwise: what else to do about a time-out than to give it longer.
    """
    lines = [result.output.rstrip("\n") if result.output.strip() else "(no output)"]
    if result.spill is not None:
        lines.append(f"[The whole output is in {result.spill}: Read or Grep it]")
    if result.exit_code is None:
        most = LONGEST_SECONDS * 1000
        longer = f"Give it longer with `timeout`, up to {most:.0f} ms" if timeout < most else "That is the longest there is"
        lines.append(f"[Ended by the time-out after {timeout / 1000:g} s. {longer}{otherwise}]")
    elif result.exit_code < 0:
        lines.append(f"[Ended by signal {-result.exit_code}]")
    return lines


class BashArgs(LaxArgs):
    command: str = Field(min_length=1, description="The command")
    description: str = Field(default="", description="What it does, in five to ten words")
    timeout: Timeout = DEFAULT_SECONDS * 1000
    run_in_background: bool = Field(default=False, description="Go on without waiting for it")


class Bash:
    name = "Bash"
    args_model = BashArgs

    def effects(self, args: BashArgs, workspace: Workspace) -> tuple[Effect, ...]:
        if not args.command.strip():
            raise InvalidArgumentsError("the command is empty")
        if len(args.command) > LONGEST_COMMAND:
            raise InvalidArgumentsError(
                f"the command has {len(args.command):,} characters", hint=f"At most {LONGEST_COMMAND:,}; Write the rest into a file"
            )
        if "\0" in args.command:
            raise InvalidArgumentsError("the command contains a NUL character")
        if advice := interactive(args.command):
            raise InvalidArgumentsError("there is no terminal for it to be used from", hint=advice)
        return command_effects(args.command, workspace.cwd, workspace.start)

    async def run(self, args: BashArgs, ctx: ToolContext) -> ToolResult:
        if args.run_in_background:
            job, notes = await ctx.background.start(args.command, ctx.workspace.start)
            said = [f"Runs in the background as {job}: BashOutput shows its output, KillShell ends it.", *(f"[{note}]" for note in notes)]
            return ToolResult(content="\n".join(said), details={"job": job, "notes": list(notes)})
        seconds = args.timeout / 1000
        result = await ctx.shell.run(args.command, seconds, ctx.output, ctx.workspace.start)
        lines = told(result, args.timeout, "; or run it with run_in_background and look at it with BashOutput")
        if result.exit_code is not None and result.exit_code > 0:
            lines.append(f"[Exit code {result.exit_code}]")
        lines += [f"[{note}]" for note in result.notes]
        details: JsonObject = {"exit_code": result.exit_code, "notes": list(result.notes)}
        if result.spill is not None:
            details["spill"] = str(result.spill)
        return ToolResult(content="\n".join(lines), is_error=result.exit_code != 0, details=details)
