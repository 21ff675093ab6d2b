"""Runs that crash, hang, flood, say nothing, and supervisors that die: each leaves a clear word and loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.experiments.conftest import Project, run_processes

from mltui.core.errors import ApprovalVoidError, JournalError, ProposalError
from mltui.core.events import ExperimentFinished
from mltui.experiments.render import in_short
from mltui.experiments.service import Experiments

SLEEPER = "import os, time\nopen(os.environ['MLTUI_RUN_DIR'] + '/pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"


def supervisor_pid(project: Project) -> int:
    (folder,) = (project.root / ".mltui" / "jobs").iterdir()
    return int(json.loads((folder / "process.json").read_text())["pid"])


async def wait_for_run(project: Project) -> int:
    """The process id of a sleeping run, once it runs."""
    while True:
        for file in (project.root / ".mltui" / "jobs").glob("*/runs/*/pid"):
            if file.read_text() and (found := run_processes(project.root)):
                return found[-1]
        await asyncio.sleep(0.05)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_crash_quotes_the_last_lines_and_ends_the_job_at_the_second(project: Project) -> None:
    crash = "import sys\nprint('started')\nsys.exit('no GPU of this kind')\n"
    experiment, events = await project.finish(project.propose_script(crash))
    assert experiment.state == "failed"
    assert "2 candidate runs failed; seed 1: exit code 1; last lines:\n  no GPU of this kind" in experiment.message
    assert in_short(experiment.message) == "2 candidate runs failed; seed 1: exit code 1: no GPU of this kind"
    assert [run.status for run in experiment.runs] == ["finished", "failed"] * 2
    assert isinstance(events[-1], ExperimentFinished) and events[-1].comparison is None
    with pytest.raises(ProposalError, match="cannot be interpreted: it is failed"):
        project.experiments.conclude(experiment.id, interpretation="?", recommendation="discard", by="model")


@pytest.mark.slow
async def test_a_hanging_run_is_ended_with_its_whole_group(project: Project) -> None:
    project.reopen(run_timeout_minutes=1 / 60)
    child = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    experiment, _ = await project.finish(project.propose_script(child + SLEEPER, seeds=(0, 1)))
    assert experiment.state == "failed"
    assert "ended after 1 seconds, the time limit: raise run_timeout_minutes" in experiment.message
    assert [run.status for run in experiment.runs if run.arm == "candidate"] == ["timeout", "timeout"]
    assert list((project.root / ".mltui" / "jobs").glob("*/runs/*/pid"))
    assert not run_processes(project.root)
    assert not [
        process for process in psutil.process_iter(["cmdline"]) if "import time; time.sleep(600)" in (process.info["cmdline"] or [])
    ]


@pytest.mark.slow
async def test_the_budget_is_kept(project: Project) -> None:
    experiment, _ = await project.finish(project.propose_script(SLEEPER, minutes=3 / 60, seeds=(0, 1)))
    assert experiment.state == "failed"
    assert "the approved budget of 0.05 minutes ended after" in experiment.message


async def test_megabytes_of_output_are_cut_and_the_metric_after_them_counts(project: Project) -> None:
    project.reopen(metrics=project.config.experiments.metrics.model_copy(update={"file": None, "stdout": "json"}))
    flood = "import sys\nsys.stdout.write('x' * 25_000_000)\nprint('\\n{\"accuracy\": 0.5}')\n"
    project.write("train.py", flood)
    experiment, _ = await project.finish(project.propose(seeds=(0, 1)))
    assert [run.metrics for run in experiment.runs] == [{"accuracy": 0.5}] * 4
    log = project.root / experiment.runs[0].folder / "stdout.log"
    assert 15_000_000 <= log.stat().st_size < 20_000_200
    kept = log.read_bytes()
    assert kept.rstrip().endswith(b'{"accuracy": 0.5}'), "the end is there"
    assert b"bytes are left out here; the first 10,000,000 and the last" in kept
    assert not list(log.parent.glob("stdout.tail*"))


async def test_a_metric_that_is_never_logged_says_how_to_log_it(project: Project) -> None:
    project.reopen(primary=project.config.experiments.primary.model_copy(update={"name": "f1"}))  # type: ignore[union-attr]
    experiment, _ = await project.finish(project.propose())
    assert experiment.state == "failed"
    assert "2 baseline runs failed" in experiment.message
    assert "The metric 'f1' was never logged (it logged accuracy, loss)" in experiment.message
    assert 'write {"f1": ...} to metrics.json in the folder $MLTUI_RUN_DIR' in experiment.message


async def test_a_stale_metrics_file_of_the_checkout_does_not_count(project: Project) -> None:
    project.write("metrics.json", '{"accuracy": 0.99}')
    experiment, _ = await project.finish(project.propose_script("print('did nothing')\n"))
    assert experiment.state == "failed" and "never logged" in experiment.message


async def test_a_checkout_that_fails_ends_the_job(project: Project) -> None:
    proposal_id = project.propose()
    project.write(".mltui/worktrees", "a file where a folder is needed\n")
    experiment, _ = await project.finish(proposal_id)
    assert (experiment.state, experiment.runs) == ("failed", ())
    assert "worktrees" in experiment.message


async def test_a_killed_supervisor_is_noticed_and_its_run_ended(project: Project) -> None:
    proposal_id = project.propose_script(SLEEPER)
    project.approve(proposal_id)
    project.experiments.start(proposal_id)
    run = await wait_for_run(project)
    os.kill(supervisor_pid(project), signal.SIGKILL)
    events = [event async for event in project.experiments.follow(proposal_id, poll=0.05)]
    assert "the supervisor died" in events[-1].message
    assert project.experiments.get(proposal_id).state == "failed"
    assert gone(run)
    assert project.git("worktree", "list").count("\n") == 1


async def test_stop_ends_everything(project: Project) -> None:
    proposal_id = project.propose_script(SLEEPER)
    with pytest.raises(ProposalError, match="cannot be stopped: it is proposed"):
        project.experiments.stop(proposal_id)
    project.approve(proposal_id)
    project.experiments.start(proposal_id)
    with pytest.raises(ProposalError, match="cannot be started: it is running"):
        project.experiments.start(proposal_id)
    run, supervisor = await wait_for_run(project), supervisor_pid(project)
    await asyncio.to_thread(project.experiments.stop, proposal_id)
    experiment = project.experiments.get(proposal_id)
    assert (experiment.state, experiment.message) == ("stopped", "stopped after 2 of 12 runs")
    assert experiment.runs[-1].status == "killed"
    assert gone(run)
    while not gone(supervisor):
        await asyncio.sleep(0.05)
    assert project.experiments.discard(proposal_id, by="ann").state == "discarded"


APP = """
import sys
from pathlib import Path
from mltui.config.schema import Config
from mltui.experiments.service import Experiments
Experiments.open(Path(sys.argv[1]), Config.model_validate_json(sys.argv[2])).start("P-0001")
"""


async def test_the_experiment_outlives_the_app(project: Project) -> None:
    project.approve(project.propose(seeds=(0, 1)))
    app = [sys.executable, "-c", APP, str(project.root), project.config.model_dump_json()]
    process = subprocess.run(app, check=True, start_new_session=True, capture_output=True)
    assert process.returncode == 0
    events = [event async for event in project.experiments.follow("P-0001", poll=0.05)]
    assert project.experiments.get("P-0001").state == "compared", events[-1].message


def test_tampering_voids_the_approval(project: Project) -> None:
    proposal_id = project.propose()
    project.approve(proposal_id)
    project.write("data/rows.csv", "1\n2\n3\n4\n")
    with pytest.raises(ApprovalVoidError, match=r"data/rows\.csv changed"):
        project.experiments.start(proposal_id)
    project.write("data/rows.csv", "1\n2\n3\n")
    assert project.experiments.get(proposal_id).state == "proposed"
    project.approve(proposal_id)
    journal = project.root / ".mltui" / "journal.jsonl"
    honest = journal.read_text()
    journal.write_text(honest.replace('"after":0.2', '"after":0.9'))
    with pytest.raises(JournalError, match=r"record 1 .*was changed"):
        Experiments.open(project.root, project.config).start(proposal_id)
    journal.write_text(honest)
    commit = project.experiments.get(proposal_id).proposal.commit
    (project.root / ".git" / "objects" / commit[:2] / commit[2:]).unlink()
    with pytest.raises(ApprovalVoidError, match=r"candidate commit .* does not hold what was proposed"):
        Experiments.open(project.root, project.config).start(proposal_id)
    assert project.experiments.get(proposal_id).state == "proposed"


def test_a_second_supervisor_of_the_same_job_goes_away(project: Project, tmp_path: Path) -> None:
    from mltui.experiments import supervisor
    from mltui.experiments.jobs import Job
    from mltui.experiments.storage import file_lock

    job = Job.create(project.experiments.state, project.root, project.propose(), project.config)
    with file_lock(job.folder / "lock"):
        assert supervisor.main(job.folder) == 1
    assert project.experiments.get("P-0001").state == "proposed"


def test_a_job_that_never_came_up_counts_as_dead(project: Project) -> None:
    from mltui.experiments.jobs import STARTING, Job, ProcessMark

    job = Job.create(project.experiments.state, project.root, "P-0001", project.config)
    assert job.alive()
    long_ago = time.time() - 2 * STARTING
    os.utime(job.folder / "plan.json", (long_ago, long_ago))
    assert not job.alive()
    mark = ProcessMark.of(os.getpid())
    assert mark is not None and mark.alive()
