"""The MCP servers of a session: started in the background, called one at a time, and held to what commands are held to."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from mltui.capabilities.confinement import Confining
from mltui.capabilities.guarded_shell import GuardedShell
from mltui.capabilities.mcp_offers import Offers, ServerTool, listing, offers
from mltui.capabilities.mcp_process import ServerProcess
from mltui.capabilities.shell import shell_environment
from mltui.capabilities.spill import BoundedOutput
from mltui.capabilities.training_watch import TrainingWatch
from mltui.config.schema import Mcp as Settings
from mltui.core.data import JsonObject
from mltui.core.errors import MltuiError, ToolError
from mltui.core.messages import ToolResult
from mltui.extensions.mcp_files import McpServer
from mltui.sandbox.process import Sandbox

if TYPE_CHECKING:
    from mltui.capabilities.mcp_client import Connection, ListedPrompt, Outcome

State = Literal["starting", "ready", "failed"]
_T = TypeVar("_T")
_LOOK = 1.0
_MOST_STARTS = 4
"""Starts of one server in a session: a server that ends at each call is not started for ever."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What servers stand on: where they run, and what looks at them."""

    sandbox: Sandbox
    confining: Confining
    guard: GuardedShell
    training: TrainingWatch
    environ: Mapping[str, str]
    folder: Path
    """For their logs, and for results that are too long."""


