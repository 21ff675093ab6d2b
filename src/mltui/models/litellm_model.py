"""Cloud models and servers of one's own, through LiteLLM. The only module that imports it, which takes seconds of CPU."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import warnings
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import httpx

from mltui.config.schema import ModelSettings
from mltui.core.errors import ModelUnavailableError
from mltui.core.messages import Usage
from mltui.models import catalogue
from mltui.models.appending import Appending, NotSplicedError, SentBefore
from mltui.models.arguments import arguments
from mltui.models.assembly import Assembler, Delta, optional
from mltui.models.backoff import RetryPolicy
from mltui.models.base import Answer, ModelInfo, ModelRequest, Retry, StreamPart
from mltui.models.conversation import Dialect, dialect_of, wire_messages
from mltui.models.credentials import OWN_VARIABLE
from mltui.models.failures import mapped
from mltui.models.server_sent import payloads


@contextmanager
def _quiet_import() -> Generator[None]:
    """LiteLLM asks the network for price lists and reads `.env` of the working folder; here it does not.

    The variables are put back afterwards: programs that the agent starts must not inherit them.
    """
    wanted = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "CRITICAL",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # What the import made stays for good. To walk its 400,000 objects again and again took a second of CPU while it
        # was loaded, another at the exit, and now and then a tenth of one while the person types.
        gc.freeze()
        if collected:
            gc.enable()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


with _quiet_import():
    import litellm
    from litellm import anthropic_beta_headers_manager
    from litellm.llms.anthropic.chat.handler import ModelResponseIterator as AnthropicEvents
    from litellm.llms.custom_httpx.async_client_cleanup import (  # pyright: ignore[reportMissingTypeStubs] (a namespace package)
        close_litellm_async_clients,
    )
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler  # pyright: ignore[reportMissingTypeStubs] (as above)
    from litellm.llms.openai.chat.gpt_transformation import (  # pyright: ignore[reportMissingTypeStubs] (a namespace package)
        OpenAIChatCompletionStreamingHandler as OpenAIEvents,
    )

    anthropic_beta_headers_manager.reload_beta_headers_config()  # pyright: ignore[reportUnknownMemberType] (untyped)

# Said of its own answers in the Responses protocol, and nothing that a person could mend.
warnings.filterwarnings("ignore", message="Pydantic serializer warnings", category=UserWarning)
litellm.suppress_debug_info = True
litellm.disable_streaming_logging = True
litellm.disable_token_counter = True  # it counted the answers that had not come yet
for _name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class _Vocabulary:
    """LiteLLM's `encoding`, loaded when something counts with it.

    LiteLLM hands it to every provider's code, which needs it for answers that come whole and without their usage. Ours are
    streamed: 40 MB and 150 ms of CPU for nothing.
    """

    def __getattr__(self, name: str) -> Any:
        if _main.__dict__.get("encoding") is self:
            del _main.encoding
        return getattr(_main.encoding, name)


_main: Any = litellm.main
if "encoding" not in _main.__dict__:
    _main.encoding = _Vocabulary()
# OpenAI models through httpx instead of the openai package, whose walk over the history took 15 ms at 60 messages.
os.environ.setdefault(OWN_VARIABLE, "true")


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What the current request has to do with the HTTP client. Attributes: opened: responses, to be closed in the middle."""

    appending: Appending | None = None
    opened: list[httpx.Response] = field(default_factory=list[httpx.Response])


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. Attributes: connect: for the connection; first: until the response begins; idle: without a byte."""

    connect: float = 15.0
    first: float = 180.0
    idle: float = 300.0


class _Client(AsyncHTTPHandler):
    """LiteLLM's client with a time-out of its own for connecting, with a way to the body and to the open response."""

    async def post(self, *args: Any, **options: Any) -> httpx.Response:
        options["timeout"] = self.timeout
        exchange = _exchange.get(_Exchange())
        if exchange.appending and "data" in options:
            options["data"] = exchange.appending.body(options["data"])
        response: httpx.Response = await super().post(*args, **options)  # pyright: ignore[reportUnknownMemberType] (untyped)
        exchange.opened.append(response)
        return response


_DIRECT = frozenset({"anthropic", "openai"})
"""Providers that LiteLLM calls through the client it is given."""


class _Choice(Protocol):
    delta: Delta
    finish_reason: str | None


class _Chunk(Protocol):
    choices: list[_Choice]


