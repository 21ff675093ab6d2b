"""Renders a model's own chat template, which is a program from a file that nobody checked.

It runs in jinja2's immutable sandbox, with a bound on time and memory; the worker process is the
last line: it ends itself when a template cannot be stopped otherwise.
"""

from __future__ import annotations

import contextlib
import datetime
import faulthandler
import json
import resource
import signal
from collections.abc import Generator
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mltui.models.local.jsontypes import JsonObject

RENDER_SECONDS = 2.0
KILL_SECONDS = 6.0
RENDER_MEMORY = 512 << 20
MAX_PRODUCT = 1 << 20
"""Items of a repeated text or list, and bits of a power."""

CHATML_END = "<|im_end|>"
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class TemplateError(Exception):
    """The template is broken, took too long, or refused the conversation."""


class _Generation(Extension):
    """`{% generation %}…{% endgeneration %}` marks training targets; here it is nothing."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's own attribute

    def parse(self, parser: Any) -> Any:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Environment(ImmutableSandboxedEnvironment):
    """Also bounds `*` and `**`, each of which could take all memory in one step."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            for items, times in ((left, right), (right, left)):
                if isinstance(items, str | list | tuple) and isinstance(times, int) and len(items) * times > MAX_PRODUCT:  # pyright: ignore[reportUnknownArgumentType]
                    raise jinja2.exceptions.SecurityError("a repetition that is too long")
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_PRODUCT:
                raise jinja2.exceptions.SecurityError("a product that is too large")
        elif isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > MAX_PRODUCT:
            raise jinja2.exceptions.SecurityError("a power that is too large")
        return super().call_binop(context, operator, left, right)


class ChatTemplate:
    """A compiled template.

    Args:
        source: Jinja source.
        variables: `bos_token`, `eos_token` and the like.

    Raises:
        TemplateError: it does not compile.
    """

    def __init__(self, source: str, variables: dict[str, str]) -> None:
        environment = _Environment(loader=jinja2.BaseLoader(), trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
        environment.filters["tojson"] = _tojson
        known: dict[str, Any] = environment.globals
        known |= {"raise_exception": _refuse, "strftime_now": _strftime_now}
        self._variables = variables
        with _bounded():
            self._template = environment.from_string(source)

    def render(self, messages: list[JsonObject], tools: list[JsonObject] | None) -> str:
        """The prompt, up to where the assistant's answer begins. Raises: TemplateError."""
        with _bounded():
            return self._template.render(
                messages=messages,
                tools=tools,
                add_generation_prompt=True,
                **self._variables,
            )


@contextlib.contextmanager
def _bounded() -> Generator[None]:
    """Bounds the time and memory of what runs inside, which must be the main thread."""
    handler = signal.signal(signal.SIGALRM, _out_of_time)
    timer = signal.setitimer(signal.ITIMER_REAL, RENDER_SECONDS)
    # A single C call cannot be interrupted by the signal; this ends the process from outside of Python.
    faulthandler.dump_traceback_later(KILL_SECONDS, exit=True)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    _limit_memory(limits)
    try:
        yield
    except MemoryError:
        raise TemplateError("it needs too much memory") from None
    except RecursionError:
        raise TemplateError("it recurses without end") from None
    except TemplateError:
        raise
    except Exception as error:
        raise TemplateError(" ".join(f"{type(error).__name__}: {error}".split())[:300]) from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def _limit_memory(limits: tuple[int, int]) -> None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a kernel file
            used = int(file.read().split()[0]) * resource.getpagesize()
        soft = used + RENDER_MEMORY
        if limits[0] == resource.RLIM_INFINITY or soft < limits[0]:
            resource.setrlimit(resource.RLIMIT_AS, (soft, limits[1]))
    except (OSError, ValueError):
        # Without /proc (macOS) the time limit remains.
        return


def _out_of_time(signum: int, frame: object) -> None:
    raise TemplateError(f"it takes longer than {RENDER_SECONDS:g} seconds")


def _refuse(message: object) -> str:
    raise TemplateError(f"it refuses the conversation: {str(message)[:200]}")


_TODAY = datetime.datetime.now()


def _strftime_now(format: str) -> str:
    """Frozen at start: a clock in the system text would throw the whole cache away at each request."""
    return _TODAY.strftime(format)


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As in transformers: plain JSON, without jinja2's HTML escapes."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
