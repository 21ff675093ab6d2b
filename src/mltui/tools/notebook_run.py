"""NotebookRun: a notebook's cells in a kernel of their own, as a command in the shell."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path

from pydantic import Field

from mltui.core.data import JsonObject
from mltui.core.effects import Effect
from mltui.core.errors import InvalidArgumentsError, ToolError
from mltui.core.messages import ToolResult
from mltui.tools import notebook
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ShellResult, ToolContext, Workspace
from mltui.tools.bash import DEFAULT_SECONDS, Timeout, told
from mltui.tools.paths import resolve
from mltui.tools.shell_syntax import command_effects

RUNNER = Path(__file__).parent.parent / "capabilities" / "notebook_runner.py"
"""A program rather than a module of this package: it runs in the sandbox, and a project's own `mltui` must not stand in for it."""
_MISSING = 3
"""Its exit code where packages are missing."""


class NotebookRunArgs(LaxArgs):
    notebook_path: str = Field(description="The notebook: absolute, or relative to the working folder")
    cell_ids: tuple[str, ...] = Field(default=(), description="Only these cells, as Read shows their ids; all code cells unless given")
    timeout: Timeout = DEFAULT_SECONDS * 1000
    save: bool = Field(default=False, description="Write the outputs into the notebook")


class NotebookRun:
    name = "NotebookRun"
    args_model = NotebookRunArgs

    def effects(self, args: NotebookRunArgs, workspace: Workspace) -> tuple[Effect, ...]:
        path = notebook.place(workspace, args.notebook_path, "Run other files by Bash")
        if any("," in name for name in args.cell_ids):
            raise InvalidArgumentsError("a cell id holds no comma", hint="Read shows the cells' ids")
        writes = (Effect(kind="write", target=str(path)),) if args.save else ()
        return Effect(kind="read", target=str(path)), *writes, *command_effects(_command(args, workspace), workspace.cwd)

    async def run(self, args: NotebookRunArgs, ctx: ToolContext) -> ToolResult:
        path = resolve(ctx.workspace, args.notebook_path)
        notebook.parse(await notebook.read(ctx, path), ctx.workspace.relative(path))
        if importlib.util.find_spec("nbclient") is None:
            raise ToolError("notebooks need nbclient and ipykernel to run", hint="pip install 'mltui[notebooks]'")
        done = await ctx.shell.run(_command(args, ctx.workspace), args.timeout / 1000, ctx.output, answer=args.save)
        if done.exit_code == _MISSING:
            raise ToolError(done.output.strip().strip("[]"), hint="pip install 'mltui[notebooks]'")
        saved, ran = await _saved(path, done, ctx) if args.save else ("", True)
        lines = [*told(done, args.timeout), *([saved] if saved else []), *(f"[{note}]" for note in done.notes)]
        details: JsonObject = {"exit_code": done.exit_code, "notes": list(done.notes)}
        return ToolResult(content="\n".join(lines), is_error=done.exit_code != 0 or not ran, details=details)


async def _saved(path: Path, done: ShellResult, ctx: ToolContext) -> tuple[str, bool]:
    """Puts the outputs that came back into the notebook as it is by now. Returns: what to say of it, and whether all were put there.

    Nothing but outputs is taken from what came back: the cells may have written anything there.
    """
    shown = ctx.workspace.relative(path)
    if not done.answer:
        return "[The outputs are not saved]", False
    before = await notebook.read(ctx, path)
    found = notebook.parse(before, shown)
    taken, left = notebook.take_outputs(found, done.answer)
    others = f"[{left} of the cells are others by now, or in the draft: their outputs are not saved]" if left else ""
    if not taken:
        return others or "[There are no outputs to save]", not left
    after = notebook.serialise(found)
    if len(after) > notebook.LARGEST:
        return f"[The outputs are not saved: with them {shown} would have {len(after):,} bytes]", False
    known = ctx.files.seen(path) == ctx.files.digest(before)
    outcome = await ctx.files.write(path, after)
    if known:
        ctx.files.see(path, after)  # only outputs are new, and the model is about to read them
    where = f"in {shown}" if outcome == "written" else f"in the draft, not on disk: {shown} is under experiment"
    return "\n".join([f"[The outputs are saved {where}]", *([others] if others else [])]), not left


def _command(args: NotebookRunArgs, workspace: Workspace) -> str:
    words = [sys.executable, "-P", str(RUNNER), workspace.relative(resolve(workspace, args.notebook_path))]
    if args.cell_ids:
        words.append(f"--cells={','.join(args.cell_ids)}")
    return shlex.join([*words, *(["--answer"] if args.save else [])])
