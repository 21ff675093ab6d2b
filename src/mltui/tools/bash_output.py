"""BashOutput: what a command in the background has said since it was last asked."""

from __future__ import annotations

from pydantic import Field

from mltui.core.data import JsonObject
from mltui.core.effects import Effect
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace


class BashOutputArgs(LaxArgs):
    bash_id: str = Field(min_length=1, max_length=100, description="The id that Bash gave")
    filter: str = Field(default="", max_length=1000, description="A regular expression: only matching lines; the others are gone")


class BashOutput:
    name = "BashOutput"
    args_model = BashOutputArgs

    def effects(self, args: BashOutputArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="note", target=args.bash_id),)

    async def run(self, args: BashOutputArgs, ctx: ToolContext) -> ToolResult:
        found = await ctx.background.read(args.bash_id, args.filter or None)
        lines = [f"[… {found.lost:,} characters left out …]"] if found.lost else []
        lines.append(found.text.rstrip("\n") if found.text.strip() else "(no new output)")
        if found.spill is not None:
            lines.append(f"[The whole output is in {found.spill}: Read or Grep it]")
        lines.append(f"[{args.bash_id}: {found.state}]")
        lines += [f"[{note}]" for note in found.notes]
        details: JsonObject = {"state": found.state, "notes": list(found.notes)}
        if found.ended:
            details["exit_code"] = found.exit_code
        return ToolResult(content="\n".join(lines), details=details)
