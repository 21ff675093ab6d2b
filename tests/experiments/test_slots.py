"""Whose turn it is: real lock files, real processes, and NVIDIA's program played by a script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.experiments.conftest import TRAIN, Project
from tests.experiments.test_killed import records

from mltui.config.schema import Config
from mltui.core.errors import ExperimentError
from mltui.experiments import nvml
from mltui.experiments.gpu import Gpu, GpuProcess, gpus
from mltui.experiments.gpu_room import make_room
from mltui.experiments.heartbeat import Beating
from mltui.experiments.job_list import JobList
from mltui.experiments.jobs import Job
from mltui.experiments.ledger import Ledger
from mltui.experiments.records import JobStarted
from mltui.experiments.service import Experiments
from mltui.experiments.slots import Holder, Slots, Wants, visible
from mltui.experiments.supervisor import Supervisor

SMI = """#!/bin/sh
case "$1" in
--query-gpu*) printf 'GPU-a, 0, H100, 0, 70000, 81559, 40\\nGPU-b, 1, H100, 0, 100, 81559, 40\\n' ;;
--query-compute*) cat "$(dirname "$0")/processes" 2>/dev/null ;;
esac
"""


@pytest.fixture
def smi(tmp_path: Path) -> Callable[[], tuple[Gpu, ...] | None]:
    """Two GPUs, the second with more free memory."""
    folder = tmp_path / "machine"
    folder.mkdir()
    tool = folder / "nvidia-smi"
    tool.write_text(SMI)
    tool.chmod(0o755)
    (folder / "nvidia0").touch()
    return lambda: gpus(folder, lambda name: str(tool))


def holder(job: str, run: str = "baseline-0") -> Holder:
    return Holder(state="/nowhere/.mltui", job=job, run=run)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def never() -> bool:
    return False


def test_the_gpu_with_the_most_free_memory_first_and_none_twice(tmp_path: Path, smi: Callable[[], tuple[Gpu, ...] | None]) -> None:
    slots, wants = Slots(tmp_path / "slots", smi), Wants(gpus=1)
    said: list[str] = []
    with slots.turn(holder("A"), wants, said.append, never) as first, slots.turn(holder("B"), wants, said.append, never) as second:
        assert first is not None and second is not None
        assert visible(first.gpus) == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1"}
        assert visible(second.gpus)["CUDA_VISIBLE_DEVICES"] == "0"
        stop = threading.Event()
        third: list[object] = []

        def wait() -> None:
            with Slots(tmp_path / "slots", smi).turn(holder("C"), wants, said.append, stop.is_set) as turn:
                third.append(turn)

        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: said)
        assert said == ["1 GPU: GPU 0 is held by B (baseline-0), GPU 1 is held by A (baseline-0)"]
        stop.set()
        thread.join(30)
        assert third == [None], "who is stopped waits no more"
    with slots.turn(holder("D"), Wants(gpus=2), said.append, never) as both:
        assert both is not None and visible(both.gpus)["CUDA_VISIBLE_DEVICES"] == "0,1"
    with (
        pytest.raises(ExperimentError, match="gpus_per_run is 3, and there are 2 GPUs"),
        slots.turn(holder("E"), Wants(gpus=3), said.append, never),
    ):
        pass
    limited = Slots(tmp_path / "slots", smi, allowed="GPU-a")
    with limited.turn(holder("F"), wants, said.append, never) as turn:
        assert turn is not None and visible(turn.gpus)["CUDA_VISIBLE_DEVICES"] == "0"


CLIENT = """
import sys, time
from pathlib import Path
from mltui.experiments.gpu import gpus
from mltui.experiments.service import Experiments
from mltui.experiments.slots import Holder, Slots, Wants
folder, job = Path(sys.argv[1]), sys.argv[2]
slots = Slots(folder / "slots", lambda: gpus(folder / "machine", lambda name: str(folder / "machine" / "nvidia-smi")))
with slots.turn(Holder(state=str(folder), job=job, run="r"), Wants(slots=2, gpus=1), lambda why: None, lambda: False) as turn:
    print(turn.gpus[0].index, flush=True)
    time.sleep(600)
