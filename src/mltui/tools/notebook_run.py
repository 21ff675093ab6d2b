"""NotebookRun: a notebook's cells in a kernel of their own, as a command in the shell."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from mltui.core.effects import Effect
from mltui.core.errors import InvalidArgumentsError, ToolError
from mltui.core.messages import ToolResult
from mltui.tools import notebook
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace
from mltui.tools.bash import DEFAULT_SECONDS, LONGEST_SECONDS, milliseconds
from mltui.tools.paths import resolve
from mltui.tools.shell_syntax import command_effects

RUNNER = Path(__file__).parent.parent / "capabilities" / "notebook_runner.py"
"""A program rather than a module of this package: it runs in the sandbox, and a project's own `mltui` must not stand in for it."""
_MISSING = 3
"""Its exit code where packages are missing."""


class NotebookRunArgs(LaxArgs):
    notebook_path: str = Field(description="The notebook: absolute, or relative to the working folder")
    cell_ids: tuple[str, ...] = Field(default=(), description="Only these cells, as Read shows their ids; all code cells unless given")
    timeout: Annotated[float, BeforeValidator(milliseconds)] = Field(
        default=DEFAULT_SECONDS * 1000, gt=0, le=LONGEST_SECONDS * 1000, description="Milliseconds until it is ended"
    )
    save: bool = Field(default=False, description="Write the outputs into the notebook")


class NotebookRun:
    name = "NotebookRun"
    args_model = NotebookRunArgs

    def effects(self, args: NotebookRunArgs, workspace: Workspace) -> tuple[Effect, ...]:
        path = resolve(workspace, args.notebook_path)
        if path.suffix.lower() != ".ipynb":
            raise InvalidArgumentsError(f"{args.notebook_path} is no notebook (.ipynb)", hint="Run other files by Bash")
        if any("," in name for name in args.cell_ids):
            raise InvalidArgumentsError("a cell id holds no comma", hint="Read shows the cells' ids")
        writes = (Effect(kind="write", target=str(path)),) if args.save else ()
        return Effect(kind="read", target=str(path)), *writes, *command_effects(_command(args, workspace), workspace.cwd)

    async def run(self, args: NotebookRunArgs, ctx: ToolContext) -> ToolResult:
        path = resolve(ctx.workspace, args.notebook_path)
        shown = ctx.workspace.relative(path)
        if not await ctx.files.exists(path):
            raise ToolError(f"{shown} does not exist", hint="Write creates a notebook")
        before = await ctx.files.read(path)
        notebook.parse(before, shown)
        if importlib.util.find_spec("nbclient") is None:
            raise ToolError("notebooks need nbclient and ipykernel to run", hint="pip install 'mltui[notebooks]'")
        seconds = args.timeout / 1000
        done = await ctx.shell.run(_command(args, ctx.workspace), seconds, ctx.output)
        if done.exit_code == _MISSING:
            raise ToolError(done.output.strip().strip("[]"), hint="pip install 'mltui[notebooks]'")
        known = ctx.files.seen(path) == ctx.files.digest(before)
        if args.save and known and await ctx.files.exists(path):
            # Only outputs are new, and the model is about to read them.
            ctx.files.see(path, await ctx.files.read(path))
        lines = [done.output.rstrip("\n") or "(no output)"]
        if done.spill is not None:
            lines.append(f"[The whole output is in {done.spill}: Read or Grep it]")
        if done.exit_code is None:
            lines.append(f"[Ended by the time-out after {seconds:g} s; `timeout` takes up to {LONGEST_SECONDS * 1000:g}]")
        elif done.exit_code < 0:
            lines.append(f"[Ended by signal {-done.exit_code}]")
        lines += [f"[{note}]" for note in done.notes]
        return ToolResult(
            content="\n".join(lines), is_error=done.exit_code != 0, details={"exit_code": done.exit_code, "notes": list(done.notes)}
        )


def _command(args: NotebookRunArgs, workspace: Workspace) -> str:
    words = [sys.executable, "-P", str(RUNNER), workspace.relative(resolve(workspace, args.notebook_path))]
    if args.cell_ids:
        words.append(f"--cells={','.join(args.cell_ids)}")
    return shlex.join([*words, *(["--save"] if args.save else [])])
