"""The resources of an MCP server as one tool of that server, so that what rules and personas say of the server holds for them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from mltui.core.data import JsonObject
from mltui.core.effects import Effect
from mltui.core.messages import ToolResult, ToolSpec
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import Args, ToolContext, Workspace, description
from mltui.tools.mcp_tool import tool_name

NAME = "read_resource"


class ResourceArgs(LaxArgs):
    uri: str = Field(default="", max_length=4000, description="The URI of the resource, as the list says it; leave it out for the list")


@dataclass(frozen=True, slots=True)
class McpResources:
    """Attributes: server: its name as the file says it."""

    name: str
    server: str
    args_model: type[Args] = ResourceArgs

    @property
    def tool(self) -> str:
        return NAME

    def effects(self, args: ResourceArgs, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="mcp", target=f"{self.server}: {_what(args.uri)}"),)

    async def run(self, args: ResourceArgs, ctx: ToolContext) -> ToolResult:
        return await ctx.mcp.resource(self.server, args.uri, _what(args.uri))

    def spec(self) -> ToolSpec:
        schema: JsonObject = ResourceArgs.model_json_schema()
        schema.pop("title", None)
        return ToolSpec(name=self.name, description=description("mcp_resources").replace("SERVER", self.server), parameters=schema)


def mcp_resources(server: str) -> McpResources | None:
    """The tool, or None where its name would be too long."""
    name = tool_name(server, NAME)
    return McpResources(name, server) if name is not None else None


def _what(uri: str) -> str:
    return f"resource {uri}" if uri else "the list of resources"
