"""`kill -9` at every step from a proposal to its acceptance: nothing is lost, nothing is applied twice."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mltui.experiments.journal import Journal
from tests.redteam.steps import open_project, walk

from .field import AUTHOR

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["pytest", "tests.redteam.steps"])  # each process is there at once
TRAIN = """\
import json, os
from pathlib import Path

rate = float(Path("conf/optim.yaml").read_text().split(":")[1])
seed = int(os.environ["MLTUI_SEED"])
Path("metrics.json").write_text(json.dumps({"accuracy": 0.5 + rate + seed / 1000}))
"""
CONFIG = """\
[experiments]
entrypoints = ["python train.py"]
primary = { name = "accuracy", direction = "maximize", min_effect = 0.005 }
metrics = { file = "metrics.json" }
[experiments.space]
lr = { type = "float", low = 0.01, high = 1.0, key = "conf/optim.yaml:lr" }
[tracking]
enabled = false
"""
EVERY = 3
"""As many tests try the points at which something becomes durable, and the git processes, in turns."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("killed") / "project"
    for name, text in {
        "train.py": TRAIN,
        "conf/optim.yaml": "lr: 0.1\n",
        ".mltui/config.toml": CONFIG,
        ".gitignore": ".mltui/\n.venv/\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").symlink_to(Path(sys.executable).resolve())
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run(["git", *AUTHOR, *arguments], cwd=root, check=True)
    return root


@pytest.fixture(scope="module")
def points(template: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many there are where nothing is killed."""
    root = tmp_path_factory.mktemp("whole") / "project"
    shutil.copytree(template, root, symlinks=True)
    code, said = carry_on(root, 0)
    assert code == 0, said
    check(root, 0)
    assert isinstance(said, int)
    return said


def carry_on(root: Path, point: int) -> tuple[int | None, int | str | None]:
    """Returns: the exit code of a process that goes on with the experiment, and what it says."""
    receiver, sender = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=walk, args=(root, point, sender))
    process.start()
    sender.close()
    process.join(90)
    if process.exitcode is None:
        process.kill()
    try:
        return process.exitcode, receiver.recv()
    except EOFError:
        return process.exitcode, None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(1, EVERY + 1))
def test_a_kill_at_any_point_loses_nothing_and_repeats_nothing(template: Path, tmp_path: Path, points: int, first: int) -> None:
    assert points > 30

    killed = 0
    for point in range(first, points + 1, EVERY * 4):
        root = tmp_path / f"at-{point}"
        shutil.copytree(template, root, symlinks=True)
        died, _ = carry_on(root, point)
        killed += died == -signal.SIGKILL
        code, said = carry_on(root, 0)
        assert code == 0, f"after a kill at {point}: {said}"
        check(root, point)
    assert killed > 1


def check(root: Path, point: int) -> None:
    experiments = open_project(root)
    assert experiments.verify() > 0, point
    assert (root / "conf/optim.yaml").read_text() == "lr: 0.2\n", point
    journal = Journal(root / ".mltui/journal.jsonl")
    records = journal.read()
    counted = Counter(record.type for record in records)
    assert counted["experiment.accepted"] == 1, point
    runs = Counter(
        (r.payload["proposal_id"], r.payload["run"]["arm"], r.payload["run"]["seed"]) for r in records if r.type == "run.finished"
    )  # type: ignore[index,call-overload]
    assert max(runs.values()) == 1, point
    assert [experiment.state for experiment in experiments.list()].count("accepted") == 1, point
    listed = subprocess.run(["git", "worktree", "list"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert len(listed.splitlines()) == 1, f"{point}: {listed}"
    assert (
        subprocess.run(["git", "status", "--short"], cwd=root, capture_output=True, text=True, check=True).stdout == " M conf/optim.yaml\n"
    )
