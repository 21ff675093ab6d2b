"""An MCP server made of the SDK's own classes, for tests. Run as a process; not a test.

python mcp_server.py [stdio | http PORT]
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel

server = MCPServer("testing")


class Name(BaseModel):
    name: str


PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def environment(name: str) -> str:
    """The value of a variable."""
    return os.environ.get(name, "(not set)")


@server.tool()
def write(path: str, text: str) -> str:
    """Writes a file."""
    try:
        Path(path).write_text(text)
    except OSError as error:
        return f"could not: {error.strerror}"
    return "written"


@server.tool()
def write_later(path: str, text: str) -> str:
    """Writes a file when the call has come back."""
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(0.3); open({path!r}, 'w').write({text!r})"])
    return "soon"


@server.tool()
def run(command: str) -> str:
    """Runs a command."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


@server.tool()
def sleep(seconds: float) -> str:
    """Waits."""
    time.sleep(seconds)
    return "awake"


@server.tool()
def long(characters: int) -> str:
    """Says much."""
    return "x" * characters


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("it went wrong")


@server.tool()
def die() -> str:
    """Ends the server."""
    print("I am dying", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool()
def picture() -> Image:
    """Shows a picture."""
    return Image(data=PIXEL, format="png")


async def asked(question: str) -> Elicit[Name]:
    return Elicit(question, Name)


@server.tool()
async def ask(question: str, answered: Annotated[ElicitationResult[Name], Resolve(asked)]) -> str:
    """Asks the person."""
    return f"the person said: {answered.action}"


@server.tool()
async def grow(ctx: Context) -> str:
    """Gets another tool."""
    server.add_tool(lambda: "new", name="grown", description="Came later.")
    await ctx.notify_tools_changed()
    await ctx.session.send_tool_list_changed()
    return "grown"


@server.resource("notes://first", description="What was noted first.")
def notes() -> str:
    return "be brief"


@server.resource("table://{name}")
def table(name: str) -> str:
    return f"rows of {name}"


@server.prompt()
def review(what: str) -> str:
    """Asks for a review."""
    return f"Review {what} with care."


if __name__ == "__main__":
    print("a line that is no message", flush=True)
    if sys.argv[1:2] == ["http"]:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
    else:
        server.run("stdio")
