"""What the app makes of a terminal: its colours, how much may be written to it, how it is told that it is looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from mltui.ui.terminal.colors import Depth, depth_of

FRAMES: Final = 15
"""Frames a second at most, of what comes without a key."""
SLOW_FRAMES: Final = 4
SLOW_LINK: Final = 0.15
"""Seconds until an answer from which a link counts as slow."""

Switch = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class Profile:
    """Attributes:
    depth: how many colours there are.
    low_bandwidth: little is written: few frames, nothing that moves.
    undecided: the link may turn out to be slow.
    still: nothing moves by itself.
    """

    depth: Depth = "true"
    low_bandwidth: bool = False
    undecided: bool = False
    still: bool = False

    @property
    def frames(self) -> int:
        """Frames a second at most."""
        return SLOW_FRAMES if self.low_bandwidth else FRAMES


def profile_of(environ: Mapping[str, str], low_bandwidth: Switch | None = None, *, reduced_motion: bool = False) -> Profile:
    """Args: low_bandwidth: what the person said; None: nothing. MLTUI_LOW_BANDWIDTH says it where they did not."""
    said = low_bandwidth or switch_of(environ)
    low = said == "on"
    return Profile(depth_of(environ), low, said == "auto", low or reduced_motion)


def switch_of(environ: Mapping[str, str]) -> Switch:
    """Returns: what MLTUI_LOW_BANDWIDTH says; anything that is no way of saying on or off is `auto`."""
    value = environ.get("MLTUI_LOW_BANDWIDTH", "").strip().lower()
    if value in ("on", "1", "true", "yes"):
        return "on"
    return "off" if value in ("off", "0", "false", "no") else "auto"


def under_mosh(processes: Path = Path("/proc"), process: int | None = None) -> bool:
    """Returns: whether a mosh server is among the processes above this one. It is made for links that are slow or break.

    Where /proc is not there, the answer is no.
    """
    number = os.getpid() if process is None else process
    for _ in range(40):
        try:
            name, _, rest = (processes / str(number) / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
            number = int(rest.split()[1])
        except (OSError, ValueError, IndexError):
            return False
        if name == "mosh-server":
            return True
        if number <= 1:
            return False
    return False


class Latency:
    """How long the terminal takes to answer: the shortest of a few times, so that a busy moment does not count."""

    TRIES: Final = 3

    def __init__(self) -> None:
        self._asked: float | None = None
        self.seconds: list[float] = []

    def asked(self, now: float) -> None:
        self._asked = now

    def answered(self, now: float) -> None:
        if self._asked is not None:
            self.seconds.append(max(0.0, now - self._asked))
            self._asked = None

    @property
    def best(self) -> float | None:
        return min(self.seconds, default=None)

    @property
    def decided(self) -> bool:
        """Whether it is known that the link is quick, or was slow every time."""
        return bool(self.seconds) and (min(self.seconds) <= SLOW_LINK or len(self.seconds) >= self.TRIES)
