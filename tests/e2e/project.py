"""A small real project under git, and mltui as a real process in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRAIN = """\
import argparse, json, random
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, required=True)
seed = parser.parse_args().seed
BONUS = 0.0
rate = float(Path("conf/train.yaml").read_text().split("lr:")[1].split()[0])
noise = random.Random(seed).gauss(0, 0.001)
Path("metrics.json").write_text(json.dumps({"accuracy": 0.8 + rate + BONUS + noise}))
"""

CONFIG = """\
[experiments]
entrypoints = ["python train.py --seed {seed}"]
training = ["train.py"]
configs = ["conf/**"]
prompts = ["prompts/**"]
metrics = { file = "metrics.json" }
primary = { name = "accuracy", direction = "maximize", min_effect = 0.005 }
seeds = [0, 1, 2, 3, 4, 5]
[experiments.space]
lr = { type = "float", low = 0.001, high = 0.5, log = true, key = "conf/train.yaml:lr" }
[tracking]
enabled = false
"""

POLICY = """\
[[approve]]
kinds = ["hparam", "train"]
files = ["train.py"]
max_minutes = 300
max_runs = 20
[keep]
when = "better"
"""

FILES = {
    "train.py": TRAIN,
    "conf/train.yaml": "# the learning rate\nlr: 0.01\n",
    "prompts/judge.md": "Be strict.\n",
    "src/util.py": "def add(a, b):\n    return a - b\n",
    "tests/test_util.py": "from src.util import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
    ".mltui/config.toml": CONFIG,
    "policy.toml": POLICY,
    "AGENTS.md": "Say `house rule` when you are done.\n",
    ".gitignore": ".mltui/\nmetrics.json\n__pycache__/\n.pytest_cache/\n",
}


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        return self.lines[-1]


@dataclass(frozen=True)
class Project:
    """Attributes: home: MLTUI_HOME of the processes."""

    root: Path
    home: Path

    @classmethod
    def make(cls, folder: Path) -> Project:
        project = cls(folder / "project", folder / "home")
        for name, content in FILES.items():
            path = project.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        project.git("init", "-q", "-b", "main")
        project.git("add", "-A")
        project.git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "start")
        return project

    def git(self, *args: str) -> str:
        return subprocess.run(["git", *args], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def environ(self, **extra: str) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV") if name in os.environ}
        path = f"{Path(sys.executable).parent}{os.pathsep}{keep.get('PATH', '')}"
        return {**keep, "PATH": path, "MLTUI_HOME": str(self.home), "PYTHONPATH": "", **extra}

    def mltui(self, *args: str, stdin: str | None = None, timeout: float = 90, **env: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "mltui", *args],
            cwd=self.root,
            env=self.environ(**env),
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Done(done.returncode, done.stdout, done.stderr)
