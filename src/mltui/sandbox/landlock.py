"""Confinement by Landlock, where no namespaces can be made: a list of folders that may be read or written to.

A rule holds for a whole folder. Where a folder holds something protected, its other entries are named one by one, so that
nothing new can be made directly in it. There is no PID namespace, and sockets in the file system stay reachable.
Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mltui.sandbox.confinement import RANK, Access, Confinement, Place, places
from mltui.sandbox.devices import accelerators
from mltui.sandbox.process import SandboxedProcess, SandboxName, brand_command, without_doors
from mltui.sandbox.surroundings import Surroundings

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_NO_NEW_PRIVILEGES = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_TCP = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm")

Rule = tuple[str, int]


class Landlock:
    """Runs commands under Landlock.

    Args:
        abi: the version that the kernel offers, at least 1.
    """

    name: SandboxName = "landlock"

    def __init__(self, abi: int, surroundings: Surroundings, *, devices: Path = Path("/dev")) -> None:
        self.abi = abi
        self._surroundings = surroundings
        self._devices = devices

    def start(self, argv: Sequence[str], confinement: Confinement, *, brand: int = 0, **popen: Any) -> SandboxedProcess:
        """As `Sandbox.start`, from a thread of its own: a restriction holds for a thread and what it starts, for ever."""
        ruleset = self._ruleset(confinement)
        started: list[SandboxedProcess | BaseException] = []

        def start() -> None:
            try:
                _restrict(ruleset)
                options: dict[str, Any] = {**popen, "cwd": confinement.cwd, "env": without_doors(popen.get("env"))}
                started.append(SandboxedProcess(brand_command(argv, brand), **options))
            except BaseException as error:
                started.append(error)

        try:
            thread = threading.Thread(target=start, name="mltui-landlock")
            thread.start()
            thread.join()
        finally:
            os.close(ruleset)
        outcome = started[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def describe(self) -> str:
        gaps = ["sockets of other programs", *([] if self.abi >= 4 else ["the network"]), *([] if self.abi >= 6 else ["signals"])]
        return (
            f"Landlock (version {self.abi} of the kernel): commands cannot write to files under experiment, .git and .mltui, nor make "
            "new files beside them, and read neither credentials nor the rest of the home folder; it cannot guard " + ", ".join(gaps)
        )

    def hint(self) -> str:
        return ""

    def rules(self, confinement: Confinement) -> list[Rule]:
        """Path and rights of each rule, on this machine as it is now."""
        # What is not there needs no hiding, and hiding it would close the folder around it to new files.
        everything = places(confinement, self._surroundings, sockets=False)
        found = [place for place in everything if place.access != "hidden" or os.path.lexists(place.path)]
        grants = [*_Tree(found, self._write).grants()]
        files = _WRITE_FILE | _READ_FILE | (_TRUNCATE & self._handled)
        grants += [(f"/dev/{name}", self._write if name in ("pts", "shm") else files) for name in _DEVICES]
        return grants + [(str(device), files | _READ) for device in accelerators(self._devices)]

    @property
    def _handled(self) -> int:
        return _READ | _WRITE_FILE | _MAKE_AND_REMOVE | (_REFER if self.abi >= 2 else 0) | (_TRUNCATE if self.abi >= 3 else 0)

    @property
    def _write(self) -> int:
        return self._handled

    def _ruleset(self, confinement: Confinement) -> int:
        network = _TCP if self.abi >= 4 and not confinement.network else 0
        fields = [self._handled]
        fields += [network] if self.abi >= 4 else []
        fields += [_ABSTRACT_SOCKETS_AND_SIGNALS] if self.abi >= 6 else []
        attributes = struct.pack(f"={len(fields)}Q", *fields)
        ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
        try:
            for path, rights in self.rules(confinement):
                _allow(ruleset, path, rights)
        except BaseException:
            os.close(ruleset)
            raise
        return ruleset


class _Tree:
    """The places as a tree. Rights add up along a path, so a folder is granted as a whole only if nothing in it has fewer."""

    def __init__(self, found: Iterable[Place], write: int) -> None:
        self._write = write
        self._places: dict[str, Access] = {place.path: place.access for place in found if not place.pin}
        self._below: dict[str, set[str]] = {}
        for path in self._places:
            while path != "/":
                above = path.rpartition("/")[0] or "/"
                self._below.setdefault(above, set()).add(path)
                path = above

    def grants(self) -> Iterator[Rule]:
        yield from self._grant("/", self._places["/"])

    def _grant(self, path: str, access: Access) -> Iterator[Rule]:
        access = self._places.get(path, access)
        least = self._least(path, access)
        if least != "hidden":
            yield path, self._write if least == "write" else _READ
        if RANK[access] > RANK[least]:
            # Links are left out: they could lead a rule anywhere.
            yield from self._children(path, access)
        for below in sorted(self._below.get(path, ())):
            yield from self._grant(below, access)

    def _least(self, path: str, access: Access) -> Access:
        inside: list[Access] = [self._least(below, self._places.get(below, access)) for below in self._below.get(path, ())]
        return min((access, *inside), key=lambda one: RANK[one])

    def _children(self, path: str, access: Access) -> Iterator[Rule]:
        known = self._below[path]
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.path not in known and not entry.is_symlink():
                        yield entry.path, self._write if access == "write" else _READ
        except OSError:
            return


def version() -> int:
    """The version of Landlock that the kernel offers; 0 where it offers none."""
    if sys.platform != "linux":
        return 0
    try:
        return max(0, _call(_CREATE_RULESET, None, 0, 1))
    except OSError:
        return 0


def probe(abi: int) -> str:
    """Restricts a thread. Returns why that failed, or an empty string."""
    if abi < 1:
        return "the kernel has none, or has it switched off"
    failed: list[str] = []

    def attempt() -> None:
        try:
            ruleset = _call(_CREATE_RULESET, struct.pack("=Q", _WRITE_FILE), 8, 0)
            try:
                _restrict(ruleset)
            finally:
                os.close(ruleset)
            with Path("/dev/null").open("wb"):
                failed.append("it restricts nothing")
        except OSError as error:
            if error.errno != errno.EACCES:
                failed.append(error.strerror or str(error))

    thread = threading.Thread(target=attempt, name="mltui-landlock-probe")
    thread.start()
    thread.join()
    return failed[0] if failed else ""


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        mode = os.fstat(place).st_mode
        if stat.S_ISLNK(mode):
            return
        rights = rights if stat.S_ISDIR(mode) else rights & _ON_FILES
        _call(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _restrict(ruleset: int) -> None:
    """Of the calling thread alone."""
    library = _library()
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "privileges cannot be given up")
    _call(_RESTRICT_SELF, ruleset, 0)


def _call(number: int, *arguments: int | bytes | None) -> int:
    result = _library().syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(result)


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
