"""A tool of an MCP server: its own schema, and one effect that says which server does what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ConfigDict

from mltui.core.data import JsonObject
from mltui.core.effects import Effect
from mltui.core.messages import ToolResult, ToolSpec
from mltui.tools.base import Args, ToolContext, Workspace

LONGEST_NAME = 64
"""Characters that providers take."""
_LONGEST_DESCRIPTION = 4000
_LARGEST_SCHEMA = 40_000


class McpArgs(Args):
    """Whatever the server's schema says: the server itself checks it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def given(self) -> JsonObject:
        """The arguments as the model sent them."""
        return cast("JsonObject", dict(self.model_extra or {}))


@dataclass(frozen=True, slots=True)
class McpTool:
    """Attributes: server, tool: the names as the server and the file say them."""

    name: str
    server: str
    tool: str
    description: str
    parameters: JsonObject
    args_model: type[Args] = McpArgs

    def effects(self, args: McpArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="mcp", target=f"{self.server}: {self.tool}"),)

    async def run(self, args: McpArgs, ctx: ToolContext) -> ToolResult:
        return await ctx.mcp.call(self.server, self.tool, args.given(), ctx.output)

    def spec(self) -> ToolSpec:
        return ToolSpec(name=self.name, description=self.description, parameters=self.parameters)


def tool_name(server: str, tool: str) -> str | None:
    """`mcp__SERVER__TOOL` in letters that every provider takes, or None where it would be too long to be told apart."""
    name = f"mcp__{_plain(server)}__{_plain(tool)}"
    return name if len(name) <= LONGEST_NAME and tool else None


def mcp_tool(server: str, tool: str, description: str, schema: Mapping[str, Any]) -> McpTool | None:
    """The tool as it is offered; None where its name or its schema cannot be."""
    name = tool_name(server, tool)
    parameters = {**schema, "type": "object"}
    parameters.setdefault("properties", {})
    if name is None or not isinstance(parameters["properties"], dict) or len(repr(parameters)) > _LARGEST_SCHEMA:
        return None
    text = description.strip()[:_LONGEST_DESCRIPTION] or f"{tool} of the MCP server {server}"
    return McpTool(name, server, tool, text, cast("JsonObject", parameters))


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)
