"""What the journal costs when it is long: appending, listing, showing, verifying, making the index, opening the log's screen.

    .venv/bin/python scripts/bench_journal.py [--experiments 10000] [--keep FOLDER]

Each experiment has about 15 records and a patch of 2 to 5 KB. Times are medians of several runs on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mltui.core.data import JsonObject
from mltui.core.experiment import (
    Approval,
    Budget,
    Comparison,
    Conclusion,
    ControlledChange,
    DataVersion,
    Metric,
    ParameterChange,
    Proposal,
    Run,
)
from mltui.experiments.heads import open_journal
from mltui.experiments.index import Index
from mltui.experiments.journal import GENESIS, canonical, plain, seal
from mltui.experiments.ledger import Ledger
from mltui.experiments.records import (
    AnyEntry,
    ExperimentCompared,
    ExperimentConcluded,
    ExperimentDiscarded,
    JobStarted,
    ProposalCreated,
    ProposalDecided,
    RunFinished,
    RunStarted,
)
from mltui.experiments.verification import verify

if TYPE_CHECKING:
    from mltui.ui.tui.log_list import LogList

METRIC = Metric(name="accuracy", min_effect=0.005)
SEEDS = (0, 1)


def proposal(number: int, chance: random.Random) -> Proposal:
    digest = f"{chance.getrandbits(160):040x}"
    patch = "\n".join(f"+    loss_{line} = weight[{line}] * {chance.random()}" for line in range(chance.randint(45, 110)))
    return Proposal(
        id=f"P-{number:04d}", title=f"Try a learning rate of {chance.random():.4f}", kind="hparam", hypothesis="It learns faster, and as well.",
        methodology="Paired by seed.", metric=METRIC, files=(ControlledChange(path="conf/optim.yaml", kind="hparam", reason="declared"),),
        parameters=(ParameterChange(name="lr", key="conf/optim.yaml:lr", before=0.1, after=chance.random()),), base_commit=digest,
        base_tree=digest, commit=digest, tree=f"{number:040x}", patch=patch, command="python train.py --seed {seed}", seeds=SEEDS, budget=Budget(),
        data=(DataVersion(name="data/train.csv", digest=digest, size=10_000),), author="model:bench", session_id="s", created=1.7e9 + number,
        hash=f"{number:064x}",
    )  # fmt: skip


def history(number: int, chance: random.Random) -> list[AnyEntry]:
    """About 15 records: proposed, approved, two seeds in both arms, compared, interpreted, discarded."""
    plan = proposal(number, chance)
    name = plan.id
    approval = Approval(proposal_id=name, proposal_hash=plan.hash, answer="approve", by="ann", at=plan.created)
    entries: list[AnyEntry] = [
        ProposalCreated(proposal=plan),
        ProposalDecided(approval=approval),
        JobStarted(proposal_id=name, job="j", runs=4),
    ]
    for seed in SEEDS:
        for arm in plan.arms:
            entries.append(RunStarted(proposal_id=name, arm=arm, seed=seed, done=0, total=4))
            metrics = {"accuracy": chance.random(), "loss": chance.random(), "latency_ms_p95": chance.random()}
            run = Run(
                arm=arm, seed=seed, status="finished", metrics=metrics, started=plan.created, ended=plan.created + 60, folder=f"runs/{name}"
            )
            entries.append(RunFinished(proposal_id=name, run=run, key=f"{chance.getrandbits(256):064x}", done=0, total=4))
    compared = Comparison(
        metric=METRIC, test="paired t", n=2, baseline_mean=0.5, candidate_mean=0.51, baseline_std=0.1, candidate_std=0.1, diff=0.01,
        ci_low=-0.01, ci_high=0.03, ci_method="t", p_value=0.3, effect_size=0.2, effect_name="d_z", verdict="inconclusive", summary="unclear",
        pairs=((0, 0.5, 0.51), (1, 0.5, 0.51)),
    )  # fmt: skip
    conclusion = Conclusion(interpretation="Nothing is shown.", recommendation="discard", by="model", at=plan.created)
    return [
        *entries,
        ExperimentCompared(proposal_id=name, comparison=compared),
        ExperimentConcluded(proposal_id=name, conclusion=conclusion),
        ExperimentDiscarded(proposal_id=name, by="ann"),
    ]


def write_journal(path: Path, count: int) -> None:
    """A sound journal, written at once: by appends it would take minutes."""
    chance, head, seq = random.Random(0), GENESIS, 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for number in range(1, count + 1):
            for entry in history(number, chance):
                seq += 1
                fields: JsonObject = {
                    "seq": seq, "ts": 1.7e9 + seq, "type": entry.type, "actor": "bench", "payload": plain(entry), "prev": head,
                }  # fmt: skip
                record = seal(fields)
                head = record.hash
                file.write(canonical(record.model_dump(mode="json")) + b"\n")


def seconds(call: Callable[[], object], times: int = 5) -> str:
    found: list[float] = []
    for _ in range(times):
        before = time.perf_counter()
        call()
        found.append(time.perf_counter() - before)
    return f"{statistics.median(found):.3f} s"


def appends(state: Path, count: int = 300) -> str:
    journal = open_journal(state)
    journal.skip()
    found: list[float] = []
    for number in range(count):
        payload: JsonObject = {"path": "train.py", "reason": "only comments changed", "by": "bench", "number": number}
        before = time.perf_counter()
        journal.append("change.passed", "bench", payload)
        found.append((time.perf_counter() - before) * 1000)
    found.sort()
    return f"median {found[count // 2]:.2f} ms, p99 {found[int(count * 0.99)]:.2f} ms"


def rebuild(state: Path) -> None:
    for path in state.glob("index.sqlite*"):
        path.unlink()
    Index(state).close()


def listing(root: Path, *arguments: str) -> Callable[[], object]:
    program = Path(sys.executable).with_name("mltui")
    return lambda: subprocess.run([program, "experiments", *arguments, "-C", str(root)], check=True, capture_output=True)


async def log_screen(root: Path) -> list[float]:
    """Seconds and CPU seconds from opening to rows and report, and from End to the report of the oldest, in a headless app; then
    the CPU seconds of a page of rows."""
    from textual.app import App

    from mltui.config.schema import Config
    from mltui.experiments.service import Experiments
    from mltui.ui.deciding import Decider
    from mltui.ui.tui.log_list import LogList
    from mltui.ui.tui.log_screen import LogScreen
    from mltui.ui.tui.theme import DARK

    app: App[None] = App()
    app.register_theme(DARK)
    app.theme = DARK.name
    experiments = Experiments.open(root, Config())

    def shown(text: str) -> bool:
        lines = app.screen._compositor.render_strips(app.size)  # pyright: ignore[reportPrivateUsage]
        return any(text in strip.text for strip in lines)

    async def took(deed: Awaitable[object], text: str) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        await deed
        while not shown(text):
            await pilot.pause(0.01)  # looking costs more than a frame does
        return time.perf_counter() - wall, time.process_time() - cpu

    newest = experiments.newest(1)[-1].id
    async with app.run_test(size=(120, 40)) as pilot:
        decider = Decider(experiments, "bench", lambda: None)
        opening = app.push_screen(LogScreen(decider, lambda _: None, lambda _, __: None))
        times = [*await took(opening, f"{newest} hyperparameters"), *await took(pilot.press("end"), "P-0001 hyperparameters")]
        return [*times, await pages(app.screen.query_one(LogList))]


async def pages(rows: LogList, count: int = 60) -> float:
    """CPU seconds that a page up takes, drawn at a frame each."""
    before = time.process_time()
    for _ in range(count):
        rows.action_page(-1)
        await asyncio.sleep(1 / 60)
    return (time.process_time() - before) / count


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiments", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="make the project here and leave it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLTUI_HOME"] = str(Path(folder) / "home")
        root = options.keep or Path(folder) / "project"
        state = root / ".mltui"
        root.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        write_journal(state / "journal.jsonl", options.experiments)
        size = (state / "journal.jsonl").stat().st_size / 1e6
        middle = f"P-{max(options.experiments // 2, 1):04d}"
        print(f"{options.experiments} experiments, {size:.0f} MB")
        print("append            ", appends(state))
        print("make the index    ", seconds(lambda: rebuild(state), 3))
        print("index, current    ", seconds(lambda: Index(state).rows()))
        print("get one (new process)", seconds(lambda: Ledger(state).get(middle)))
        print("next id           ", seconds(lambda: Ledger(state).next_id("P")))
        print("verify            ", seconds(lambda: verify(root)))
        print("experiments list  ", seconds(listing(root, "list"), 9), "(whole process)")
        print("list --limit 20   ", seconds(listing(root, "list", "--limit", "20"), 9), "(whole process)")
        opened = [asyncio.run(log_screen(root)) for _ in range(5)]
        first, middles = opened[0], [statistics.median(times) for times in zip(*opened, strict=True)]
        print("open the log      ", f"{middles[0]:.3f} s, CPU {middles[1]:.3f} s (the first time {first[0]:.3f} s, {first[1]:.3f} s)")
        print("End, to its report", f"{middles[2]:.3f} s, CPU {middles[3]:.3f} s")
        print("a page of rows    ", f"CPU {middles[4] * 1000:.1f} ms")
        print(
            "mltui --version   ",
            seconds(lambda: subprocess.run([Path(sys.executable).with_name("mltui"), "--version"], check=True, capture_output=True), 9),
        )


if __name__ == "__main__":
    main()
