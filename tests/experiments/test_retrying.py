"""What waits for a tracker is tried again by a session, and by its own back-off."""

from __future__ import annotations

import asyncio
import gc

from hypothesis import given
from hypothesis import strategies as st

from mltui.experiments import retrying
from mltui.experiments.tracking.progress import LONGEST_WAIT, Progress


class Counting:
    def __init__(self) -> None:
        self.looks = 0

    def catch_up(self) -> None:
        self.looks += 1


async def test_it_looks_at_the_start_and_again_until_nobody_needs_it():
    experiments = Counting()
    retrying.catch_up_now_and_then(experiments, every=0.001)
    async with asyncio.timeout(30):
        while experiments.looks < 3:
            await asyncio.sleep(0.001)
        del experiments
        gc.collect()
        while retrying._tasks:
            await asyncio.sleep(0.001)


@given(tries=st.integers(1, 60), begun=st.floats(1e9, 2e9), late=st.floats(0, 1e5))
def test_each_failure_waits_longer_and_never_for_ever(tries: int, begun: float, late: float):
    progress = Progress(tracking_uri="http://tracker", experiment="digits")
    assert progress.due(begun)
    waits: list[float] = []
    for _ in range(tries):
        progress = progress.with_failure("it is down", begun)
        waits.append(progress.next_try() - begun)
        assert progress.due(progress.next_try())
        assert progress.due(begun - 1), "the clock was set back"
        assert progress.due(begun + late) == (begun + late >= progress.next_try())
    assert waits == sorted(waits)
    assert waits[-1] <= LONGEST_WAIT
    assert progress.with_sent("1", "P-0001", 3, "run").due(begun)
