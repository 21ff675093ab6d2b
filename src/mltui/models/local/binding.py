"""The one place where llama.cpp is loaded: its C functions, its log, and its version."""

from __future__ import annotations

import collections
import ctypes
import importlib.metadata
import importlib.util
import os
import sys
import types
from typing import Any

# An assertion in llama.cpp would otherwise start gdb and print a backtrace for seconds.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")


def _load() -> Any:
    """The ctypes layer of llama-cpp-python, without its package.

    The package's `__init__` imports the high-level API with numpy, which mltui does not use: a second of start-up.
    """
    found = importlib.util.find_spec("llama_cpp")
    if found is None or found.submodule_search_locations is None:
        raise ImportError("llama-cpp-python is not installed")
    package = types.ModuleType("llama_cpp")
    package.__path__ = list(found.submodule_search_locations)
    sys.modules.setdefault("llama_cpp", package)
    import llama_cpp.llama_cpp as functions

    return functions


lib: Any = _load()
"""The functions and structures of `llama.h`. Untyped: ctypes decides at the call."""

ggml: Any = lib._lib
"""The C library itself, through which that of its tensors is reached too. Untyped, and what it returns is to be declared."""

VERSION = importlib.metadata.version("llama-cpp-python")

_WARNING, _CONTINUED = 3, 5
_lines: collections.deque[str] = collections.deque(maxlen=200)


def log_lines() -> list[str]:
    """The last warnings and errors of llama.cpp."""
    return list(_lines)


def _on_log(level: int, text: bytes, data: object) -> None:
    if level == _WARNING or level == 4:
        for line in text.decode("utf-8", errors="replace").splitlines():
            if line.strip(" ."):
                _lines.append(line[:500])
                print(line[:500], file=sys.stderr, flush=True)


# Kept alive for as long as the library may call it.
_callback = lib.llama_log_callback(_on_log)
lib.llama_log_set(_callback, ctypes.c_void_p(0))
