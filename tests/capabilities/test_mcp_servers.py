"""MCP servers: real processes of the SDK's own server classes, held, halted, killed."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mltui.capabilities.confinement import OnlyFolder
from mltui.capabilities.guarded_shell import Found
from mltui.capabilities.mcp_servers import Grounds, McpServers
from mltui.config.schema import Mcp
from mltui.config.schema import Sandbox as Settings
from mltui.core.errors import ToolError
from mltui.core.messages import ToolResult
from mltui.extensions.mcp_files import McpServer
from mltui.sandbox import choose
from mltui.sandbox.choice import Unconfined

SCRIPT = Path(__file__).parent.parent / "servers" / "mcp_server.py"


class Guard:
    """Counts what acts, and looks at nothing."""

    def __init__(self) -> None:
        self.acting_now = 0
        self.times = 0

    @asynccontextmanager
    async def acting(self, *, sandboxed: bool = False) -> AsyncGenerator[Found]:
        self.times += 1
        self.acting_now += 1
        yield Found()
        self.acting_now -= 1


class Training:
    """Ends what runs as soon as `reason` is set."""

    reason = ""

    def start(self, command: str, before: float = 0.0) -> None:
        pass

    async def look(self, process: int) -> str:
        return self.reason

    async def finish(self, cpu_seconds: float, ended: str) -> list[str]:
        return []

    def environ(self, environ: Any) -> dict[str, str]:
        return {}


class Bench:
    def __init__(self, folder: Path, bare: bool = True, **settings: Any) -> None:
        self.folder = folder
        self.guard, self.training = Guard(), Training()
        sandbox = Unconfined() if bare else choose(Settings(), os.environ)
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "SOME_API_KEY": "secret"}
        self.grounds = Grounds(sandbox, OnlyFolder(folder), self.guard, self.training, environ, folder)  # type: ignore[arg-type]
        self.settings = Mcp(**settings)

    def servers(self, **specs: McpServer) -> McpServers:
        return McpServers(specs or {"t": self.spec()}, self.settings, self.grounds)

    def spec(self, *argv: str, **more: Any) -> McpServer:
        return McpServer("t", "user", self.folder, "", command=argv or (sys.executable, str(SCRIPT)), **more)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    yield Bench(tmp_path)


async def call(servers: McpServers, tool: str, **arguments: Any) -> ToolResult:
    async def nobody(_text: str) -> None:
        pass

    return await servers.call("t", tool, arguments, nobody)


async def test_a_server_is_started_called_and_ended(bench: Bench) -> None:
    servers = bench.servers()
    servers.start()
    await servers.ready()
    (status,) = servers.statuses()
    assert (status.state, status.prompts) == ("ready", ("review",))
    assert [tool.name for tool in servers.tools][:2] == ["mcp__t__add", "mcp__t__environment"]
    assert (await call(servers, "add", a=1, b=2)).content == "3"
    wrong = await call(servers, "add", a="x")
    assert wrong.is_error
    picture = await call(servers, "picture")
    assert picture.images[0].media_type == "image/png"
    long = await call(servers, "long", characters=100_000)
    assert len(long.content) < 31_000
    assert "Read or Grep it" in long.content
    assert (await call(servers, "environment", name="SOME_API_KEY")).content == "(not set)"
    process = servers._servers["t"].process
    assert process is not None
    await servers.close()
    assert not process.running
    await servers.close()


async def test_resources_are_listed_and_read(bench: Bench) -> None:
    servers = bench.servers()
    await servers.ready()
    assert "mcp__t__read_resource" in [tool.name for tool in servers.tools]
    listed = (await servers.resource("t", "", "the list")).content
    assert "notes://first" in listed and "What was noted first." in listed
    assert "table://{name}" in listed
    assert (await servers.resource("t", "notes://first", "it")).content == "be brief"
    assert (await servers.resource("t", "table://users", "it")).content == "rows of users"
    with pytest.raises(ToolError, match="refused"):
        await servers.resource("t", "nothing://here", "it")
    await servers.close()


async def test_what_a_server_offers_is_learned_anew_when_it_says_so(bench: Bench) -> None:
    servers = bench.servers()
    await servers.ready()
    times = bench.guard.times
    await servers.refresh()
    assert bench.guard.times == times, "nobody is woken for nothing"
    await call(servers, "grow")
    assert "mcp__t__grown" not in [tool.name for tool in servers.tools]
    await servers.refresh()
    assert "mcp__t__grown" in [tool.name for tool in servers.tools]
    assert (await call(servers, "grown")).content == "new"
    await servers.close()


async def test_a_question_of_a_server_is_declined_and_told(bench: Bench) -> None:
    servers = bench.servers()
    await servers.ready()
    result = await call(servers, "ask", question="Your name?")
    assert result.content.startswith("the person said: decline")
    assert "wanted to ask the person: “Your name?”" in result.content
    assert "wanted to ask" not in (await call(servers, "add", a=1, b=2)).content
    await servers.close()


async def test_a_server_acts_only_while_it_is_called(bench: Bench) -> None:
    servers = bench.servers()
    await servers.ready()
    assert bench.guard.times == 1
    later = bench.folder / "later"
    assert (await call(servers, "write_later", path=str(later), text="x")).content == "soon"
    await asyncio.sleep(0.7)
    assert not later.exists()
    await call(servers, "sleep", seconds=0.7)
    assert later.exists()
    assert bench.guard.times == 3
    assert bench.guard.acting_now == 0
    await servers.close()


async def test_a_server_that_ends_is_told_and_started_again(bench: Bench) -> None:
    servers = bench.servers()
    await servers.ready()
    with pytest.raises(ToolError, match=r"ended during the call .*I am dying.*started again.*unknown"):
        await call(servers, "die")
    assert (await call(servers, "add", a=1, b=1)).content == "2"
    await servers.close()


async def test_a_call_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    servers = Bench(tmp_path, tool_seconds=0.3).servers()
    await servers.ready()
    with pytest.raises(ToolError, match=r"did not answer within 0\.3 s"):
        await call(servers, "sleep", seconds=1)
    await asyncio.sleep(0)
    await servers.close()


async def test_an_interrupted_call_leaves_the_server_halted_and_usable(bench: Bench) -> None:
    servers = bench.servers()
    await servers.ready()
    task = asyncio.create_task(call(servers, "sleep", seconds=0.4))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await call(servers, "add", a=1, b=1)).content == "2"
    await servers.close()


async def test_a_server_that_trains_is_ended(bench: Bench) -> None:
    servers = bench.servers()
    await servers.ready()
    bench.training.reason = "it trains"
    with pytest.raises(ToolError, match="was ended: it trains"):
        await call(servers, "sleep", seconds=30)
    with pytest.raises(ToolError, match="it trains"):
        await call(servers, "add", a=1, b=1)
    await servers.close()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("/no/such/program",), "No such file"),
        ((sys.executable, "-c", "import sys; sys.exit('wrong key')"), "wrong key"),
        ((sys.executable, "-c", "import time; time.sleep(30)"), "did not answer within"),
        ((sys.executable, "-c", "print('no protocol')"), ""),
    ],
)
async def test_a_server_that_does_not_start_says_why(tmp_path: Path, argv: tuple[str, ...], said: str) -> None:
    bench = Bench(tmp_path, startup_seconds=1.0 if "sleep" in argv[-1] else 60.0)
    servers = bench.servers(t=bench.spec(*argv))
    await servers.ready()
    (status,) = servers.statuses()
    assert status.state == "failed"
    assert said in status.error
    with pytest.raises(ToolError, match=r"is not running|does not start"):
        await call(servers, "add", a=1, b=1)
    await servers.close()


async def test_the_sandbox_holds_a_server_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path, bare=False)
    if bench.grounds.sandbox.name == "none":
        pytest.skip("no sandbox here")
    servers = bench.servers()
    await servers.ready()
    outside = Path("/usr/written-by-a-server")  # not below /tmp, of which the sandbox has its own
    assert "could not" in (await call(servers, "write", path=str(outside), text="x")).content
    assert not outside.exists()
    assert (await call(servers, "write", path=str(tmp_path / "inside"), text="x")).content == "written"
    await servers.close()


@pytest.fixture
def http_server() -> Any:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(SCRIPT), "http", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        import time

        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/mcp"
    process.kill()
    process.wait()


async def test_a_server_of_the_network(bench: Bench, http_server: str) -> None:
    servers = bench.servers(t=McpServer("t", "user", bench.folder, "", url=http_server, headers={"X-Key": "k"}))
    await servers.ready()
    assert (await call(servers, "add", a=2, b=3)).content == "5"
    await servers.close()


async def test_a_server_of_the_network_that_is_not_there(bench: Bench) -> None:
    servers = bench.servers(t=McpServer("t", "user", bench.folder, "", url="http://127.0.0.1:9/mcp"))
    await servers.ready()
    (status,) = servers.statuses()
    assert status.state == "failed"
    assert status.error
    await servers.close()
