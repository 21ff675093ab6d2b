"""What Grep and Glob cost beside plain `rg` with the same options, on many files: wall and CPU milliseconds, interleaved.

python scripts/bench_search.py [--files 100000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from mltui.capabilities import ripgrep  # noqa: E402
from mltui.capabilities.search import RipgrepSearch  # noqa: E402
from mltui.tools.base import GrepQuery, Workspace  # noqa: E402

COMMON = ["--no-config", "--no-require-git", "--no-ignore-global", "--hidden", "--no-messages", "--glob=!.git", "--glob=!.mltui"]


def cpu_ms() -> float:
    """User and system time of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) * 1000


def make_files(root: Path, files: int) -> None:
    """A hundred to a folder; `rare` stands in one of a thousand, `value` in all."""
    for number in range(files):
        folder = root / f"pkg{number // 10_000:03}" / f"sub{number // 100 % 100:02}"
        if number % 100 == 0:
            folder.mkdir(parents=True, exist_ok=True)
        rare = "rare = 1\n" if number % 1000 == 0 else ""
        (folder / f"module_{number}.{'py' if number % 2 else 'txt'}").write_text(f"value = {number}\n{rare}" + "text of no interest\n" * 10)


def plain(root: Path, *options: str) -> Callable[[], Awaitable[object]]:
    def rg() -> object:
        # As a terminal's user would have it: all of the output is read, nothing is done with it.
        return subprocess.run([ripgrep.program(), *COMMON, *options, "--", "./"], cwd=root, stdout=subprocess.PIPE, check=False)

    async def run() -> object:
        return rg()

    return run


def cases(root: Path) -> dict[str, tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]]:
    search = RipgrepSearch(Workspace(root, (root,)), root=root)

    def grep(pattern: str, mode: str) -> Callable[[], Awaitable[object]]:
        query = GrepQuery(pattern, root, output_mode=mode)  # pyright: ignore[reportArgumentType]
        return lambda: search.grep(query)

    return {
        "grep, 100 files of all": (plain(root, "--files-with-matches", "--regexp=rare"), grep("rare", "files_with_matches")),
        "grep, lines of 100 files": (plain(root, "--line-number", "--regexp=rare"), grep("rare", "content")),
        "grep, every file": (plain(root, "--files-with-matches", "--regexp=value"), grep("value", "files_with_matches")),
        "grep, counts of every file": (plain(root, "--count", "--regexp=value"), grep("value", "count")),
        "grep, lines of every file": (plain(root, "--line-number", "--regexp=value"), grep("value", "content")),
        "glob, half of the files": (plain(root, "--files", "--sortr=modified", "--glob=*.py"), lambda: search.glob("*.py", root, 100)),
        "glob, all files": (plain(root, "--files", "--sortr=modified"), lambda: search.glob("**/*", root, 100)),
    }


async def measure(run: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), cpu_ms()
    await run()
    return (time.perf_counter() - wall) * 1000, cpu_ms() - cpu


async def main() -> None:
    parser = argparse.ArgumentParser(description="What Grep and Glob cost beside plain rg.")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(f"{arguments.files:,} files, medians of {arguments.rounds}: wall and CPU ms; {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="mltui-bench-") as folder:
        root = Path(folder).resolve()
        make_files(root, arguments.files)
        for name, pair in cases(root).items():
            for run in pair:
                await run()
            rounds = [[await measure(run) for run in pair] for _ in range(arguments.rounds)]
            (rg, rg_cpu), (own, own_cpu) = (tuple(statistics.median(r[side][kind] for r in rounds) for kind in (0, 1)) for side in (0, 1))
            print(f"{name:28} rg {rg:6.0f} {rg_cpu:6.0f}   mltui {own:6.0f} {own_cpu:6.0f}   {own / rg:.2f} × wall", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
