"""A small real project: git, a training script without dependencies, a declared parameter and metric."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from mltui.config.schema import ChoiceParameter, Config, FloatParameter, IntParameter, MetricsSource, Tracking
from mltui.config.schema import Experiments as Section
from mltui.core.events import ExperimentFinished, ExperimentProgressed
from mltui.core.experiment import Experiment, Metric, ProposalRequest
from mltui.experiments.service import Experiments

TRAIN = """\
import json, os, random
from pathlib import Path

settings = dict(line.split("#")[0].strip().split(": ") for line in Path("conf/optim.yaml").read_text().splitlines() if ":" in line)
random.seed(int(os.environ["MLTUI_SEED"]))
rows = len(Path("data/rows.csv").read_text().splitlines())
accuracy = 0.5 + float(settings["lr"]) + rows / 1000 + random.gauss(0, 0.001)
Path(os.environ["MLTUI_RUN_DIR"], "metrics.json").write_text(json.dumps({"accuracy": accuracy, "loss": 1 - accuracy}))
print("accuracy:", accuracy)
"""

OPTIM = """\
# how we train
lr: 0.1  # found by hand
batch: 32
schedule: cosine
"""


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def run_processes(root: Path) -> list[int]:
    """Ids of the processes that belong to runs of the project; inside a sandbox they know themselves by others."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MLTUI_RUN_DIR", "").startswith(f"{root}/.mltui/jobs/"):
                found.append(process.pid)
        except psutil.Error:
            continue
    return sorted(found)


@dataclass
class Project:
    root: Path
    config: Config
    experiments: Experiments

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def git(self, *arguments: str) -> str:
        return git(self.root, *arguments)

    def reopen(self, **section: object) -> Experiments:
        """As another process would see it; `section` changes settings of `[experiments]`."""
        experiments = self.config.experiments.model_copy(update=section)
        self.config = self.config.model_copy(update={"experiments": experiments})
        self.experiments = Experiments.open(self.root, self.config)
        return self.experiments

    def propose(self, lr: float = 0.2, **request: object) -> str:
        asked = ProposalRequest.model_validate({"title": "Higher lr", "hypothesis": "It learns faster", "changes": {"lr": lr}, **request})
        return self.experiments.propose(asked, session_id=None, author="model").id

    def propose_script(self, script: str, **request: object) -> str:
        """A proposal that replaces train.py, staged in the draft of session `s`."""
        self.experiments.draft("s").write(Path("train.py"), script.encode())
        asked = ProposalRequest.model_validate({"title": "New script", "hypothesis": "It is better", **request})
        return self.experiments.propose(asked, session_id="s", author="model").id

    def approve(self, proposal_id: str) -> None:
        self.experiments.decide(proposal_id, answer="approve", by="ann")

    async def finish(self, proposal_id: str) -> tuple[Experiment, list[ExperimentProgressed | ExperimentFinished]]:
        """Approves, starts and follows to the end."""
        self.approve(proposal_id)
        self.experiments.start(proposal_id)
        events = [event async for event in self.experiments.follow(proposal_id, poll=0.05)]
        return self.experiments.get(proposal_id), events


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def make_project(root: Path) -> Project:
    (root / ".venv" / "bin").mkdir(parents=True)
    # The bare interpreter, which starts fast and knows no packages.
    (root / ".venv" / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    config = Config(
        tracking=Tracking(enabled=False),
        experiments=Section(
            entrypoints=("python train.py",),
            primary=Metric(name="accuracy", direction="maximize", min_effect=0.01),
            metrics=MetricsSource(file="metrics.json"),
            seeds=(0, 1, 2, 3, 4, 5),
            run_timeout_minutes=1,
            pictures=False,
            budget_minutes=5,
            space={
                "lr": FloatParameter(low=1e-5, high=1.0, log=True, key="conf/optim.yaml:lr"),
                "batch": IntParameter(low=1, high=512, key="conf/optim.yaml:batch"),
                "schedule": ChoiceParameter(type="choice", choices=("cosine", "linear"), key="conf/optim.yaml:schedule"),
            },
        ),
    )
    made = Project(root, config, Experiments.open(root, config))
    made.write("train.py", TRAIN)
    made.write("conf/optim.yaml", OPTIM)
    made.write("data/rows.csv", "1\n2\n3\n")
    made.write("README.md", "A project.\n")
    made.write(".gitignore", ".venv/\n*.bin\n")
    made.git("init", "-q", "-b", "main")
    made.git("config", "user.name", "Ann")
    made.git("config", "user.email", "ann@example.org")
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "Start")
    return made
