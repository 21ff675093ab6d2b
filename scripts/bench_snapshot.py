"""What a look at the tree costs before and after each command, in CPU milliseconds of this process and its children.

python scripts/bench_snapshot.py [--files 2000 20000] [--rounds 9]

cold       the first look of a project that was never looked at: it starts from the person's index
unchanged  before and after together when nothing changed; each round one sample
one file   the same when a command changed one file; its old content is read too
next       the look after that, which takes the change in
guard      as `unchanged`, by the whole guard with the project's real control, every file a free one
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from mltui.capabilities.controlled_guard import ControlledGuard  # noqa: E402
from mltui.config.schema import Config  # noqa: E402
from mltui.experiments.service import Experiments  # noqa: E402
from mltui.experiments.tree_watch import TreeWatch  # noqa: E402

SPARSE = 10_000_000_000


def cpu_ms() -> float:
    """User and system time of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) * 1000


def took(work: Callable[[], object]) -> float:
    start = cpu_ms()
    work()
    return cpu_ms() - start


def make_project(root: Path, files: int) -> None:
    """A repository of Python files, ten to a folder, and an ignored environment beside them."""
    for number in range(files):
        folder = root / f"pkg{number // 100:03}" / f"sub{number // 10 % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"m{number}.py").write_text(f"x = {number}\n" * 40)
    environment = root / ".venv" / "lib"
    environment.mkdir(parents=True)
    for number in range(files):
        (environment / f"v{number}.py").write_text("")
    (root / ".gitignore").write_text(".venv/\n")
    for arguments in (["init", "-q"], ["add", "-A"], ["-c", "gc.auto=0", "-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "x"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)


def measure(root: Path, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in ("cold", "unchanged", "one file", "next", "guard")}
    watch = TreeWatch(root, root / ".mltui")
    found["cold"].append(took(watch.before))
    path = next(root.glob("pkg*/sub*/*.py"))
    name = path.relative_to(root).as_posix()

    def look() -> None:
        watch.before()
        if changes := watch.after():
            raise SystemExit(f"{len(changes)} changes where nothing changed")

    for number in range(rounds):
        found["unchanged"].append(took(look))
        watch.before()
        path.write_text(f"changed {number}\n")
        found["one file"].append(took(lambda: (watch.after(), watch.old(name))))
        found["next"].append(took(watch.before))
    watch.close()
    experiments = Experiments(root, Config())
    draft = experiments.draft("bench")
    guard = ControlledGuard(root, experiments.control, draft=draft, state=experiments.state)
    for _ in range(2):
        guard.remember()
        guard.put_back()
    found["guard"] += [took(lambda: (guard.remember(), guard.put_back())) for _ in range(rounds)]
    guard.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="What a look at the tree costs.")
    parser.add_argument("--files", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    print(f"CPU ms, medians of {arguments.rounds} [least]; {os.cpu_count()} cores, {git_version()}")
    for files in arguments.files:
        for sparse in (False, True):
            with tempfile.TemporaryDirectory(prefix="mltui-bench-") as folder:
                root = Path(folder).resolve() / "project"
                root.mkdir()
                make_project(root, files)
                if sparse:
                    with (root / "untracked.bin").open("wb") as file:
                        file.truncate(SPARSE)
                found = measure(root, arguments.rounds)
            cells = "  ".join(f"{name} {statistics.median(values):.1f} [{min(values):.1f}]" for name, values in found.items())
            print(f"{files:>7,} files{' + 10 GB' if sparse else '        '}  {cells}", flush=True)


def git_version() -> str:
    return subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
