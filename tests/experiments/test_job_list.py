"""What runs, read from job folders and from NVIDIA's program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mltui.config.schema import Config
from mltui.experiments.gpu import Gpu, GpuProcess, gpus
from mltui.experiments.job_list import JobList, tail
from mltui.experiments.jobs import Job

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
        Gpu(0, "NVIDIA H100, SXM", 87, 40_321, 81_559, 61, (GpuProcess(4242, 40_000), GpuProcess(4243, None))),
        Gpu(1, "Tesla T4", None, 3, 15_360, None),
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
