"""The worker process: `python -P -m mltui.models.local.worker`. Speaks `protocol` on stdin and stdout.

A reader thread takes requests in while the main thread computes, so that a cancel is seen at once;
the main thread is alone with llama.cpp, which is not safe for two.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

import psutil

from mltui.core.errors import MltuiError
from mltui.models.local import gguf, protocol
from mltui.models.local.binding import VERSION, log_lines
from mltui.models.local.devices import gpus
from mltui.models.local.engine import Engine, EngineError
from mltui.models.local.generation import Generator, RequestError
from mltui.models.local.memory import Device, Plan, plan
from mltui.models.local.prompt import Prompter
from mltui.models.local.specials import Specials
from mltui.models.local.threads import IdleCores

PARENT_CHECK_SECONDS = 5.0


class Worker:
    """Args: source, sink: where requests come from and answers go to."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._requests: queue.Queue[protocol.Message] = queue.Queue()
        self._cancelled: set[int] = set()
        self._current: int | None = None
        self._busy = False
        self._gives_back = False
        self._write_lock = threading.Lock()
        self._engine: Engine | None = None
        self._generator: Generator | None = None
        self._threads = IdleCores(0)

    def give_back(self) -> None:
        """Ends the process, and with it what it holds of a GPU, as soon as it is idle; its session starts another with the next prompt."""
        self._gives_back = True
        if not self._busy and self._requests.empty() and not select.select([self._source], [], [], 0)[0]:
            os._exit(protocol.GAVE_BACK)

    def serve(self) -> None:
        """Answers until `quit`."""
        signal.signal(signal.SIGUSR1, lambda number, frame: self.give_back())
        threading.Thread(target=self._read, daemon=True).start()
        self._send(protocol.Hello(protocol.PROTOCOL, os.getpid(), VERSION))
        while True:
            self._busy = False
            if self._gives_back and self._requests.empty():
                os._exit(protocol.GAVE_BACK)
            request = self._requests.get()
            self._busy = True
            match request:
                case protocol.Load():
                    self._load(request)
                case protocol.Generate():
                    self._generate(request)
                case protocol.Stat():
                    cached = self._engine.cached_tokens if self._engine else 0
                    self._send(protocol.Stats(cached, self._threads.count(), log_lines()))
                case protocol.Quit():
                    return
                case _:
                    _die(f"unexpected {type(request).__name__.lower()} message")

    def _read(self) -> None:
        """The reader thread. Whatever the main thread is doing, the end of stdin ends the process."""
        parent = os.getppid()
        try:
            while True:
                while not select.select([self._source], [], [], PARENT_CHECK_SECONDS)[0]:
                    # A copy of the pipe in some other process would keep stdin open.
                    if os.getppid() != parent:
                        os._exit(0)
                message = protocol.read(self._source)
                if message is None:
                    os._exit(0)
                if isinstance(message, protocol.Cancel):
                    self._cancelled.add(message.id)
                else:
                    self._requests.put(message)
        except (protocol.ProtocolError, OSError) as error:
            _die(str(error))

    def _send(self, message: protocol.Message) -> None:
        try:
            with self._write_lock:
                self._sink.write(protocol.encode(message))
                self._sink.flush()
        except OSError:
            os._exit(0)

    def _should_stop(self) -> bool:
        return self._current in self._cancelled

    def _load(self, request: protocol.Load) -> None:
        started = time.perf_counter()
        try:
            info = gguf.inspect(Path(request.path))
            found = gpus() if request.gpu_layers else ()
            planned = plan(info, request.context, request.gpu_layers, psutil.virtual_memory().available, found)
            self._threads = IdleCores(request.threads)
            engine = Engine(request.path, planned.context, planned.gpu_layers, self._should_stop, plain=request.plain)
            variables = {f"{name}_token": engine.special_text(name) for name in ("bos", "eos", "eot")}
            prompter = Prompter(info.chat_template, variables)
            specials = Specials(engine.control_texts())
            self._engine = engine
            self._generator = Generator(engine, prompter, specials, self._threads, self._send, self._should_stop)
        except MltuiError as error:
            self._send(protocol.Failed(None, "load", str(error.args[0]), error.hint))
            return
        except EngineError as error:
            self._send(protocol.Failed(None, "load", str(error), "Look whether the file is whole and the memory suffices"))
            return
        seconds = time.perf_counter() - started
        note = " ".join(
            note for note in (prompter.note, _on_gpu(planned, info.layers + 1, found if request.gpu_layers < 0 else ())) if note
        )
        self._send(protocol.Loaded(engine.context_size, seconds, planned.gpu_layers, prompter.tool_syntax, note))

    def _generate(self, request: protocol.Generate) -> None:
        self._current = request.id
        try:
            if self._generator is None:
                raise RequestError("request", "No model is loaded")
            answer: protocol.Message = self._generator.run(request)
        except RequestError as error:
            answer = protocol.Failed(request.id, error.kind, str(error), error.hint)
        except EngineError as error:
            answer = protocol.Failed(request.id, "internal", str(error))
        finally:
            self._current = None
            self._cancelled.discard(request.id)
        self._send(answer)


def _on_gpu(planned: Plan, layers: int, devices: tuple[Device, ...]) -> str:
    """What to say where a GPU does not hold the whole model."""
    if not devices or planned.gpu_layers >= layers:
        return ""
    names = ", ".join(device.name for device in devices)
    return f"{planned.gpu_layers} of {layers} layers are on the GPU ({names}), whose free memory does not hold more; the rest is slower."


def _die(reason: str) -> None:
    """Ends the process from any thread; the reason is in the log that the parent reads."""
    print(f"mltui worker: {reason}", file=sys.stderr, flush=True)
    os._exit(3)


def main() -> None:
    """Serves on stdin and stdout; whatever else writes to stdout goes to stderr instead."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    Worker(source, sink).serve()


if __name__ == "__main__":
    main()
