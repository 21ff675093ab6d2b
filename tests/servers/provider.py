"""A scripted model provider on loopback that speaks Anthropic Messages, OpenAI chat completions and OpenAI Responses.

    with Provider([{"calls": [{"name": "Read", "arguments": {"file_path": "a.py"}}]}, "Done."]) as provider:
        ...  # point a client at provider.url (Anthropic) or provider.url + "/v1" (OpenAI)
        assert provider.bodies[0]["tools"]

By hand: `python -m tests.servers.provider --port 8400 --script FILE` (a YAML or JSON list of steps).
A request that carries tools takes the next step; any other (a title, a summary) is answered "ok".
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from mltui.models.scripted import CLOSING_TEXT, Step

from . import wire, wire_responses


class ServerStep(Step):
    """One answer of the provider; what it adds to a script's step are faults of the wire.

    Attributes:
        status: answer with this HTTP status; `error` sets the usual one of its kind.
        retry_after: the header, in seconds.
        cut_after: break the stream after this many events.
        clean_cut: end the response in order when it is cut, instead of dropping the connection.
        hang: seconds of silence after the first event.
        garbage: send something that is no JSON in place of an event.
        no_ids: leave the ids of tool calls out (OpenAI).
    """

    status: int | None = None
    retry_after: float | None = None
    cut_after: int | None = None
    clean_cut: bool = False
    hang: float = 0.0
    garbage: bool = False
    no_ids: bool = False


_steps: TypeAdapter[list[ServerStep]] = TypeAdapter(list[ServerStep])


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived; `raw` is the body byte for byte, `connection` tells TCP connections apart."""

    path: str
    headers: dict[str, str]
    raw: bytes
    body: dict[str, Any]
    at: float
    connection: str


class Provider:
    """The server, running in a thread while the context is open; usable from sync and async tests."""

    def __init__(self, script: Iterable[Any] = (), *, port: int = 0) -> None:
        self.set_script(script)
        self.requests: list[Recorded] = []
        self.disconnects = 0
        """How many clients went away before their answer was complete."""
        self._port = port
        self._answers = 0

    def set_script(self, script: Iterable[Any]) -> None:
        self.script = _steps.validate_python([{"text": step} if isinstance(step, str) else step for step in script])
        """The steps still to play."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.body for request in self.requests]

    def __enter__(self) -> Provider:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/messages", self._anthropic)
        app.router.add_post("/v1/chat/completions", self._openai)
        app.router.add_post("/v1/responses", self._openai_responses)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _anthropic(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, wire.Anthropic())

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, wire.OpenAI())

    async def _openai_responses(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, wire_responses.Responses())

    async def _answer(self, request: web.Request, protocol: wire.Protocol) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        peer = request.transport.get_extra_info("peername") if request.transport else None
        self.requests.append(Recorded(request.path, dict(request.headers), raw, body, time.monotonic(), str(peer)))
        step = self._next_step(body)
        await asyncio.sleep(step.delay)
        if step.status or step.error:
            return _failure(step, protocol)
        self._answers += 1
        answer = protocol.answer(step, body, self._answers)
        if not body.get("stream"):
            return web.json_response(answer.whole)
        return await self._stream(request, step, answer)

    def _next_step(self, body: dict[str, Any]) -> ServerStep:
        if not body.get("tools"):
            return ServerStep(text="ok")
        said = body.get("messages") or body.get("input")
        last = json.dumps(said[-1], ensure_ascii=False) if isinstance(said, list) and said else ""
        for place, step in enumerate(self.script):
            if step.expect is None or step.expect in last:
                return self.script.pop(place)
        return ServerStep(text=CLOSING_TEXT)

    async def _stream(self, request: web.Request, step: ServerStep, answer: wire.Answer) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            async for event in _with_faults(step, answer.events):
                if event is None:
                    if step.clean_cut:
                        await response.write_eof()
                    elif request.transport:
                        request.transport.abort()
                    return response
                await response.write(event)
                await asyncio.sleep(step.pause)
        except (ConnectionError, asyncio.CancelledError):
            self.disconnects += 1
            raise
        await response.write_eof()
        return response


async def _with_faults(step: ServerStep, events: Iterable[bytes]) -> AsyncIterator[bytes | None]:
    """The events as they go over the wire; None means that the connection breaks here."""
    for place, event in enumerate(events):
        if place == step.cut_after:
            yield None
            return
        if place == 1:
            await asyncio.sleep(step.hang)
        if place == 1 and step.garbage:
            yield b'data: {"type": "content_block_delta", "delta": \xff\n\n'
            continue
        yield event


def _failure(step: ServerStep, protocol: wire.Protocol) -> web.Response:
    status, body = protocol.failure(step.error, step.status, step.message)
    headers = {} if step.retry_after is None else {"retry-after": f"{step.retry_after:g}"}
    return web.json_response(body, status=status, headers=headers)


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted model provider on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8400)
    parser.add_argument("--script", type=Path, help="a YAML or JSON list of steps")
    options = parser.parse_args()
    script: list[Any] = []
    if options.script:
        from ruamel.yaml import YAML

        script = YAML(typ="safe", pure=True).load(options.script.read_text())
    with Provider(script, port=options.port) as provider:
        print(f"listening on {provider.url} (Anthropic) and {provider.url}/v1 (OpenAI)", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