"""


def test_two_processes_at_once_never_get_the_same_and_a_killed_one_lets_go(
    tmp_path: Path, smi: Callable[[], tuple[Gpu, ...] | None]
) -> None:
    clients = [
        subprocess.Popen([sys.executable, "-c", CLIENT, str(tmp_path), name], stdout=subprocess.PIPE, text=True) for name in ("A", "B")
    ]
    try:
        assert all(client.stdout is not None for client in clients)
        assert {int(client.stdout.readline()) for client in clients if client.stdout} == {0, 1}
        clients[0].send_signal(signal.SIGKILL)
        clients[0].wait(30)
        left: list[Holder] = []
        with Slots(tmp_path / "slots", smi, left.append).turn(holder("C"), Wants(slots=2, gpus=1), lambda why: None, never) as turn:
            assert turn is not None
        assert {one.job for one in left} == {"A"}, "who takes its place ends what it may have left running"
    finally:
        for client in clients:
            client.kill()
            client.wait()
            if client.stdout:
                client.stdout.close()


def test_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    slots, order = Slots(tmp_path, lambda: ()), []
    said: dict[str, str] = {}

    def queue(name: str) -> None:
        with slots.turn(holder(name), Wants(slots=1), lambda why: said.__setitem__(name, why), never):
            order.append(name)

    threads = [threading.Thread(target=queue, args=(name,)) for name in "BCD"]
    with slots.turn(holder("A"), Wants(slots=1), lambda why: None, never):
        for thread, name in zip(threads, "BCD", strict=True):
            thread.start()
            until(lambda name=name: name in said)
        assert said["B"] == "one of 1 slots, held by A (baseline-0)" and said["D"].startswith("its turn, after ")
    for thread in threads:
        thread.join(30)
    assert order == ["B", "C", "D"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "run-0.slot"]


async def test_a_job_that_waits_says_for_what_and_runs_with_its_gpu(
    project: Project, tmp_path: Path, smi: Callable[[], tuple[Gpu, ...] | None]
) -> None:
    seen = "import os\nprint('sees', os.environ['CUDA_VISIBLE_DEVICES'], os.environ['CUDA_DEVICE_ORDER'])\n"
    project.write("train.py", seen + TRAIN)
    project.git("commit", "-q", "-a", "-m", "GPU")
    project.reopen(gpus_per_run=2, seeds=(0, 1))
    proposal_id = project.propose(seeds=(0, 1))
    project.approve(proposal_id)
    slots = Slots(tmp_path / "slots", smi)
    with slots.turn(holder("Other"), Wants(gpus=1), lambda why: None, never):
        job = start_here(project, proposal_id, slots)
        until(lambda: records(project, "run.waiting"))
        (view,) = JobList(project.root / ".mltui").look()
        assert view.state == "waiting" and view.waits == "2 GPUs: GPU 1 is held by Other (baseline-0)"
        assert view.total == 4
    job.join(60)
    experiment = project.experiments.get(proposal_id)
    assert experiment.state == "compared", experiment.message
    assert "sees 0,1 PCI_BUS_ID" in (project.root / experiment.runs[0].folder / "stdout.log").read_text()
    (view,) = JobList(project.root / ".mltui").look()
    assert (view.done, view.outcome) == (4, "compared")


def start_here(project: Project, proposal_id: str, slots: Slots) -> threading.Thread:
    """The supervisor in a thread of this process, which has the machine of the test."""
    job = Job.create(project.root / ".mltui", project.root, proposal_id, project.config)
    Ledger(project.root / ".mltui").record(JobStarted(proposal_id=proposal_id, job=job.id, runs=4), "ann")
    job.mark(os.getpid())
    thread = threading.Thread(target=Supervisor(job, slots).work)
    thread.start()
    return thread


class FakeNvml:
    """The binding of NVIDIA's library, as far as it is used: two GPUs, the second of which does not say how warm it is."""

    class NVMLError(Exception):
        pass

    def __init__(self, *, driver: bool = True) -> None:
        self._driver = driver

    def nvmlInit(self) -> None:
        if not self._driver:
            raise self.NVMLError("no driver")

    def nvmlShutdown(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, device: int) -> bytes:
        return b"H100"

    def nvmlDeviceGetUUID(self, device: int) -> str:
        return f"GPU-{device}"

    def nvmlDeviceGetMemoryInfo(self, device: int) -> SimpleNamespace:
        return SimpleNamespace(used=(device + 1) << 30, total=80 << 30)

    def nvmlDeviceGetUtilizationRates(self, device: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=7)

    def nvmlDeviceGetComputeRunningProcesses(self, device: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=42, usedGpuMemory=512 << 20), SimpleNamespace(pid=43, usedGpuMemory=None)] if device else []

    def nvmlDeviceGetTemperature(self, device: int, sensor: int) -> int:
        if device:
            raise self.NVMLError("not supported")
        return 40


