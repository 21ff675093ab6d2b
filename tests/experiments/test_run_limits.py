"""What a run takes of the machine: seen, bounded, and given back whatever it tries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.experiments.conftest import Project
from tests.experiments.test_bad_runs import gone

from mltui.config.schema import Sandbox
from mltui.experiments.outcomes import failure
from mltui.experiments.run_limits import Limits, used
from mltui.experiments.runner import Outcome, Runner

MB = 1_000_000
HOLD = "import sys, time; held = bytearray(int(sys.argv[1])); held[::4096] = b'x' * len(held[::4096]); time.sleep(float(sys.argv[2]))"


def run(command: str, folder: Path, limits: Limits = Limits(), seconds: float = 60.0) -> Outcome:  # noqa: B008
    return Runner(limits=limits).run(command, cwd=folder, env=dict(os.environ), folder=folder, seconds=seconds)


def test_the_peak_is_that_of_the_whole_tree(tmp_path: Path) -> None:
    (tmp_path / "hold.py").write_text(HOLD)
    one = f"{sys.executable} hold.py {60 * MB} 1.5"
    outcome = run(f"{one} & {one} & wait", tmp_path)
    assert outcome.ended == "exit" and outcome.peak_memory > 115 * MB


def test_the_peak_of_one_that_is_over_before_it_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "hold.py").write_text(HOLD)
    # In a process of its own: what the kernel accounts to a child is never less than what its parent held.
    (tmp_path / "ask.py").write_text(
        "import os, sys\nfrom pathlib import Path\nfrom mltui.experiments.runner import Runner\n"
        f"outcome = Runner().run('{sys.executable} -S hold.py {400 * MB} 0', cwd=Path(), env=dict(os.environ), folder=Path(), seconds=60)\n"
        "print(outcome.peak_memory)"
    )
    said = subprocess.run([sys.executable, "ask.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert int(said.stdout) > 390 * MB


def test_more_memory_than_allowed_ends_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "hold.py").write_text(HOLD)
    one = f"{sys.executable} hold.py {60 * MB} 600"
    outcome = run(f"{one} & {one} & wait", tmp_path, Limits(memory=90 * MB))
    said = failure(outcome, 60)
    assert "of memory, and may hold 0.09 GB: raise run_memory_gb in [experiments]" in said
    assert not [process for process in psutil.process_iter(["cmdline"]) if {"hold.py", "600"} <= set(process.info["cmdline"] or [])]


def test_more_disk_than_allowed_ends_it(tmp_path: Path) -> None:
    (tmp_path / "there already").write_bytes(b"x" * 5 * MB)
    outcome = run("mkdir -p a/b; while :; do head -c 1000000 /dev/zero >> a/b/checkpoint; sleep 0.05; done", tmp_path, Limits(disk=3 * MB))
    assert "to the disk, and may write 0.003 GB: raise run_disk_gb" in failure(outcome, 60)
    assert used([tmp_path / "a"]) < 500 * MB


@pytest.mark.parametrize("escape", ["setsid env -i sleep 600", "nohup env -i setsid sh -c 'exec sleep 600'"])
def test_what_drops_its_environment_and_its_session_ends_with_the_run(escape: str, tmp_path: Path) -> None:
    outcome = run(f"({escape} & echo $! > pid) > /dev/null 2>&1; while [ ! -s pid ]; do :; done; echo over", tmp_path)
    assert (outcome.ended, outcome.stdout) == ("exit", "over\n")
    assert gone(int((tmp_path / "pid").read_text()))


async def test_limits_and_peaks_are_in_the_journal(project: Project) -> None:
    # The processes of a run are the same ones in and out of a sandbox.
    project.config = project.config.model_copy(update={"sandbox": Sandbox(enabled=False)})
    project.reopen(run_memory_gb=0.08)
    script = (
        f"import os, time\nif os.environ['MLTUI_SEED'] == '1':\n    held = bytearray({120 * MB})\n    time.sleep(600)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    experiment, _ = await project.finish(project.propose_script(script, seeds=(0, 1)))
    killed, greedy = (run for run in experiment.runs if run.arm == "candidate")
    assert (killed.status, killed.signal) == ("failed", "SIGKILL") and killed.exit_code in (-9, 137)
    assert greedy.status == "failed" and "raise run_memory_gb in [experiments]" in greedy.message
    assert greedy.peak_memory > 80 * MB
