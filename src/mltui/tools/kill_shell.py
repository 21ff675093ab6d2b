"""KillShell: ends a command in the background."""

from __future__ import annotations

from pydantic import Field

from mltui.core.effects import Effect
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace


class KillShellArgs(LaxArgs):
    shell_id: str = Field(min_length=1, max_length=100, description="The id that Bash gave")


class KillShell:
    name = "KillShell"
    args_model = KillShellArgs

    def effects(self, args: KillShellArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="note", target=args.shell_id),)

    async def run(self, args: KillShellArgs, ctx: ToolContext) -> ToolResult:
        state, notes = await ctx.background.kill(args.shell_id)
        lines = [f"{args.shell_id}: {state}", *(f"[{note}]" for note in notes)]
        return ToolResult(content="\n".join(lines), details={"state": state, "notes": list(notes)})
