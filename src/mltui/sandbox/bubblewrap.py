"""Confinement by bubblewrap: mount and PID namespaces of a command's own."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mltui.sandbox.confinement import Confinement, Place, places
from mltui.sandbox.devices import accelerators
from mltui.sandbox.process import SandboxedProcess, SandboxName, bash_program, without_doors
from mltui.sandbox.surroundings import Surroundings

ROOT_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")
"""What root keeps: the files of other users, as in a container. Nothing that mounts, traces, or raises a limit."""

# The first process of the namespace. It ends when the command does, and all the others end with it. What it is told of a
# signal goes to the report: an exit code alone does not tell a signal from a program that ended with 137.
_INIT = r"""
exec {{out}}>&2 2>&{report} {{say}}>&{report} {report}>&-
[[ $1 == 0 ]] || ulimit -x "$1" 2> /dev/null
shift
"$@" 2>&$out {{say}}>&- {{out}}>&-
code=$?
others() {{
    local stat line
    for stat in /proc/[0-9]*/stat; do
        [[ $stat == /proc/1/stat ]] && continue
        line=
        {{ read -r line < "$stat"; }} 2> /dev/null
        line=${{line##*) }}
        [[ -n $line && ${{line:0:1}} != [ZX] ]] && return 0
    done
    return 1
}}
if others && sleep 0.02 && others; then
    echo left >&$say
    kill -TERM -1
    for _ in {{1..50}}; do others || break; sleep 0.02; done
fi
exit $code
"""
_PLAIN_INIT = '[ "$1" = 0 ] || ulimit -x "$1" 2> /dev/null\nshift\n"$@"\nexit $?\n'


class Bubblewrap:
    """Runs commands with `bwrap`.

    Args:
        program: the path of a bwrap that works here.
        own_users: it has to make a user namespace of its own although the person is root.
        devices: the folder of device nodes.
    """

    name: SandboxName = "bubblewrap"

    def __init__(self, program: str, surroundings: Surroundings, *, own_users: bool = False, devices: Path = Path("/dev")) -> None:
        self.program = program
        self._surroundings = surroundings
        self._own_users = own_users
        self._devices = devices

    def start(self, argv: Sequence[str], confinement: Confinement, *, brand: int = 0, **popen: Any) -> SandboxedProcess:
        """As `Sandbox.start`. The command ends with the thread that started it, so that has to outlive it."""
        if not confinement.cwd.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(confinement.cwd))
        options = "\0".join(self.options(confinement)) + "\0"
        arguments = _memory_file(os.fsencode(options))
        report = os.memfd_create("mltui-report", os.MFD_CLOEXEC)
        kept = (*popen.get("pass_fds", ()), arguments, report)
        settings: dict[str, Any] = {**popen, "cwd": "/", "env": without_doors(popen.get("env")), "pass_fds": kept}
        try:
            first = _first_process(report, brand, argv)
            process = SandboxedProcess([self.program, "--args", str(arguments), "--", *first], **settings)
        except BaseException:
            os.close(report)
            raise
        finally:
            os.close(arguments)
        process.guarded = True
        process.report = os.fdopen(report, "rb")
        return process

    def options(self, confinement: Confinement) -> list[str]:
        """The options of bwrap for a confinement, on this machine as it is now."""
        found = places(confinement, self._surroundings)
        options = [option for place in found[:1] for option in _mount(place)]
        options += ["--dev", "/dev", "--proc", "/proc"]
        for device in accelerators(self._devices):
            options += ["--dev-bind-try", str(device), f"/dev/{device.name}"]
        options += [option for place in found[1:] for option in _mount(place)]
        options += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--as-pid-1", "--die-with-parent"]
        options += ["--new-session", "--chdir", str(confinement.cwd)]
        options += [] if confinement.network else ["--unshare-net"]
        options += ["--unshare-user"] if self._own_users else []
        options += ["--cap-drop", "ALL"]
        if os.getuid() == 0 and not self._own_users:
            options += [option for name in ROOT_CAPABILITIES for option in ("--cap-add", f"CAP_{name}")]
        return options

    def describe(self) -> str:
        return (
            f"bubblewrap ({self.program}): commands see files under experiment, .git and .mltui read-only and neither credentials nor "
            "the rest of the home folder; what they leave running ends with them"
        )

    def hint(self) -> str:
        return ""


def probe(program: str, *, own_users: bool, seconds: float = 5.0) -> str:
    """Runs `true` inside. Returns why that failed, or an empty string."""
    options = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--unshare-pid", "--unshare-ipc"]  # noqa: S108
    options += ["--unshare-user"] if own_users else []
    try:
        done = subprocess.run(
            [program, *options, "--cap-drop", "ALL", "--die-with-parent", "--", "/bin/sh", "-c", "exit 0"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not answer in {seconds:g} s"
    except OSError as error:
        return error.strerror or str(error)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return "" if done.returncode == 0 else (said[-1].removeprefix("bwrap: ") if said else f"ended with {done.returncode}")


def _mount(place: Place) -> tuple[str, ...]:
    if place.access == "hidden":
        return _hide(place.path)
    return ("--bind-try" if place.access == "write" else "--ro-bind-try", place.path, place.path)


def _hide(path: str) -> tuple[str, ...]:
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return ()
    return ("--tmpfs", path) if stat.S_ISDIR(mode) else ("--ro-bind", "/dev/null", path)


def _first_process(report: int, brand: int, argv: Sequence[str]) -> Iterator[str]:
    bash = bash_program()
    yield from (bash, "-c", _INIT.format(report=report)) if bash else ("/bin/sh", "-c", _PLAIN_INIT)
    yield from ("mltui-sandbox", str(brand), *argv)


def _memory_file(data: bytes) -> int:
    file = os.memfd_create("mltui-sandbox", os.MFD_CLOEXEC)
    os.write(file, data)
    os.lseek(file, 0, os.SEEK_SET)
    return file
