"""What a run costs beyond itself: tracked against bare, metrics logged, the log of many runs, a comparison, a sweep.

    .venv/bin/python scripts/bench_runs.py [CASE ...]

Every figure stands beside a baseline that was measured in the same call. CPU is user and system time of the processes that the work
needed, children included; it says more than wall time on a machine that does other things.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench_journal import log_screen, write_journal

from mltui.config.schema import Config, Experiments, FloatParameter, MetricsSource, Tracking
from mltui.core.experiment import Metric, ProposalRequest, Run
from mltui.experiments import service
from mltui.experiments.tracking.place import set_defaults

TRAIN = """\
import json, os, random, time
from pathlib import Path

lr = float(Path("conf/optim.yaml").read_text().split(":")[1])
random.seed(int(os.environ.get("MLTUI_SEED", "0")))
end = time.process_time() + {work}
while time.process_time() < end:
    pass
folder = Path(os.environ.get("MLTUI_RUN_DIR", "."))
accuracy = 0.5 + lr + random.gauss(0, 0.001)
(folder / "metrics.json").write_text(json.dumps({{"accuracy": accuracy}}))
print("accuracy:", accuracy)
"""


def children_cpu() -> float:
    """CPU seconds of all children that ended and were waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cost(deed: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of a deed that works in child processes."""
    wall, cpu = time.perf_counter(), children_cpu()
    deed()
    return time.perf_counter() - wall, children_cpu() - cpu


def own_cost(deed: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of a deed of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    deed()
    return time.perf_counter() - wall, time.process_time() - cpu


def line(what: str, measured: str, baseline: str) -> None:
    print(f"{what:<62} {measured:<34} {baseline}", flush=True)


def project(root: Path, work: float, **tracking: Any) -> service.Experiments:
    (root / "conf").mkdir(parents=True)
    (root / "train.py").write_text(TRAIN.format(work=work))
    (root / "conf" / "optim.yaml").write_text("lr: 0.1\n")
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "Start"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    section = Experiments(
        entrypoints=("python train.py",),
        primary=Metric(name="accuracy", min_effect=0.01),
        metrics=MetricsSource(file="metrics.json"),
        space={"lr": FloatParameter(low=1e-5, high=1.0, key="conf/optim.yaml:lr")},
    )
    return service.Experiments.open(root, Config(tracking=Tracking(**tracking), experiments=section))


def tracked(folder: Path, seeds: int, work: float) -> None:
    """An experiment of two arms, as it is carried out and sent to MLflow, against the same script run as often."""
    runs = 2 * seeds
    bare = folder / f"bare-{seeds}"
    project(bare, work)
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    _, alone = cost(
        lambda: [subprocess.run([sys.executable, "train.py"], cwd=bare, env=environ, check=True, capture_output=True) for _ in range(runs)]
    )
    for name, tracking in (("no tracker", {"enabled": False}), ("MLflow", {})):
        experiments = project(folder / f"{name}-{seeds}".replace(" ", "-"), work, **tracking)
        for turn, first in enumerate((0, 100)):  # other seeds, or the baseline's runs would stand in
            asked = ProposalRequest(
                title="Higher", hypothesis="It learns faster", changes={"lr": 0.2}, seeds=tuple(range(first, first + seeds))
            )
            plan = experiments.propose(asked, session_id=None, author="bench")
            experiments.decide(plan.id, answer="approve", by="bench")
            wall, cpu = cost(lambda experiments=experiments, plan=plan: finish(experiments, plan.id))
            assert experiments.get(plan.id).state == "compared", experiments.get(plan.id).message
            what = f"{runs} runs of {work:g} s, {name}, {'a second experiment' if turn else 'the first of a project'}"
            all_of_it = f"bare {alone / runs:.2f} s a run; all {cpu:.1f} s, {wall:.1f} s of wall"
            line(what, f"{(cpu - alone) / runs:.2f} s of CPU a run more", all_of_it)


def finish(experiments: service.Experiments, proposal_id: str) -> None:
    """Starts it and waits until its supervisor is gone."""
    job = experiments.start(proposal_id)
    found = importlib.import_module("mltui.experiments.jobs").Job(experiments.state, job)
    while found.alive():
        time.sleep(0.05)
    time.sleep(0.2)  # the thread that waits for it has counted it


def points(folder: Path, count: int = 1000) -> None:
    """Metric points of one run into a local store: as mltui sends them, and one by one as scripts often do."""
    set_defaults({"MLFLOW_DISABLE_TELEMETRY": "true"})
    sink_module = importlib.import_module("mltui.experiments.tracking.mlflow_sink")
    mapping = importlib.import_module("mltui.experiments.tracking.mapping")
    sink = sink_module.MlflowSink(f"sqlite:///{folder / 'points.db'}", "bench", "goal", folder / "artifacts")
    now = time.time()

    def run(name: str, curve: tuple[Any, ...]) -> Any:
        return mapping.MlflowRun(event_id=name, name=name, status="FINISHED", started=now, ended=now, tags={}, curves=curve)

    parent = sink.put_parent(run("parent", ()), 1, None)
    sink.put_child(run("warm", ()), parent, None)
    curve = tuple(mapping.Point("loss", 1 / (step + 1), step, now + step) for step in range(count))
    _, empty = own_cost(lambda: sink.put_child(run("empty", ()), parent, None))
    wall, cpu = own_cost(lambda: sink.put_child(run("curve", curve), parent, None))
    client, tenth = sink_module.mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'points.db'}"), count // 10
    single, _ = own_cost(lambda: [client.log_metric(parent, "loss", 1.0, step=step) for step in range(tenth)])
    line(
        f"{count} points of a run to MLflow",
        f"{wall:.2f} s, CPU {cpu:.2f} s",
        f"a run without {empty:.2f} s; one by one {single * count / tenth:.1f} s",
    )


def log(folder: Path, runs: int = 10_000) -> None:
    """The log's screen with so many runs, from F2 to its rows and the first report, in a headless app."""
    root = folder / "log"
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    write_journal(root / ".mltui" / "journal.jsonl", runs // 4)
    index = importlib.import_module("mltui.experiments.index").Index
    made, _ = own_cost(lambda: index(root / ".mltui").close())
    read, _ = own_cost(lambda: index(root / ".mltui").rows())
    opened = [asyncio.run(log_screen(root)) for _ in range(5)]
    middle = [statistics.median(times) for times in zip(*opened, strict=True)]
    line(
        f"the log of {runs} runs ({runs // 4} experiments) opens",
        f"{middle[0]:.2f} s, CPU {middle[1]:.2f} s",
        f"its rows alone {read:.3f} s; index made once {made:.1f} s",
    )
    line("  from one end to the other; a page", f"CPU {middle[3]:.2f} s; {middle[4] * 1000:.1f} ms", "")


def compare(seeds: int = 50) -> None:
    comparison = importlib.import_module("mltui.experiments.comparison")
    stats = importlib.import_module("scipy.stats")
    chance = random.Random(0)
    plan = importlib.import_module("bench_journal").proposal(1, chance).model_copy(update={"seeds": tuple(range(seeds))})
    runs = [
        Run(arm=arm, seed=seed, status="finished", metrics={"accuracy": chance.gauss(0.9, 0.01)}, started=0, ended=1)
        for seed in plan.seeds
        for arm in plan.arms
    ]
    comparison.compare(plan, runs)
    wall, cpu = own_cost(lambda: comparison.compare(plan, runs))
    differences = [runs[2 * index + 1].metrics["accuracy"] - runs[2 * index].metrics["accuracy"] for index in range(seeds)]
    mean = importlib.import_module("numpy").mean

    def plain() -> None:
        stats.ttest_1samp(differences, 0)
        stats.bootstrap((differences,), mean, n_resamples=9999, method="BCa", rng=0)

    plain()
    alone, _ = own_cost(plain)
    line(f"compare on {seeds} seeds", f"{wall:.3f} s, CPU {cpu:.3f} s", f"SciPy's t-test and BCa bootstrap alone {alone:.3f} s")


SWEEP = """\
title = "Trivial"
sampler = "random"
pruner = "none"
trials = {trials}
parallel = 1
[space]
lr = {{ type = "float", low = 0.01, high = 0.9, key = "conf/optim.yaml:lr" }}
"""

PLAIN = """\
import json, subprocess, sys
from pathlib import Path
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.ERROR)

def objective(trial):
    Path("conf/optim.yaml").write_text(f"lr: {trial.suggest_float('lr', 0.01, 0.9)}\\n")
    subprocess.run([sys.executable, "train.py"], check=True, capture_output=True)
    return json.loads(Path("metrics.json").read_text())["accuracy"]

study = optuna.create_study(storage=JournalStorage(JournalFileBackend("study.log")), sampler=optuna.samplers.RandomSampler(0))
study.optimize(objective, n_trials=int(sys.argv[1]))
"""


def sweep(folder: Path, trials: int = 200) -> None:
    """Trivial trials, each a run of the script, against plain Optuna that runs the same script."""
    program = Path(sys.executable).with_name("mltui")
    if subprocess.run([program, "sweep", "--help"], capture_output=True, check=False).returncode:
        line("sweep", "this mltui has no sweeps", "")
        return
    bare, ours = folder / "optuna", folder / "sweep"
    project(bare, 0.0)
    project(ours, 0.0)
    (ours / ".mltui").mkdir(exist_ok=True)
    settings = '[experiments]\nentrypoints = ["python train.py"]\nprimary = { name = "accuracy" }\nmetrics = { file = "metrics.json" }\n'
    (ours / ".mltui" / "config.toml").write_text(f"[tracking]\nenabled = false\n{settings}")
    (ours / "sweep.toml").write_text(SWEEP.format(trials=trials))
    alone, alone_cpu = cost(lambda: subprocess.run([sys.executable, "-c", PLAIN, str(trials)], cwd=bare, check=True))
    command = [program, "sweep", "run", str(ours / "sweep.toml"), "--yes", "-C", str(ours)]
    wall, _ = cost(lambda: subprocess.run(command, check=True, capture_output=True))
    records = [json.loads(text) for text in (ours / ".mltui" / "journal.jsonl").read_text().splitlines()]
    made = [record["ts"] for record in records if record["type"] == "trial.finished"]
    if len(made) != trials:
        raise SystemExit(f"{len(made)} of {trials} trials were made")
    each, each_alone = (made[-1] - made[0]) / (trials - 1), alone / trials
    line(
        f"a sweep of {trials} trivial trials, its winner confirmed",
        f"{wall:.1f} s of wall",
        f"plain Optuna {alone:.1f} s (CPU {alone_cpu:.1f}); {wall / alone:.2f} times",
    )
    line("  one trial of it", f"{each * 1000:.0f} ms of wall", f"plain Optuna {each_alone * 1000:.0f} ms; {each / each_alone:.2f} times")


def main() -> None:
    cases: dict[str, Callable[[Path], None]] = {
        "tracked": lambda folder: (tracked(folder, 2, 0.3), tracked(folder, 6, 0.3))[0],
        "points": points,
        "log": log,
        "compare": lambda folder: compare(),
        "sweep": sweep,
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"{', '.join(cases)}; all without one")
    chosen = parser.parse_args().cases or list(cases)
    if unknown := set(chosen) - set(cases):
        parser.error(f"there is no case {', '.join(sorted(unknown))}; there are {', '.join(cases)}")
    # The same interpreter in runs as beside them: where `python` is a shim of pyenv it alone costs more than a trivial run.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # What sends to the trackers may still be at work in it.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        os.environ["MLTUI_HOME"] = str(Path(place) / "home")
        for name in chosen:
            (Path(place) / name).mkdir()
            cases[name](Path(place) / name)


if __name__ == "__main__":
    main()
