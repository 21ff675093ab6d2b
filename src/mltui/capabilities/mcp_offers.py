"""What an MCP server offers, learned when it starts and again when it says that it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mltui.tools.mcp_resources import McpResources, mcp_resources
from mltui.tools.mcp_tool import McpTool, mcp_tool

if TYPE_CHECKING:
    from mltui.capabilities.mcp_client import Connection, ListedPrompt, ListedResource

ServerTool = McpTool | McpResources
_MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class Offers:
    """Attributes: left_out: tools that cannot be offered, and why."""

    tools: tuple[ServerTool, ...] = ()
    prompts: tuple[ListedPrompt, ...] = ()
    left_out: tuple[str, ...] = ()


async def offers(name: str, connection: Connection) -> Offers:
    """What a server offers now. Raises: as `Connection.call`."""
    listed = await connection.tools()
    prompts = tuple(await connection.prompts())
    made = [mcp_tool(name, tool.name, tool.description, tool.schema) for tool in listed]
    resources = mcp_resources(name) if await _any_resources(connection) else None
    # A tool that the server itself gives the name of ours is the one that is meant.
    kept: dict[str, ServerTool] = {tool.name: tool for tool in (*made, *([resources] if resources else [])) if tool is not None}
    kept |= {tool.name: tool for tool in made if tool is not None}
    own = {tool.tool for tool in kept.values() if isinstance(tool, McpTool)}
    left_out = tuple(f"{tool.name[:80]} (its name or its schema is too long)" for tool in listed if tool.name not in own)
    return Offers(tuple(kept.values()), prompts, left_out)


async def _any_resources(connection: Connection) -> bool:
    try:
        return bool(await connection.resources())
    except ValueError:
        return False  # it says that it has some, and cannot list them


def listing(resources: Sequence[ListedResource]) -> str:
    """The resources of a server, a line for each."""
    lines = [f"{one.uri}  {' · '.join(filter(None, (one.name, one.kind, one.description)))}" for one in resources[:_MOST_LISTED]]
    if len(resources) > _MOST_LISTED:
        lines.append(f"({len(resources) - _MOST_LISTED:,} more are left out)")
    return "\n".join(lines) or "The server offers no resources now."
