"""Carries one experiment on from wherever it stands to its acceptance, and dies on demand. Run in a process of its own; not a test.

`walk(PROJECT, POINT, ...)` SIGKILLs itself at that point, counted from 1 over all moments at which something becomes durable
(before and after each), and over every git process. POINT 0: never. Sends the number of points passed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mltui.config import loader
from mltui.core.experiment import ProposalRequest
from mltui.experiments.service import Experiments

ASKED = ProposalRequest(
    # Two seeds decide nothing, and a person keeps the change all the same: the points of death are those of this process.
    title="Larger steps",
    hypothesis="A larger step reaches the optimum sooner",
    changes={"lr": 0.2},
    seeds=(0, 1),
)


class Death:
    def __init__(self, point: int) -> None:
        self.passed = 0
        self._point = point

    def step(self) -> None:
        self.passed += 1
        if self.passed == self._point:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*arguments: Any, **named: Any) -> Any:
            self.step()
            result = act(*arguments, **named)
            self.step()
            return result

        return acted


def open_project(root: Path) -> Experiments:
    return Experiments.open(root, loader.load(root, {"PATH": os.environ["PATH"], "HOME": str(root.parent)}, {}, True).config)


async def carry_on(experiments: Experiments) -> str:
    """What a person and an agent would do next, until there is nothing left to do. Returns the accepted proposal."""
    while True:
        known = experiments.list()
        latest = known[-1] if known else None
        match latest.state if latest else "":
            case "" | "failed" | "stopped" | "rejected":
                experiments.propose(ASKED, session_id=None, author="model:x")
            case "proposed" | "held":
                assert latest
                experiments.decide(latest.id, answer="approve", by="ann")
            case "approved":
                assert latest
                experiments.start(latest.id)
            case "running":
                assert latest
                async for _ in experiments.follow(latest.id, poll=0.02):
                    pass
            case "compared":
                assert latest
                experiments.conclude(latest.id, interpretation="It is better by far", recommendation="accept", by="model:x")
            case "interpreted":
                assert latest
                experiments.accept(latest.id, by="ann")
            case "accepted":
                assert latest
                return latest.id
            case state:
                raise AssertionError(state)


def walk(root: Path, point: int, passed: Connection) -> None:
    """Sends the number of points, or the traceback of what went wrong."""
    death = Death(point)
    os.fdatasync = death.around(os.fdatasync)
    os.replace = death.around(os.replace)
    start = subprocess.Popen.__init__

    def started(self: Any, *arguments: Any, **named: Any) -> None:
        death.step()
        start(self, *arguments, **named)

    subprocess.Popen.__init__ = started
    try:
        asyncio.run(carry_on(open_project(root)))
    except BaseException:
        passed.send(traceback.format_exc())
        raise
    passed.send(death.passed)
