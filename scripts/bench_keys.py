"""What a key costs the event loop in the composer: with 100,000 files to complete, and in a text of 2,000 lines.

python scripts/bench_keys.py [FILES]: milliseconds of this process's main thread for each key, median and worst.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from mltui.agent.world import FileIndex
from mltui.ui.tui.app import MltuiApp


def make(folder: Path, count: int) -> None:
    """A repository of so many files, 100 a folder."""
    for number in range(0, count, 100):
        inside = folder / f"package{number // 10_000}/module{number // 100}"
        inside.mkdir(parents=True)
        for one in range(min(100, count - number)):
            (inside / f"train_loader_{one}.py").touch()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)


async def keys(pilot: Any, area: Any, names: Iterable[str]) -> list[float]:
    """Milliseconds of the loop's thread, and the longest time that a task of the loop had to wait, for each key."""
    costs: list[float] = []
    for name in names:
        before = time.thread_time()
        await pilot.press(name)
        for _ in range(20):
            await asyncio.sleep(0.002)
        costs.append((time.thread_time() - before) * 1000)
    return costs


async def waits(stop: asyncio.Event) -> float:
    worst = 0.0
    while not stop.is_set():
        at = time.perf_counter()
        await asyncio.sleep(0)
        worst = max(worst, time.perf_counter() - at)
        await asyncio.sleep(0.0005)
    return worst * 1000


def own_cost(composer: Any, area: Any) -> float:
    """Milliseconds of mltui's own handlers of a change, in the text that is there, with a mention at its end."""
    area.insert(" @train_loader_7")
    at = time.perf_counter()
    for _ in range(100):
        composer._offer()
        composer.remark()
    return (time.perf_counter() - at) * 10


async def main(count: int) -> None:
    async def no_session(*_: Any) -> Any:
        await asyncio.Event().wait()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, count)
        index = FileIndex(folder, lambda _path: True)
        at = time.perf_counter()
        index.matches("x", 1)
        print(f"{count:,} files listed in {time.perf_counter() - at:.2f} s, in a thread")
        for query in ("t", "tr", "train", "mod99train7"):
            at = time.perf_counter()
            index.matches(query, 50)
            print(f"  ranked for {query!r} in {(time.perf_counter() - at) * 1000:.1f} ms, in a thread that lets the others run")
        app = MltuiApp(no_session)
        async with app.run_test(size=(100, 40)) as pilot:
            area = app.composer.area
            idle = median(await keys(pilot, area, ["shift"] * 10))
            stop = asyncio.Event()
            waiting = asyncio.create_task(waits(stop))
            plain = await keys(pilot, area, "look at this")
            app.composer.files = index.matches
            files = await keys(pilot, area, " @train_loader_7")
            stop.set()
            worst = await waiting
            area.put("\n".join(f"a line of text, number {number}" for number in range(2_000)))
            await pilot.pause()
            long = await keys(pilot, area, "some more text")
            print(
                f"what the composer itself does with a key: {own_cost(app.composer, area):.2f} ms, the rest is Textual's editing and drawing"
            )
            for what, costs in (("a key in a short text", plain), (f"with {count:,} files", files), ("in 2,000 lines", long)):
                own = sorted(max(0.0, cost - idle) for cost in costs)
                print(f"{what}: {median(own):.1f} ms of the loop's thread, drawing included (most {own[-1]:.1f})")
            print(f"the loop was kept waiting for {worst:.1f} ms at most")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
