"""What runs take of the machine, and on what machine they were made."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from mltui.experiments import gpu, system_metrics
from mltui.experiments.gpu import Card, Gpu, drivers
from mltui.experiments.machine import environment_record, machine
from mltui.experiments.run_environment import Probe
from mltui.experiments.run_records import read_record
from mltui.experiments.runner import launch
from mltui.experiments.system_metrics import SystemMetrics

WORK = """
import pathlib, subprocess, sys, time
if len(sys.argv) > 1:
    subprocess.run([sys.executable, __file__])
kept = bytearray(60_000_000)
while not pathlib.Path("stop").exists():
    sum(range(20_000))
"""


def test_a_run_is_sampled_with_all_its_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_metrics, "FIRST", 0.05)
    monkeypatch.setattr(system_metrics, "USUAL", 0.05)
    monkeypatch.setattr(system_metrics, "gpus", lambda: (Gpu(0, "A", 50, 100, 1000, 40), Gpu(1, "B", None, 10, 1000, 40)))
    (tmp_path / "work.py").write_text(WORK)
    sampling = SystemMetrics(tmp_path)
    env = {"PATH": os.environ["PATH"], "CUDA_VISIBLE_DEVICES": "0"}
    process = sampling.launcher(launch)([sys.executable, "work.py", "again"], tmp_path, env)
    deadline = time.monotonic() + 30
    while (peak := max(read(tmp_path, "run_memory_megabytes"), default=0.0)) < 60 and time.monotonic() < deadline:
        time.sleep(0.05)
    (tmp_path / "stop").touch()
    process.communicate(timeout=30)
    sampling.stop()
    assert peak >= 60, "the child's memory was not seen"
    assert max(read(tmp_path, "run_cpu_percentage")) > 0
    assert max(read(tmp_path, "gpu_0_utilization_percentage")) == 50
    assert read(tmp_path, "gpu_1_memory_usage_megabytes") == (), "a card that the run does not see was recorded"


def read(folder: Path, name: str) -> tuple[float, ...]:
    series = read_record("candidate", 0, folder).series.get(f"system/{name}")
    return series.values if series else ()


def test_what_a_run_was_made_on_is_recorded() -> None:
    probe = Probe(version="3.11.7 (main)", packages=["numpy==2.0"])
    found = environment_record(probe)
    assert found["packages"] == {"numpy": "2.0"} and found["digest"] == probe.digest and found["kernel"]
    assert isinstance(found["cpus"], int) and isinstance(found["memory_bytes"], int) and json.loads(json.dumps(found)) == found
    assert machine() is machine()


def test_the_drivers_of_gpus_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, 570.86, 81559, NVIDIA H100, 80GB'\necho 'nothing'\n")
    program.chmod(0o755)
    assert drivers(tmp_path, lambda name: str(program)) == (Card(0, "NVIDIA H100, 80GB", 81559, "570.86"),)
    assert gpu.drivers(tmp_path / "none") == ()