@dataclass(slots=True)
class _Server:
    spec: McpServer
    state: State = "starting"
    error: str = ""
    offers: Offers = field(default_factory=Offers)
    starts: int = 0
    process: ServerProcess | None = None
    connection: Connection | None = None
    task: asyncio.Task[None] | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What people are told of a server. Attributes: left_out: tools that cannot be offered, and why."""

    name: str
    state: State
    error: str
    tools: tuple[str, ...]
    prompts: tuple[str, ...]
    left_out: tuple[str, ...]


class McpServers:
    """Starts the servers and calls them."""

    def __init__(self, servers: Mapping[str, McpServer], settings: Settings, grounds: Grounds) -> None:
        self._servers = {name: _Server(spec) for name, spec in servers.items()}
        self._settings = settings
        self._grounds = grounds
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to start them in the background. May be called again."""
        if self._servers and self._starting is None:
            self._starting = asyncio.create_task(self._start_all())

    async def ready(self) -> None:
        """Waits until each is ready or failed, as long as the settings say a start may take."""
        self.start()
        if self._starting is not None:
            # Shielded: who stops waiting does not stop the servers.
            await asyncio.wait([self._starting])

    @property
    def tools(self) -> tuple[ServerTool, ...]:
        """Of the servers that are ready, in the order of the files."""
        return tuple(tool for server in self._servers.values() if server.state == "ready" for tool in server.offers.tools)

    @property
    def prompts(self) -> tuple[tuple[str, ListedPrompt], ...]:
        return tuple(
            (name, prompt) for name, server in self._servers.items() if server.state == "ready" for prompt in server.offers.prompts
        )

    def statuses(self) -> tuple[ServerStatus, ...]:
        return tuple(
            ServerStatus(
                name,
                server.state,
                server.error,
                tuple(tool.tool for tool in server.offers.tools),
                tuple(prompt.name for prompt in server.offers.prompts),
                server.offers.left_out,
            )
            for name, server in self._servers.items()
        )

    async def call(self, server: str, tool: str, arguments: JsonObject, _on_output: Callable[[str], Awaitable[None]]) -> ToolResult:
        """Calls a tool between two looks at the tree.

        Raises: ToolError: the server is not there, ended, took too long, or had to be ended.
        """
        seconds = self._settings.tool_seconds + 5
        return await self._asked(server, f"{server}: {tool}", lambda connection: connection.call(tool, arguments, seconds))

    async def resource(self, server: str, uri: str, what: str) -> ToolResult:
        """A resource of a server, or without a URI the list of them. Raises: as `call`."""

        async def listed(connection: Connection) -> Outcome:
            from mltui.capabilities.mcp_client import Outcome

            return Outcome(listing(await connection.resources()), (), False)

        return await self._asked(server, f"{server}: {what}", lambda connection: connection.read(uri) if uri else listed(connection))

    async def refresh(self) -> None:
        """Learns anew what those servers offer that said it changed. What goes wrong is said by the next call."""
        for server in self._servers.values():
            if server.connection is not None and server.connection.changed:
                with contextlib.suppress(MltuiError, OSError):
                    async with self._acting(server):
                        connection = await self._connected(server)
                        name = server.spec.name
                        server.offers = await self._do(server, f"{name}: what it offers", offers(name, connection))

    async def _asked(self, server: str, what: str, ask: Callable[[Connection], Coroutine[Any, Any, Outcome]]) -> ToolResult:
        known = self._known(server)
        async with self._acting(known) as found:
            connection = await self._connected(known)
            outcome = await self._do(known, what, ask(connection))
        output = BoundedOutput(self._grounds.folder)
        output.add(outcome.text)
        text = output.close()
        lines = [text or ("(an image)" if outcome.images else "(no output)")]
        if output.path is not None:
            lines.append(f"[The whole result is in {output.path}: Read or Grep it]")
        lines += [
            f"[The server wanted to ask the person: “{question}”. It was told no: questions of servers are not passed on. "
            "Ask the person yourself if it is needed, and call again with the answer.]"
            for question in connection.asked()
        ]
        lines += [f"[{note}]" for note in found.notes]
        details: JsonObject = {"server": server, "notes": list(found.notes)}
        return ToolResult(content="\n".join(lines), is_error=outcome.is_error, details=details, images=outcome.images)

    async def prompt(self, server: str, name: str, arguments: dict[str, str]) -> str:
        """The text of a server's prompt. Raises: ToolError."""
        known = self._known(server)
        async with self._acting(known):
            connection = await self._connected(known)
            return await self._do(known, f"{server}: prompt {name}", connection.prompt(name, arguments))

    async def close(self) -> None:
        """Ends all of them, between two looks at the tree: while it ends politely, a server runs. Safe to call twice."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        local = next((server for server in self._servers.values() if server.process is not None), None)
        if local is None:
            await self._end_all()
            return
        try:
            async with self._acting(local):
                await self._end_all()
        except (MltuiError, OSError):
            await self._end_all()

    async def _end_all(self) -> None:
        tasks = [server.task for server in self._servers.values() if server.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for server in self._servers.values():
            if server.process is not None:
                await server.process.end()

    def _known(self, name: str) -> _Server:
        server = self._servers.get(name)
        if server is None:
            raise ToolError(f"There is no MCP server {name[:60]!r}", hint=f"There are: {', '.join(self._servers) or 'none'}")
        return server

    def _acting(self, server: _Server) -> AbstractAsyncContextManager[Any]:
        return self._grounds.guard.acting(sandboxed=not server.spec.url and self._grounds.sandbox.name != "none")

    # ── starting ─────────────────────────────────────────────────────────────────

    async def _start_all(self) -> None:
        local = [server for server in self._servers.values() if not server.spec.url]
        remote = [server for server in self._servers.values() if server.spec.url]
        try:
            await asyncio.to_thread(importlib.import_module, "mltui.capabilities.mcp_client")
        except ImportError as error:
            for server in self._servers.values():
                server.state, server.error = "failed", f"the package mcp cannot be loaded: {error}"
            return
        async with asyncio.TaskGroup() as group:
            for server in remote:
                group.create_task(self._start(server))
            if local:
                group.create_task(self._start_local(*local))

    async def _start_local(self, *servers: _Server) -> None:
        async with self._acting(servers[0]):  # a server acts from its first line on
            await self._start_watched(*servers)

    async def _start_watched(self, *servers: _Server) -> None:
        training = self._grounds.training
        training.start("mcp " + "; ".join(f"{server.spec.name}: {server.spec.says}" for server in servers))
        try:
            await asyncio.gather(*map(self._start, servers))
        finally:
            processes = [server.process for server in servers if server.process is not None]
            await asyncio.gather(*(process.halt() for process in processes))
            await training.finish(sum(process.cpu_seconds() for process in processes if process.running), "")

    async def _start(self, server: _Server) -> None:
        """Starts one and learns its tools; what goes wrong becomes its state."""
        server.starts += 1
        server.state, server.error = "starting", ""
        server.settled.clear()
        server.task = asyncio.create_task(self._hold(server))
        try:
            async with asyncio.timeout(self._settings.startup_seconds):
                if reason := await self._looked_at(server, server.settled.wait()):
                    await self._fail(server, f"ended by mltui: {reason}")
        except TimeoutError:
            await self._fail(server, f"it did not answer within {self._settings.startup_seconds:g} s ([mcp] startup_seconds)")

    async def _hold(self, server: _Server) -> None:
        """Keeps the connection open; it has to be opened and closed by one task."""
        try:
            async with self._open(server) as connection:
                server.offers = await offers(server.spec.name, connection)
                server.connection, server.state = connection, "ready"
                server.settled.set()
                await asyncio.Event().wait()
        except Exception as error:
            server.state, server.error = "failed", self._why(server, error)
        finally:
            server.connection = None
            server.settled.set()

    @asynccontextmanager
    async def _open(self, server: _Server) -> AsyncGenerator[Connection]:
        from mltui.capabilities.mcp_client import over_http, over_process

        seconds = self._settings.startup_seconds
        if server.spec.url:
            async with over_http(server.spec.url, server.spec.headers or {}, seconds) as connection:
                yield connection
            return
        grounds = self._grounds
        env = {**shell_environment(grounds.environ), **(server.spec.env or {})}
        env |= grounds.training.environ(env)
        log = grounds.folder / f"mcp-{server.spec.name}.log"
        server.process = await ServerProcess.start(server.spec.command, env, sandbox=grounds.sandbox, confining=grounds.confining, log=log)
        try:
            async with over_process(server.process, seconds) as connection:
                yield connection
        finally:
            await server.process.end()

    async def _fail(self, server: _Server, error: str) -> None:
        if server.task is not None:
            server.task.cancel()
            await asyncio.wait([server.task])
        server.state, server.error = "failed", error

    def _why(self, server: _Server, error: BaseException) -> str:
        words = server.process.last_words() if server.process is not None else ""
        error = _innermost(error)
        said = str(error).strip().splitlines()[:1]
        text = said[0][:300] if said else type(error).__name__
        return f"{text}; its last words: {words}" if words else text

    # ── calling ──────────────────────────────────────────────────────────────────

    async def _connected(self, server: _Server) -> Connection:
        """The connection; a server that ended since is started again."""
        if server.state == "failed":
            raise ToolError(f"The MCP server {server.spec.name} is not running: {server.error}", hint="Do without it, or tell the person")
        if server.connection is None or (server.process is not None and not server.process.running):
            await self._restart(server)
        assert server.connection is not None
        return server.connection

    async def _restart(self, server: _Server) -> None:
        if server.starts >= _MOST_STARTS:
            raise ToolError(f"The MCP server {server.spec.name} ended {server.starts} times and is left alone", hint="Tell the person")
        if server.task is not None:
            server.task.cancel()
            await asyncio.wait([server.task])
        await self._start_watched(server) if not server.spec.url else await self._start(server)
        if server.connection is None:
            raise ToolError(f"The MCP server {server.spec.name} ended and does not start again: {server.error}", hint="Tell the person")

    async def _do(self, server: _Server, what: str, work: Coroutine[Any, Any, _T]) -> _T:
        """Does something with a server under watch. Raises: ToolError."""
        from mltui.capabilities.mcp_client import ConnectionLostError

        name = server.spec.name
        try:
            async with asyncio.timeout(self._settings.tool_seconds):
                return await (work if server.process is None else self._watched(server, server.process, what, work))
        except TimeoutError:
            raise ToolError(f"The MCP server {name} did not answer within {self._settings.tool_seconds:g} s ([mcp] tool_seconds)") from None
        except ValueError as error:
            raise ToolError(f"The MCP server {name} refused: {error}") from None
        except ConnectionLostError:
            words = server.process.last_words() if server.process is not None else ""
            with contextlib.suppress(ToolError):
                await self._restart(server)
            again = "It was started again" if server.connection is not None else "It does not start again"
            said = f" ({words})" if words else ""
            raise ToolError(
                f"The MCP server {name} ended during the call{said}", hint=f"{again}; whether the call did anything is unknown"
            ) from None

    async def _watched(self, server: _Server, process: ServerProcess, what: str, work: Coroutine[Any, Any, _T]) -> _T:
        """The server runs until the work is done, and no longer."""
        training = self._grounds.training
        before = process.cpu_seconds()
        training.start(f"mcp {what}", before)
        await process.go_on()
        task = asyncio.ensure_future(work)
        reason = ""
        try:
            reason = await self._looked_at(server, task)
            if reason:
                await self._fail(server, f"ended by mltui: {reason}")
                raise ToolError(f"The MCP server {server.spec.name} was ended: {reason}")
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            await process.halt()
            await training.finish(max(0.0, process.cpu_seconds() - before) if process.running else 0.0, reason)

    async def _looked_at(self, server: _Server, waited: Awaitable[Any]) -> str:
        """Waits for something, and looks once a second at whether the server trains. Returns why it has to end, or an empty string."""
        task = asyncio.ensure_future(waited)
        try:
            while not task.done():
                await asyncio.wait([task], timeout=_LOOK)
                if not task.done() and server.process is not None and (reason := await self._grounds.training.look(server.process.pid)):
                    return reason
            return ""
        finally:
            if not task.done():
                task.cancel()


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
