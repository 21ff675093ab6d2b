"""`kill -9` of the supervisor at every step of a run: nothing is lost, nothing is left, nothing happens twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import pytest
from tests.experiments.conftest import TRAIN, Project, run_processes
from tests.experiments.test_bad_runs import gone, supervisor_pid

from mltui.config.schema import Sandbox
from mltui.experiments.run_environment import RunEnvironment
from mltui.experiments.service import Experiments

SLOW_TRAIN = TRAIN + "import time\ntime.sleep(0.4)\n"


def records(project: Project, type_: str) -> int:
    journal = project.root / ".mltui" / "journal.jsonl"
    return journal.read_text().count(f'"type":"{type_}"')


async def killed_at(project: Project, proposal_id: str, type_: str, count: int) -> None:
    """Starts an approved experiment and kills its supervisor as soon as the journal has so many records of a type."""
    project.approve(proposal_id)
    project.experiments.start(proposal_id)
    while records(project, type_) < count:
        await asyncio.sleep(0.002)
    supervisor = supervisor_pid(project)
    with contextlib.suppress(ProcessLookupError):
        os.kill(supervisor, signal.SIGKILL)
    while not gone(supervisor):
        await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("type_", "count"),
    [
        ("job.started", 1),
        ("run.started", 1),
        ("run.finished", 1),
        ("run.started", 2),
        ("run.started", 3),
        ("run.finished", 3),
        ("run.finished", 4),
        ("experiment.compared", 1),
    ],
)
async def test_a_killed_supervisor_loses_nothing(project: Project, type_: str, count: int) -> None:
    project.write("train.py", SLOW_TRAIN)
    project.git("commit", "-q", "-a", "-m", "Slow")
    project.reopen(seeds=(0, 1))
    proposal_id = project.propose(seeds=(0, 1))
    await killed_at(project, proposal_id, type_, count)
    finished = records(project, "run.finished")

    reopened = Experiments.open(project.root, project.config)
    experiment = reopened.get(proposal_id)
    if records(project, "experiment.compared"):
        assert experiment.state == "compared"
    else:
        assert experiment.state == "failed" and "the supervisor died" in experiment.message
    assert len(experiment.runs) == finished
    assert reopened.verify() > 0
    assert run_processes(project.root) == []
    assert project.git("worktree", "list").count("\n") == 1
    assert not list((project.root / ".mltui" / "worktrees").glob("*/*"))
    assert project.git("status", "--porcelain") == ""

    project.experiments = reopened
    baseline = {run.seed for run in experiment.runs if run.arm == "baseline" and run.status == "finished"}
    again, _ = await project.finish(project.propose(lr=0.3, seeds=(0, 1)))
    assert again.state == "compared", again.message
    assert {run.seed for run in again.runs if run.reused} == baseline
    assert reopened.accept(again.id, by="ann").state == "accepted"
    assert project.git("diff", "--stat").count("conf/optim.yaml") == 1
    assert records(project, "experiment.accepted") == 1
    reopened.verify()


@pytest.mark.slow
async def test_what_left_its_session_ends_with_a_killed_supervisor(project: Project) -> None:
    # In a sandbox the system ends it.
    project.config = project.config.model_copy(update={"sandbox": Sandbox(enabled=False)})
    project.reopen()
    script = (
        "import os, subprocess, time\nsubprocess.Popen(['setsid', 'sleep', '600'], start_new_session=True)\n"
        "open(os.environ['MLTUI_RUN_DIR'] + '/pid', 'w').write('x')\ntime.sleep(600)\n"
    )
    proposal_id = project.propose_script(script, seeds=(0, 1))
    project.approve(proposal_id)
    project.experiments.start(proposal_id)
    while not list((project.root / ".mltui" / "jobs").glob("*/runs/candidate-0/pid")):
        await asyncio.sleep(0.05)
    os.kill(supervisor_pid(project), signal.SIGKILL)
    while Experiments.open(project.root, project.config).get(proposal_id).state == "running":
        await asyncio.sleep(0.05)
    assert run_processes(project.root) == []


async def test_a_script_with_its_own_tracking_uri_does_not_escape_the_record(project: Project) -> None:
    script = (
        "import os\nos.environ['MLFLOW_TRACKING_URI'] = 'http://127.0.0.1:9'\n"
        + TRAIN
        + "print('elsewhere', os.environ['MLFLOW_TRACKING_URI'])\n"
    )
    experiment, _ = await project.finish(project.propose_script(script, seeds=(0, 1)))
    assert experiment.state == "compared", experiment.message
    run = next(run for run in experiment.runs if run.arm == "candidate")
    assert run.metrics["accuracy"] > 0.5 and run.exit_code == 0 and run.cpu_seconds > 0
    assert "elsewhere http://127.0.0.1:9" in (project.root / run.folder / "stdout.log").read_text()
    assert 0 <= run.ended - run.started < 3600


def test_a_changed_environment_is_named(project: Project) -> None:
    site = project.root / ".venv" / "extra"
    (site / "extra-1.0.dist-info").mkdir(parents=True)
    (site / "extra-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site)}
    cache = project.root / ".mltui" / "environment.json"
    environment = RunEnvironment(project.root, "P", [], inherited, cache=cache)
    assert "extra==1.0" in environment.probe.packages and environment.changed() is None
    assert RunEnvironment(project.root, "Q", [], inherited, cache=cache).probe == environment.probe
    (site / "more.pth").write_text("import os\n")
    assert "more.pth" in (environment.changed() or "")
    (site / "more.pth").unlink()
    assert environment.changed() is None
    (site / "new-2.0.dist-info").mkdir()
    (site / "new-2.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: new\nVersion: 2.0\n")
    assert environment.changed() == "new==2.0 is new"
