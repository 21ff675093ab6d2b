"""A GGUF model as the agent uses it: `models.base.Model` over the worker process."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from mltui.core.errors import ConfigError, ContextOverflowError, ModelError, ModelRequestError
from mltui.core.messages import AssistantMessage, Usage
from mltui.models.base import Answer, ModelInfo, ModelRequest, ReasoningPiece, StreamPart, TextPiece
from mltui.models.local import gguf, protocol
from mltui.models.local.memory import wanted_context
from mltui.models.local.process import WorkerDied, WorkerProcess

CANCEL_SECONDS = 2.0
"""How long a cancelled worker has to answer before it is killed."""

MAX_CRASHES = 3
"""Crashes in a row, without an answer between them, after which the worker is not started again."""

MAX_OUTPUT = 4096
DEMO_OUTPUT = 512
DEMO_CALL_OUTPUT = 224
TEMPERATURE = 0.6

DEMO_NOTE = (
    "{name} has {millions:,.0f} million weights: it shows how mltui works, but it cannot reason. "
    "Use a larger model or a provider for real work."
)
INSTALL = "pip install 'mltui[local]'"
PLAIN_NOTE = "This machine's processor offers matrix instructions (AMX) that it does not carry out: long prompts take longer without them."


class Settings(Protocol):
    """What of `[local]` in the configuration matters here; `config.schema.LocalModel` is one."""

    @property
    def gpu_layers(self) -> int: ...

    @property
    def context(self) -> int: ...

    @property
    def threads(self) -> int: ...


class LocalModel:
    """A GGUF model in llama.cpp. The worker starts with the first request.

    Args:
        path: the GGUF file.
        settings: the `[local]` part of the configuration.
        temperature: by default 0 for a demonstration model, `TEMPERATURE` for others.
        seed: of the sampling, where the temperature is not 0.
        max_output: the most tokens of one answer; by default fewer for a demonstration model.

    Raises:
        ConfigError: the file is not a whole GGUF text model, or llama.cpp is not installed.
    """

    def __init__(
        self, path: Path, settings: Settings, *, temperature: float | None = None, seed: int = 0, max_output: int | None = None
    ) -> None:
        self._gguf = gguf.inspect(path)
        if importlib.util.find_spec("llama_cpp") is None:
            raise ConfigError("Local models need llama.cpp, which is not installed", hint=f"Run: {INSTALL}")
        self._settings = settings
        demo = self._gguf.is_demo
        self._temperature = temperature if temperature is not None else (0.0 if demo else TEMPERATURE)
        self._seed = seed
        self._max_output = max_output or (DEMO_OUTPUT if demo else MAX_OUTPUT)
        self._note = DEMO_NOTE.format(name=path.stem, millions=self._gguf.parameters / 1e6) if demo else ""
        self._context = wanted_context(self._gguf, settings.context)
        self._worker: WorkerProcess | None = None
        self._one_at_a_time = asyncio.Lock()
        self._crashes = 0
        self._requests = 0
        self._closed = False
        self._plain = False
        self.loaded: protocol.Loaded | None = None
        """What the worker said of the loaded model, once it is."""
        self.last: protocol.Done | None = None
        """The worker's account of the last answer: tokens and seconds."""

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(
            id=str(self._gguf.path),
            context_window=self._context,
            max_output_tokens=min(self._max_output, self._context // 2),
            note=self._note,
        )

    @property
    def worker_pid(self) -> int | None:
        """The worker's process, while there is one."""
        return self._worker.pid if self._worker else None

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamPart]:
        """Streams the answer; see `models.base.Model`.

        Raises:
            ModelError: the worker crashed; the next request starts it again.
            ContextOverflowError: the conversation does not fit into the context.
            ModelRequestError: a tool's schema cannot be turned into a grammar.
            ConfigError: llama.cpp cannot load the file.
        """
        while True:
            begun = False
            try:
                async with aclosing(self._stream(request)) as parts:
                    async for part in parts:
                        if self._plain and not begun:
                            self._add_note(PLAIN_NOTE)
                        begun = True
                        yield part
            except WorkerDied as error:
                if begun or self._closed or not (error.gave_back or (error.illegal and not self._plain)):
                    raise
                # Some virtual machines announce AMX and do not keep its state.
                self._plain = self._plain or error.illegal
            else:
                return
            # Or a run asked for its GPU in the moment in which the request was on its way.
            self._crashes = 0

    async def _stream(self, request: ModelRequest) -> AsyncGenerator[StreamPart]:
        async with self._one_at_a_time:
            worker = await self._ready()
            self._requests += 1
            message = self._generate(self._requests, request)
            answered = False
            try:
                await worker.send(message)
                while not answered:
                    answer = await worker.receive()
                    answered = isinstance(answer, protocol.Done | protocol.Failed)
                    if isinstance(answer, protocol.Piece):
                        yield TextPiece(answer.text) if answer.kind == "text" else ReasoningPiece(answer.text)
                    else:
                        self._crashes = 0
                        yield await self._answer(worker, answer)
            except WorkerDied:
                answered = True
                self._worker = None
                if self._closed:
                    raise ModelError("The local model was closed") from None
                self._crashes += 1
                raise
            except protocol.ProtocolError as error:
                answered = True
                raise ModelRequestError(f"The request is too large for the local model: {error}") from None
            finally:
                if not answered:
                    await self._cancel(worker, message.id)

    async def count(self, request: ModelRequest) -> int:
        """Tokens of a request's prompt, exactly. Raises: as `stream`."""
        async with self._one_at_a_time:
            worker = await self._ready()
            self._requests += 1
            message = replace(self._generate(self._requests, request), max_tokens=0)
            counted = False
            try:
                await worker.send(message)
                answer = await worker.receive()
                counted = True
            except WorkerDied:
                counted, self._worker = True, None
                raise
            except protocol.ProtocolError as error:
                counted = True
                raise ModelRequestError(f"The request is too large for the local model: {error}") from None
            finally:
                if not counted:
                    await self._cancel(worker, message.id)
        if isinstance(answer, protocol.Done):
            return answer.prompt_tokens
        raise ModelError(answer.text if isinstance(answer, protocol.Failed) else "The worker did not count")

    async def close(self) -> None:
        """Ends the worker. Safe to call twice."""
        self._closed = True
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.quit()

    def _generate(self, number: int, request: ModelRequest) -> protocol.Generate:
        most = self.info.max_output_tokens or self._max_output
        if request.force_tool is not None and self._gguf.is_demo:
            most = min(most, DEMO_CALL_OUTPUT)
        return protocol.Generate(
            id=number,
            system=request.system,
            messages=[message.model_dump(mode="json") for message in request.messages],
            tools=[tool.model_dump(mode="json") for tool in request.tools],
            force_tool=request.force_tool,
            max_tokens=most,
            temperature=self._temperature,
            seed=self._seed,
        )

    async def _ready(self) -> WorkerProcess:
        """A worker with the model loaded."""
        if self._closed:
            raise ModelError("The local model was closed")
        if self._worker is not None and self._worker.gave_back:
            await self._worker.kill()
            self._worker = None
        if self._worker is not None:
            return self._worker
        if self._crashes >= MAX_CRASHES:
            raise ModelError(
                f"The llama.cpp worker crashed {self._crashes} times in a row, and is not started again",
                hint="Set local.context lower or choose another model, and start mltui again",
            )
        # `start` kills what it started when it is cancelled.
        try:
            worker = await WorkerProcess.start()
        except WorkerDied:
            self._crashes += 1
            raise
        try:
            self.loaded = await self._load(worker)
        except WorkerDied:
            self._crashes += 1
            raise
        except BaseException:
            await worker.kill()
            raise
        if self._closed:
            await worker.quit()
            raise ModelError("The local model was closed")
        self._context = self.loaded.context
        self._add_note(_sentence(self.loaded.note))
        self._worker = worker
        return worker

    async def _load(self, worker: WorkerProcess) -> protocol.Loaded:
        settings = self._settings
        await worker.send(protocol.Load(str(self._gguf.path), settings.context, settings.gpu_layers, settings.threads, self._plain))
        answer = await worker.receive()
        if isinstance(answer, protocol.Failed):
            raise ConfigError(f"{self._gguf.path} cannot be loaded: {answer.text}", hint=answer.hint)
        if not isinstance(answer, protocol.Loaded):
            raise await worker.died(f"answered a load with {type(answer).__name__.lower()}")
        return answer

    def _add_note(self, text: str) -> None:
        if text not in self._note:
            self._note = f"{self._note} {text}".lstrip()

    async def _answer(self, worker: WorkerProcess, answer: protocol.Message) -> Answer:
        if isinstance(answer, protocol.Failed):
            kinds = {"context": ContextOverflowError, "request": ModelRequestError}
            raise kinds.get(answer.kind, ModelError)(answer.text, hint=answer.hint)
        if not isinstance(answer, protocol.Done):
            raise await worker.died(f"answered a request with {type(answer).__name__.lower()}")
        self.last = answer
        self._add_note(_sentence(answer.note))
        try:
            message = AssistantMessage.model_validate({"parts": answer.parts})
        except ValidationError:
            raise await worker.died("sent a malformed answer") from None
        usage = Usage(
            input_tokens=answer.prompt_tokens - answer.reused_tokens,
            output_tokens=answer.output_tokens,
            cache_read_tokens=answer.reused_tokens,
            cost_usd=0.0,
        )
        return Answer(message, usage, answer.stop)

    async def _cancel(self, worker: WorkerProcess, number: int) -> None:
        """Stops a generation; a worker that does not stop in time, or is not waited for, is killed."""
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await worker.send(protocol.Cancel(number))
                while not isinstance(await worker.receive(), protocol.Done | protocol.Failed):
                    pass
        except BaseException as error:
            self._worker = None
            await worker.kill()
            if not isinstance(error, TimeoutError | WorkerDied):
                raise


def _sentence(text: str) -> str:
    return f"{text}." if text and not text.endswith(".") else text
