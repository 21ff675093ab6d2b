"""Finding what a command left behind, at the moment at which it forks and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mltui.capabilities import processes
from mltui.sandbox import brand as brands
from mltui.sandbox.brand import new_brand, with_brand
from mltui.sandbox.process import brand_command

HOP = """
import os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.005)
if child := os.fork():
    open(sys.argv[2], "w").write(str(child))
    os._exit(0)
time.sleep(60)
"""


class Hopper:
    """A process that, when told to, goes on in a child and ends. Attributes: child: its id."""

    def __init__(self, folder: Path) -> None:
        self.brand = new_brand()
        self.child = 0
        self._go, self._told = folder / "go", folder / "child"
        command = brand_command([sys.executable, "-c", HOP, str(self._go), str(self._told)], self.brand)
        self.process = subprocess.Popen(command, start_new_session=True)
        while not with_brand(self.brand):
            time.sleep(0.005)

    def hop(self) -> None:
        if not self.child:
            self._go.touch()
            self.process.wait()
            self.child = int(self._told.read_text())


@pytest.fixture
def hopper(tmp_path: Path) -> Iterator[Hopper]:
    made = Hopper(tmp_path)
    yield made
    made.hop()
    os.kill(made.child, signal.SIGKILL)


def after(listing: Callable[..., Any], hop: Callable[[], None]) -> Callable[..., Any]:
    """The listing, and a hop before anybody looks at what was listed."""

    def listed(*arguments: Any) -> Any:
        found = list(listing(*arguments))
        hop()
        return found

    return listed


def test_one_that_forks_and_ends_behind_the_list_is_found(hopper: Hopper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_since", after(processes._since, hopper.hop))
    # Of a group that has ended already: only the brand tells.
    assert processes._left(hopper.process.pid, "no mark", hopper.brand) == [hopper.child]


def test_a_run_that_forks_and_ends_behind_the_list_is_found(hopper: Hopper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brands.os, "scandir", after(os.scandir, hopper.hop))
    assert with_brand(hopper.brand) == [hopper.child]


def test_what_has_ended_is_not_found(tmp_path: Path) -> None:
    hopper = Hopper(tmp_path)
    hopper.hop()
    os.kill(hopper.child, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while with_brand(hopper.brand) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert with_brand(hopper.brand) == processes._left(hopper.process.pid, "no mark", hopper.brand) == []
