"""The one importer of the `mcp` package, which takes seconds: loaded by name when a session has a server."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.session import ClientRequestContext, IncomingMessage
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.message import SessionMessage
from mcp_types import (
    BlobResourceContents,
    ElicitRequestParams,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    Implementation,
    PromptListChangedNotification,
    Resource,
    ResourceLink,
    ResourceListChangedNotification,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
    ToolListChangedNotification,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from mltui import __version__
from mltui.capabilities.mcp_process import ServerProcess
from mltui.core.messages import MAX_IMAGE, Image

TransportStreams = tuple[Any, Any]
"""What the session reads from, and what it writes to."""
_MOST_PAGES = 50
_logger = logging.getLogger("mcp")
# Without a handler Python writes warnings to stderr, which is the screen.
_logger.addHandler(logging.NullHandler())
_logger.propagate = False


@dataclass(frozen=True, slots=True)
class ListedTool:
    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ListedPrompt:
    """Attributes: arguments: name to whether it is required."""

    name: str
    description: str
    arguments: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class ListedResource:
    """Attributes: uri: or the template of one; kind: its media type, or empty."""

    uri: str
    name: str
    kind: str
    description: str


@dataclass(frozen=True, slots=True)
class Outcome:
    text: str
    images: tuple[Image, ...]
    is_error: bool


@dataclass(slots=True)
class _News:
    """What a server said unasked. Attributes: changed: that what it offers did; asked: what it wanted to ask the person."""

    changed: bool = False
    asked: list[str] = field(default_factory=list[str])

    async def hear(self, message: IncomingMessage) -> None:
        if isinstance(message, (ToolListChangedNotification, PromptListChangedNotification, ResourceListChangedNotification)):
            self.changed = True

    async def decline(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """A form of a server would be a question that no rule has looked at, in the name of mltui."""
        self.asked.append(" ".join(params.message.split())[:300])
        return ElicitResult(action="decline")


class ConnectionLostError(Exception):
    """The server is gone."""


class Connection:
    """A connection to one server."""

    def __init__(self, client: Client, news: _News) -> None:
        self._client = client
        self._news = news

    @property
    def changed(self) -> bool:
        """Whether the server said that what it offers changed, since it was last listed."""
        return self._news.changed

    def asked(self) -> list[str]:
        """What the server wanted to ask the person since this was last called; it was told no each time."""
        asked, self._news.asked = self._news.asked, []
        return asked

    async def tools(self) -> list[ListedTool]:
        self._news.changed = False
        found: list[ListedTool] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._client.list_tools(cursor=cursor)
            found += [ListedTool(tool.name, tool.description or tool.title or "", tool.input_schema) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor:
                break
        return found

    async def prompts(self) -> list[ListedPrompt]:
        if self._client.server_capabilities.prompts is None:
            return []
        page = await self._client.list_prompts()
        return [
            ListedPrompt(
                prompt.name, prompt.description or "", {argument.name: bool(argument.required) for argument in prompt.arguments or ()}
            )
            for prompt in page.prompts
        ]

    async def call(self, tool: str, arguments: Mapping[str, Any], seconds: float) -> Outcome:
        """Raises: ConnectionLostError: the server ended; ValueError: it refused, or answered with nonsense."""
        with _failures():
            result = await self._client.call_tool(tool, dict(arguments), read_timeout_seconds=seconds)
        texts, images = _content(result.content)
        if not texts and not images and result.structured_content is not None:
            texts = [json.dumps(result.structured_content, ensure_ascii=False, indent=1)]
        return Outcome("\n".join(texts), tuple(images), result.is_error)

    async def resources(self) -> list[ListedResource]:
        """Its resources, and after them their templates. Raises: as `call`."""
        found: list[ListedResource] = []
        if self._client.server_capabilities.resources is None:
            return found
        with _failures():
            cursor: str | None = None
            for _ in range(_MOST_PAGES):
                page = await self._client.list_resources(cursor=cursor)
                found += [_listed(str(one.uri), one) for one in page.resources]
                cursor = page.next_cursor
                if not cursor:
                    break
            with suppress(MCPError):  # many servers have none, and say so
                templates = await self._client.list_resource_templates()
                found += [_listed(one.uri_template, one) for one in templates.resource_templates]
        return found

    async def read(self, uri: str) -> Outcome:
        """A resource. Raises: as `call`."""
        with _failures():
            result = await self._client.read_resource(uri)
        texts: list[str] = []
        images: list[Image] = []
        for one in result.contents:
            image = _image(one.blob, one.mime_type or "") if isinstance(one, BlobResourceContents) else None
            images += [image] if image else []
            texts += [] if image else [one.text] if isinstance(one, TextResourceContents) else [_unshown(one)]
        return Outcome("\n".join(texts), tuple(images), False)

    async def prompt(self, name: str, arguments: dict[str, str]) -> str:
        """The text of a prompt. Raises: as `call`."""
        with _failures():
            result = await self._client.get_prompt(name, arguments)
        return "\n\n".join(text for message in result.messages for text in _content([message.content])[0])


@contextmanager
def _failures() -> Generator[None]:
    """Turns what the SDK raises into what a caller of `Connection` expects."""
    try:
        yield
    except MCPError as error:
        raise _refusal(error) from None
    except ValidationError as error:
        raise ValueError(f"its answer is not of MCP's form ({error.error_count()} problems)") from None
    except RuntimeError as error:
        raise ValueError(str(error)[:500]) from None
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        raise ConnectionLostError from None


def _listed(uri: str, one: Resource | ResourceTemplate) -> ListedResource:
    return ListedResource(uri, one.title or one.name, one.mime_type or "", " ".join((one.description or "").split())[:200])


def _unshown(blob: BlobResourceContents) -> str:
    return f"[{blob.uri}: {len(blob.blob) * 3 // 4:,} bytes of {blob.mime_type or 'an unknown type'}, not shown]"


def _refusal(error: MCPError) -> Exception:
    if "closed" in error.message.lower() and error.code in (-32000, -32001):
        return ConnectionLostError()
    return ValueError(error.message[:2000] or f"error {error.code}")


def _content(blocks: list[Any]) -> tuple[list[str], list[Image]]:
    texts: list[str] = []
    images: list[Image] = []
    for block in blocks:
        match block:
            case TextContent(text=text):
                texts.append(text)
            case ImageContent(data=data, mime_type=kind):
                image = _image(data, kind)
                images += [image] if image else []
                texts += [] if image else [f"[an image of the type {kind[:40]} that cannot be shown]"]
            case EmbeddedResource(resource=TextResourceContents(uri=uri, text=text)):
                texts.append(f"[{uri}]\n{text}")
            case EmbeddedResource(resource=BlobResourceContents() as blob):
                texts.append(_unshown(blob))
            case ResourceLink(uri=uri, name=name):
                texts.append(f"[resource {name}: {uri}]")
            case _:
                texts.append(f"[content of the type {getattr(block, 'type', '?')}, not shown]")
    return texts, images


def _image(data: str, kind: str) -> Image | None:
    try:
        whole = base64.b64encode(base64.b64decode(data, validate=True)).decode("ascii")
        return Image.model_validate({"media_type": kind, "data": whole}) if len(whole) <= MAX_IMAGE else None
    except (binascii.Error, ValueError):
        return None


@asynccontextmanager
async def over_process(process: ServerProcess, seconds: float) -> AsyncGenerator[Connection]:
    """A connection over the pipes of a process, which goes on when it ends."""
    async with _connection(_pipes(process), seconds) as connection:
        yield connection


@asynccontextmanager
async def over_http(url: str, headers: Mapping[str, str], seconds: float) -> AsyncGenerator[Connection]:
    """A connection over streamable HTTP."""
    timeout = httpx2.Timeout(30.0, read=300.0)
    async with (
        httpx2.AsyncClient(headers=dict(headers), timeout=timeout) as http,
        _connection(streamable_http_client(url, http_client=http), seconds) as connection,
    ):
        yield connection


@asynccontextmanager
async def _connection(transport: AbstractAsyncContextManager[TransportStreams], seconds: float) -> AsyncGenerator[Connection]:
    news = _News()
    client = Client(
        cast("Any", transport),
        read_timeout_seconds=seconds,
        client_info=Implementation(name="mltui", version=__version__),
        cache=None,
        message_handler=news.hear,
        elicitation_callback=news.decline,
    )
    async with client, anyio.create_task_group() as tasks:
        tasks.start_soon(_listen, client, news)
        try:
            yield Connection(client, news)
        finally:
            tasks.cancel_scope.cancel()


async def _listen(client: Client, news: _News) -> None:
    """Servers of the newer protocol say what changed only to those who listen; the others need not be asked."""
    try:
        async with client.listen(tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True) as changes:
            async for _ in changes:
                news.changed = True
    except SubscriptionLost:
        news.changed = True  # what was not heard since may be anything
    except Exception as error:  # a server that cannot be listened to can still be called
        _logger.debug("no news of the server: %s", error)


@asynccontextmanager
async def _pipes(process: ServerProcess) -> AsyncGenerator[TransportStreams]:
    to_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](64)
    to_server, from_session = anyio.create_memory_object_stream[SessionMessage](64)

    async def read() -> None:
        async with to_session:
            async for line in process.lines():
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    continue  # something that was printed
                try:
                    await to_session.send(SessionMessage(message))
                except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                    return

    async def write() -> None:
        async with from_session:
            async for message in from_session:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                try:
                    await process.send(text.encode() + b"\n")
                except OSError:
                    await to_session.aclose()
                    return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(write)
        try:
            yield from_server, to_server
        finally:
            tasks.cancel_scope.cancel()
            for stream in (from_server, to_server):
                await stream.aclose()