def test_nvidias_library_is_asked_where_its_binding_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia0").touch()
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    expected = (
        Gpu(0, "H100", 7, 1024, 81_920, 40, (), "GPU-0"),
        Gpu(1, "H100", 7, 2048, 81_920, None, (GpuProcess(42, 512), GpuProcess(43, None)), "GPU-1"),
    )
    assert gpus(tmp_path, lambda name: None) == expected
    assert expected[1].free == 81_920 - 2048
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(driver=False))
    assert nvml.look() is None


WORKER = """
import signal, sys, time
signal.signal(signal.SIGUSR1, lambda number, frame: sys.exit(0))
print("ready", flush=True)
time.sleep(600)
"""


def test_a_local_model_on_the_gpu_is_asked_to_give_its_memory_back() -> None:
    arguments = [sys.executable, "-c", WORKER, "-m", "mltui.models.local.worker"]
    started = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    on_gpu, elsewhere = started
    with on_gpu, elsewhere:
        try:
            for worker in (on_gpu, elsewhere):
                assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
            gpu = Gpu(1, "H100", 0, 5000, 80_000, 40, (GpuProcess(on_gpu.pid, 4_000), GpuProcess(os.getpid(), 9)))
            said: list[str] = []
            make_room([gpu], said.append, seconds=30)
            asked = f"the local model (process {on_gpu.pid}) to give back 4,000 MiB of GPU 1"
            assert said == [f"{asked}; it is loaded again with the next prompt"]
            assert on_gpu.wait(30) == 0 and elsewhere.poll() is None
            make_room([gpu], said.append, seconds=0)
            assert len(said) == 1, "there is nothing left to ask"
        finally:
            on_gpu.kill()
            elsewhere.kill()


def test_a_job_whose_supervisor_is_gone_is_lost_and_never_runs(tmp_path: Path) -> None:
    state = tmp_path / ".mltui"
    job = Job.create(state, tmp_path, "P-0001", Config())
    beats = Beating(job.folder, total=4)
    beats.start()
    beats.run("baseline-0")
    job.mark(os.getpid())
    (view,) = JobList(state).look()
    assert (view.state, view.running, view.total) == ("running", ("baseline-0",), 4)
    mark = json.loads((job.folder / "process.json").read_text())
    # As it is after the machine was started again: the same id and ticks, another boot.
    (job.folder / "process.json").write_text(json.dumps({**mark, "start": "another-boot/" + mark["start"].partition("/")[2]}))
    (view,) = JobList(state).look()
    assert (view.state, view.alive, view.running) == ("lost", False, ())
    assert job.restarted() and not job.alive()
    beats.end("failed")
    (view,) = JobList(state).look()
    assert (view.state, view.outcome) == ("ended", "failed")


async def test_the_journal_says_once_that_a_restart_lost_a_job(project: Project) -> None:
    proposal_id = project.propose(seeds=(0, 1))
    project.approve(proposal_id)
    job = Job.create(project.root / ".mltui", project.root, proposal_id, project.config)
    Ledger(project.root / ".mltui").record(JobStarted(proposal_id=proposal_id, job=job.id, runs=4), "ann")
    (job.folder / "process.json").write_text(json.dumps({"pid": os.getpid(), "created": 1.0, "start": "another-boot/1"}))
    for _ in range(2):
        experiment = Experiments.open(project.root, project.config).get(proposal_id)
        assert experiment.state == "failed"
        assert experiment.message == "lost: the machine was restarted while it ran. Propose again: finished baseline runs count again."
    assert records(project, "experiment.failed") == 1
