"""What runs, read from job folders and from NVIDIA's program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mltui.config.schema import Config
from mltui.core.errors import ExperimentError
from mltui.experiments.gpu import Gpu, GpuProcess, gpus
from mltui.experiments.job_list import MOST, JobList, tail
from mltui.experiments.jobs import Job, ProcessMark

ANSWERS = """#!/bin/sh
case "$1" in
--query-gpu*) printf 'GPU-a, 0, NVIDIA H100, SXM, 87, 40321, 81559, 61\\nGPU-b, 1, Tesla T4, [N/A], 3, 15360, [N/A]\\nnonsense\\n' ;;
--query-compute*) printf 'GPU-a, 4242, 40000\\nGPU-a, 4243, [N/A]\\nGPU-z, 1, 1\\n' ;;
esac
"""


def test_gpus_are_what_nvidia_says(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(ANSWERS)
    tool.chmod(0o755)
    assert gpus(tmp_path, lambda name: str(tool)) is None, "there is no device"
    (tmp_path / "nvidia0").touch()
    assert gpus(tmp_path, lambda name: str(tool)) == (
        Gpu(0, "NVIDIA H100, SXM", 87, 40_321, 81_559, 61, (GpuProcess(4242, 40_000), GpuProcess(4243, None)), "GPU-a"),
        Gpu(1, "Tesla T4", None, 3, 15_360, None, (), "GPU-b"),
    )
    assert gpus(tmp_path, lambda name: None) is None
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert gpus(tmp_path, lambda name: str(tool)) is None


def job(state: Path, proposal_id: str, age: float) -> Job:
    made = Job.create(state, state.parent, proposal_id, Config())
    plan = made.folder / "plan.json"
    os.utime(plan, (plan.stat().st_mtime - age,) * 2)
    return made


def test_jobs_are_listed_with_what_runs_first(tmp_path: Path) -> None:
    state = tmp_path / ".mltui"
    jobs = JobList(state)
    assert jobs.look() == []
    running, over = job(state, "P-0001", 100), job(state, "P-0002", 50)
    (state / "jobs" / "no-job").mkdir()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        running.mark(process.pid)
        running.mark_groups([process.pid])
        for name, text in (("baseline-0", "loss 3"), ("candidate-1", "epoch 1\rloss 2\nloss 1\n")):
            (running.folder / "runs" / name).mkdir(parents=True)
            (running.folder / "runs" / name / "stdout.log").write_text(text)
        old = running.folder / "runs" / "baseline-0" / "stdout.log"
        os.utime(old, (old.stat().st_mtime - 90,) * 2)
        first, second = jobs.look()
        assert (first.proposal_id, first.alive, first.running) == ("P-0001", True, ("candidate-1",))
        assert first.memory > 1_000_000
        assert first.log is not None
        assert tail(first.log, 9) == ["loss 2", "loss 1"]
        assert tail(first.log, 1) == ["loss 1"]
        assert (second.proposal_id, second.alive, second.running, second.log) == ("P-0002", False, (), None)
        assert second.id == over.id
    finally:
        process.kill()
        process.wait()
    assert [view.alive for view in jobs.look()] == [False, False]
    assert tail(tmp_path / "none.log", 3)[0].startswith("none.log cannot be read")


def test_a_damaged_plan_hides_no_job_and_age_hides_none_that_is_asked_for(tmp_path: Path) -> None:
    state = tmp_path / ".mltui"
    made = job(state, "P-0001", 0)
    (made.folder / "plan.json").write_text("{")
    made.mark(os.getpid())
    os.utime(made.folder, (1, 1))
    assert [(view.id, view.proposal_id, view.alive) for view in JobList(state).look()] == [(made.id, "P-0001", True)]
    for number in range(MOST):
        job(state, f"P-{number + 2:04}", 0)
    assert made.id not in [view.id for view in JobList(state).look()]
    for wanted in (made.id, "P-0001"):
        assert made.id in [view.id for view in JobList(state).look(wanted)]
    assert len(JobList(state).look("P-0002")) == MOST


def test_a_process_is_the_same_after_the_clock_was_set(tmp_path: Path) -> None:
    mark = ProcessMark.of(os.getpid())
    assert mark is not None and mark.start
    assert mark.model_copy(update={"created": mark.created - 3600}).alive()
    boot, _, ticks = mark.start.partition("/")
    assert not mark.model_copy(update={"start": f"{boot}/{int(ticks) - 1}"}).alive(), "the id went to a later process"
    assert not mark.model_copy(update={"start": f"another boot/{ticks}"}).alive()
    old = mark.model_copy(update={"start": ""})
    assert old.alive() and not old.model_copy(update={"created": mark.created - 60}).alive()


def test_a_job_of_another_user_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_yours(pid: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    made = job(tmp_path / ".mltui", "P-0001", 0)
    made.mark(os.getpid())
    monkeypatch.setattr(os, "kill", not_yours)
    for end in (made.interrupt, made.kill):
        with pytest.raises(ExperimentError, match="another user's"):
            end()
