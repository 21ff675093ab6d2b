"""Which shell commands start a training run.

It reads one simple command, as the shell would split it, and looks through the usual wrappers. It is no guard: what it
overlooks runs outside an experiment, where its numbers are worth nothing.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


WRAPPERS = _words(
    "env nohup time nice ionice setsid stdbuf timeout sudo command exec srun mpirun mpiexec xvfb-run numactl taskset",
    "uv uvx poetry pipenv pdm rye hatch conda mamba pixi",
    "strace ltrace gdb valgrind perf flock script watch parallel unbuffer chrt systemd-run setarch unshare nsenter xargs",
    "torchrun accelerate deepspeed horovodrun ray coverage kernprof ipython bash sh zsh dash",
)
"""Commands that run another; any later word may be the script."""

LAUNCH_MODULES = _words(
    "torch.distributed.run torch.distributed.launch accelerate.commands.launch deepspeed",
    "coverage cProfile profile pdb trace runpy kernprof memory_profiler scalene",
)
"""Modules that `python -m` runs and that run a script."""

_READERS = _words(
    "cat less more head tail grep rg sed awk wc diff ls stat file find git cp mv rm mkdir touch chmod echo printf",
    "pytest ruff black mypy pyright flake8 pylint isort pip add remove sync lock",
)
"""Words after a wrapper that say that the rest is read, checked or moved, not run."""

_PYTHON = re.compile(r"(python|pypy)[\d.]*t?(\.exe)?")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SCRIPT_SUFFIXES = (".py", ".sh", ".R", ".jl", ".ipynb")
_CONFIG_SUFFIXES = (".yaml", ".yml", ".toml", ".json", ".ini", ".cfg")
_GLUED_MODULE = re.compile(r"-[bBdEiIOPqsSuvx]*m([\w.]+)")
_CODE_OPTION = re.compile(r"-[bBdEiIOPqsSuvx]*c")
_RUNNING = re.compile(r"\b(?:runpy|exec|subprocess|system|popen|__import__|import_module)\b")
_DEFAULT_SCRIPT = re.compile(r"train(_\w+)?\.py")
_OPTIONS_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")


def words_of(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A declared training command.

    Attributes:
        text: as declared.
        scripts: the files that it may mean, relative to the root.
        prefix: its first words, up to the first option or placeholder, for commands without a script (`make train`).
        configs: configuration files that it names.
    """

    text: str
    scripts: tuple[str, ...]
    prefix: tuple[str, ...]
    configs: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> EntryPoint:
        words = words_of(text)
        scripts: list[str] = []
        for index, word in enumerate(words):
            if word == "-m" and index + 1 < len(words) and words[index + 1] not in LAUNCH_MODULES:
                scripts += _module_files(words[index + 1])
            elif word.endswith(_SCRIPT_SUFFIXES):
                scripts.append(posixpath.normpath(word))
                break
        plain = [word for word in words if not _ASSIGNMENT.match(word)]
        end = next((index for index, word in enumerate(plain) if word.startswith("-") or "{" in word), len(plain))
        values = [word.rpartition("=")[2] for word in words]
        configs = [posixpath.normpath(value) for value in values if value.endswith(_CONFIG_SUFFIXES) and "{" not in value]
        return cls(text, tuple(scripts), tuple(plain[:end]), tuple(configs))


class Launches:
    """Knows the commands that train in one project."""

    def __init__(self, root: Path, entrypoints: Sequence[EntryPoint]) -> None:
        self._root = root
        self._scripts = {script: entry for entry in entrypoints for script in entry.scripts}
        self._commands = [entry for entry in entrypoints if not entry.scripts]

    def reason(self, command: str) -> str | None:
        words = words_of(command)
        while words and _ASSIGNMENT.match(words[0]):
            words = words[1:]
        if not words:
            return None
        for entry in self._commands:
            if entry.prefix and tuple(words[: len(entry.prefix)]) == entry.prefix:
                return f"declared in [experiments] entrypoints: {entry.text}"
        return self._of_words(words)

    def _of_words(self, words: list[str]) -> str | None:
        head = PurePosixPath(words[0]).name
        if _PYTHON.fullmatch(head):
            return self._of_python(words[1:])
        if head in WRAPPERS:
            return self._of_wrapped(words[1:])
        return self._of_script(words[0]) if "/" in words[0] else None

    def _of_wrapped(self, words: list[str]) -> str | None:
        for index, word in enumerate(words):
            if word == "-c" and index + 1 < len(words):
                return self.reason(words[index + 1])
            name = PurePosixPath(word).name
            if _PYTHON.fullmatch(name):
                return self._of_python(words[index + 1 :])
            if name in _READERS:
                return None
            reason = self._of_script(word) or (
                self._of_module(words[index + 1]) if word in ("-m", "--module") and index + 1 < len(words) else None
            )
            if reason:
                return reason
        return None

    def _of_python(self, words: list[str]) -> str | None:
        index = 0
        while index < len(words):
            word = words[index]
            following = words[index + 1] if index + 1 < len(words) else ""
            if glued := _GLUED_MODULE.fullmatch(word):
                return self._of_module(glued[1])
            if _CODE_OPTION.fullmatch(word):
                return self._of_code(following)
            if word == "-m":
                return self._of_wrapped(words[index + 2 :]) if following in LAUNCH_MODULES else self._of_module(following)
            if not word.startswith("-"):
                # A notebook is data to the program that executes it.
                scripts = (word, *(later for later in words[index + 1 :] if later.endswith(".ipynb")))
                return next((reason for script in scripts if (reason := self._of_script(script))), None)
            index += 2 if word in _OPTIONS_WITH_VALUE else 1
        return None

    def _of_script(self, word: str) -> str | None:
        path = re.sub(r"^(?:\.\./)+", "", posixpath.normpath(word))  # named from a folder below
        if path.startswith("/"):
            try:
                path = PurePosixPath(path).relative_to(self._root.as_posix()).as_posix()
            except ValueError:
                return None
        return self._of_path(path)

    def _of_path(self, path: str) -> str | None:
        if path in self._scripts:
            return f"runs the declared entry point `{self._scripts[path].text}`"
        for script, entry in self._scripts.items():
            # The same script named from another working folder.
            if script.endswith(f"/{path}") or path.endswith(f"/{script}"):
                return f"runs the declared entry point `{entry.text}`"
        return f"runs the training script {path}" if _DEFAULT_SCRIPT.fullmatch(PurePosixPath(path).name) else None

    def _of_module(self, module: str) -> str | None:
        return next((reason for path in _module_files(module) if (reason := self._of_path(path))), None)

    def _of_code(self, code: str) -> str | None:
        names = {PurePosixPath(script).stem for script in self._scripts} | {"train"}
        if re.search(rf"\b(?:import|from)\s+(?:[\w.]+\.)?(?:{'|'.join(map(re.escape, names))})\b", code):
            return "imports the training script"
        if _RUNNING.search(code) and any(f"{name}.py" in code for name in names):
            return "runs the training script"
        return None


def _module_files(module: str) -> list[str]:
    path = module.replace(".", "/")
    return [f"{path}.py", f"src/{path}.py", f"{path}/__main__.py"]