class LiteLLMModel:
    """A model by its LiteLLM id.

    Args:
        settings: `[models.NAME]` of the configuration, or just an id.
        environ: where credentials are looked up.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        environ: Mapping[str, str] = os.environ,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._retry = retry or RetryPolicy()
        self._timeouts = timeouts or Timeouts()
        self._info = catalogue.info_of(settings)
        self._name, self._provider = _provider_of(settings.id)
        self._dialect: Dialect = dialect_of(self._provider, settings.id, sees=self._info.sees)
        limits = httpx.Timeout(self._timeouts.idle, connect=self._timeouts.connect)
        self._client = _Client(timeout=limits) if self._provider in _DIRECT else None
        self._before = SentBefore(self._dialect)

    @property
    def info(self) -> ModelInfo:
        return self._info

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamPart]:
        waited = 0.0
        attempt = 0
        while True:
            attempt += 1
            try:
                async with aclosing(self._try(request)) as parts:
                    async for part in parts:
                        yield part
            except ModelUnavailableError as error:
                delay = self._retry.delay(attempt, waited, error.retry_after)
                if delay is None:
                    raise
                yield Retry(attempt=attempt, delay=delay, error=str(error.args[0]))
            except NotSplicedError:
                self._before.give_up()
                continue
            else:
                return
            await asyncio.sleep(delay)
            waited += delay

    async def close(self) -> None:
        if self._client:
            await self._client.close()
        else:
            await close_litellm_async_clients()  # shared; LiteLLM opens them again where they are still needed

    async def _try(self, request: ModelRequest) -> AsyncGenerator[StreamPart]:
        appending = self._before.next(request) if self._client else None
        messages = appending.messages if appending else wire_messages(request, self._dialect)
        asked = arguments(request, messages, self._settings, self._provider, self._dialect, self._environ)
        asked |= {"timeout": self._timeouts.idle} | ({"client": self._client} if self._client else {})
        answer = Assembler(self._dialect.maker)
        usage: Any = None
        try:
            async with _Response(asked, self._timeouts.first, appending) as response, aclosing(_chunks(response)) as chunks:
                async for chunk in chunks:
                    _settle()
                    usage = optional(chunk, "usage") or usage
                    for choice in chunk.choices[:1]:
                        for piece in answer.add(choice.delta):
                            yield piece
                        answer.finish(choice.finish_reason)
            stop = answer.stop_reason
        except Exception as error:
            if appending and not appending.sent:
                raise NotSplicedError from error
            raise mapped(error, model=self._settings.id, provider=self._provider) from error
        yield Answer(message=answer.message, usage=usage_of(usage, self._name, self._provider), stop_reason=stop)


@cache
def _settle() -> None:
    """What the first request loaded and filled stays for good, as what the import made: a look through it all holds keys up for 50 ms."""
    gc.freeze()


def usage_of(reported: Any, name: str, provider: str) -> Usage:
    """What a provider says was used, with the dollars of LiteLLM's price table.

    The prices are those of the table for what was read from a cache, written to one for five minutes or for an hour, and for
    long prompts; `cost_usd` is None for a model that is not in it.

    Args:
        reported: LiteLLM's usage object, or None where the provider said nothing.
        name: the model's name without its provider.
    """
    if reported is None:
        return Usage()
    details = getattr(reported, "prompt_tokens_details", None)
    read = getattr(details, "cached_tokens", None) or 0
    written = getattr(details, "cache_creation_tokens", None) or 0
    try:
        cost = sum(litellm.cost_per_token(model=name, custom_llm_provider=provider, usage_object=reported))
    except Exception:  # an unknown model raises a bare Exception
        cost = None
    return Usage(
        input_tokens=max(0, (reported.prompt_tokens or 0) - read - written),
        output_tokens=reported.completion_tokens or 0,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cost_usd=cost,
    )


def _provider_of(id: str) -> tuple[str, str]:
    """The model's own name and its provider, as LiteLLM sees them.

    Raises:
        ModelRequestError: LiteLLM knows no provider of that id.
    """
    try:
        name, provider, _, _ = litellm.get_llm_provider(id)
    except Exception as error:
        raise mapped(error, model=id, provider="LiteLLM") from None
    return name, provider


class _Response:
    """An open stream; leaving the context closes the connection if the stream was not read to its end."""

    def __init__(self, arguments: dict[str, Any], first: float, appending: Appending | None) -> None:
        self._arguments = arguments
        self._first = first
        self._exchange = _Exchange(appending)

    async def __aenter__(self) -> Any:
        _exchange.set(self._exchange)
        try:
            async with asyncio.timeout(self._first):
                self._wrapper: Any = await litellm.acompletion(  # pyright: ignore[reportUnknownMemberType] (untyped)
                    **self._arguments,
                    stream=True,
                    stream_options={"include_usage": True},
                    num_retries=0,
                    max_retries=0,
                    # Its MCP gateway needs a package that LiteLLM does not depend on.
                    _skip_mcp_handler=True,
                )
        except TimeoutError:
            raise ModelUnavailableError(f"no response within {self._first:g} s") from None
        if self._exchange.appending and not self._exchange.appending.sent:
            await self.__aexit__()
            raise NotSplicedError
        return self._wrapper

    async def __aexit__(self, *_: object) -> None:
        # Bodies grow with the conversation, and would wait for the garbage collector: httpx makes a ring of a response and its
        # stream, and timers that were called off keep the context of the request, and so the exchange.
        for response in self._exchange.opened:
            await response.aclose()
            response.stream = httpx.ByteStream(b"")
        self._exchange.opened.clear()
        await self._wrapper.aclose()


async def _chunks(response: Any) -> AsyncGenerator[_Chunk]:
    """The chunks of an answer.

    LiteLLM's own wrapper rebuilds every chunk and, at the end, the whole answer for its loggers: 20 to 30 ms for a
    short answer. For the two protocols that nearly every server speaks its parsers are fed directly (5 to 7 ms).
    """
    events = response.completion_stream
    if type(events) in (AnthropicEvents, OpenAIEvents):
        async with aclosing(payloads(events.streaming_response)) as sent:
            async for payload in sent:
                yield events.chunk_parser(payload)
        return
    async for chunk in response:
        # The wrapper makes a finish reason up when the stream was cut.
        if response.received_finish_reason is None and response.intermittent_finish_reason is None:
            for choice in chunk.choices:
                choice.finish_reason = None
        yield chunk


__all__ = ["LiteLLMModel", "Timeouts", "usage_of"]
