"""A process that may be confined, and what every kind of sandbox offers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from mltui.sandbox.confinement import Confinement
from mltui.sandbox.surroundings import DOORS

SandboxName = Literal["bubblewrap", "landlock", "none"]

LEFT = b"left\n"
"""What the first process of a PID namespace reports when others were still running."""


class SandboxedProcess(subprocess.Popen[bytes]):
    """A started command.

    Attributes:
        report: what the sandbox's first process wrote about the command, where there is such a process.
        guarded: this process stands outside and ends all of the command with itself: to ask the command to end, spare it.
    """

    report: IO[bytes] | None = None
    guarded: bool = False
    _said: bytes = b""

    def exit_code(self) -> int:
        """The command's own exit code once the process was waited for; negative for a signal."""
        self._read()
        code = self.returncode
        died = code > 128 and bool(self._said.replace(LEFT, b""))
        return 128 - code if died else code

    def left_running(self) -> bool:
        """Whether something still ran in the sandbox when the command had ended; it was ended as well."""
        self._read()
        return LEFT in self._said

    def _read(self) -> None:
        if self.report is not None:
            self.report.seek(0)
            self._said = self.report.read()
            self.report.close()
            self.report = None


class Sandbox(Protocol):
    """Starts commands."""

    @property
    def name(self) -> SandboxName: ...

    def start(self, argv: Sequence[str], confinement: Confinement, *, brand: int = 0, **popen: Any) -> SandboxedProcess:
        """Starts a command as `subprocess.Popen` does, with the same further arguments; `cwd` is the confinement's.

        Args:
            brand: a number to mark the command and all that descends from it with, see `brand_command`.

        Raises: OSError: it cannot be started.
        """
        ...

    def describe(self) -> str:
        """A line for people: what it does, or what is missing."""
        ...

    def hint(self) -> str:
        """What to do about what is missing; empty if nothing is."""
        ...


def without_doors(env: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (os.environ if env is None else env).items() if name not in DOORS}


def brand_command(argv: Sequence[str], brand: int) -> list[str]:
    """A command line that marks itself by a resource limit without a meaning, which no descendant can drop, if bash is there."""
    bash = bash_program()
    if not brand or bash is None:
        return list(argv)
    return [bash, "-c", 'ulimit -x "$1" 2> /dev/null; shift; exec "$@"', bash, str(brand), *argv]


def bash_program() -> str | None:
    return next((path for path in ("/bin/bash", "/usr/bin/bash") if Path(path).exists()), None)
