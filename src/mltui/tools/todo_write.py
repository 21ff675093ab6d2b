"""TodoWrite: the plan that the person sees."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from mltui.core.effects import Effect
from mltui.core.errors import ToolError
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import Todo, ToolContext, Workspace

_MOST = 100


class TodoItem(LaxArgs):
    # Models add keys of their own to the items (an id, a priority); they change nothing.
    model_config = ConfigDict(extra="ignore")

    content: str = Field(min_length=1, description="What is to be done")
    status: Literal["pending", "in_progress", "completed"] = "pending"
    activeForm: str = Field(default="", description="The same, as it is called while it is being done")


class TodoWriteArgs(LaxArgs):
    todos: tuple[TodoItem, ...] = Field(max_length=_MOST, description="The whole list; it replaces the one before")


class TodoWrite:
    name = "TodoWrite"
    args_model = TodoWriteArgs

    def effects(self, args: TodoWriteArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="note", target="todos"),)

    async def run(self, args: TodoWriteArgs, ctx: ToolContext) -> ToolResult:
        if sum(item.status == "in_progress" for item in args.todos) > 1:
            raise ToolError("more than one item is in_progress", hint="Work on one at a time")
        ctx.notes.set_todos([Todo(item.content, item.status) for item in args.todos])
        done = sum(item.status == "completed" for item in args.todos)
        return ToolResult(content=f"The list is noted: {done} of {len(args.todos)} done", details={"done": done, "total": len(args.todos)})
