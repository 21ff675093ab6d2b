"""The environment that a training run gets: the project's interpreter, no credentials, a spool for MLflow."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from mltui.experiments.tracking.spool import spool_environment

_SECRET = re.compile(
    r".*(_API_KEY|_API_TOKEN|_AUTH_TOKEN|_SECRET_KEY|_CLIENT_SECRET)$|(ANTHROPIC|OPENAI|AZURE_OPENAI|AZURE_API|GEMINI|LITELLM|OPENROUTER)_.*"
)
"""Names of variables with credentials of model providers and trackers."""

_VIRTUAL_ENVIRONMENTS = (".venv", "venv")

_PROBE = """
import importlib.metadata as m, json, sys
print(json.dumps({"version": sys.version, "path": [p for p in sys.path if p],
                  "packages": sorted({f"{d.name}=={d.version}" for d in m.distributions()})}))
"""


class Probe(BaseModel):
    """What an interpreter says of itself: version, import path, installed packages as `name==version`."""

    version: str = ""
    path: list[str] = []
    packages: list[str] = []

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps([self.version, self.packages]).encode()).hexdigest()

    @property
    def lock(self) -> str:
        """For people: the version as a comment and one package a line."""
        return f"# python {self.version}\n" + "".join(f"{package}\n" for package in self.packages)


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Attributes: worktree: where the command runs; folder: where it may leave results."""

    worktree: Path
    folder: Path
    seed: int


class RunEnvironment:
    """Environment variables for the runs of one proposal."""

    def __init__(self, root: Path, proposal_id: str, secrets: Sequence[str] = (), inherited: Mapping[str, str] | None = None) -> None:
        """Args: secrets: further names of variables that no run gets."""
        self._root = root
        self._proposal_id = proposal_id
        self._base = _without_secrets(os.environ if inherited is None else inherited, secrets)
        self._venv = next((root / name for name in _VIRTUAL_ENVIRONMENTS if (root / name / "bin" / "python").exists()), None)
        self._base["PATH"] = search_path(self._base.get("PATH", os.defpath), self._venv)
        if self._venv:
            self._base["VIRTUAL_ENV"] = str(self._venv)
            self._base["UV_PROJECT_ENVIRONMENT"] = str(self._venv)
        self.probe = self._ask()

    def variables(self, place: RunPlace) -> dict[str, str]:
        return {
            **self._base,
            **spool_environment(place.folder, self._root.name),
            "MLTUI_SEED": str(place.seed),
            "MLTUI_RUN_DIR": str(place.folder),
            "MLTUI_PROPOSAL_ID": self._proposal_id,
            "PYTHONHASHSEED": str(place.seed % 4294967296),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(self._python_path(place.worktree)),
        }

    def _python_path(self, worktree: Path) -> list[str]:
        """The worktree's own copies of project folders on the import path, so that an editable install stays out."""
        found = [worktree / "src"] if (worktree / "src").is_dir() else []
        for entry in map(Path, self.probe.path):
            if entry.is_relative_to(self._root) and not (self._venv and entry.is_relative_to(self._venv)):
                found.append(worktree / entry.relative_to(self._root))
        inherited = [part for part in self._base.get("PYTHONPATH", "").split(os.pathsep) if part and Path(part).is_absolute()]
        outside = [part for part in inherited if not Path(part).is_relative_to(self._root)]
        return [*dict.fromkeys(str(path) for path in found), *outside]

    def _ask(self) -> Probe:
        try:
            command = ["python", "-c", _PROBE]
            done = subprocess.run(command, cwd="/", env=self._base, capture_output=True, timeout=60, check=True, stdin=subprocess.DEVNULL)
            return Probe.model_validate_json(done.stdout)
        except (OSError, subprocess.SubprocessError, ValidationError):
            # No Python, or one that cannot say: then nothing is known of the environment, and runs are told apart by code and data alone.
            return Probe()


def search_path(path: str, venv: Path | None, own: Path | None = None) -> str:
    """PATH for a run: the project's environment first; mltui's own `bin`, where it is not on PATH already, last."""
    own = own or Path(sys.executable).parent
    folders = [folder for folder in path.split(os.pathsep) if folder]
    if venv:
        folders = [str(venv / "bin"), *folders]
    if str(own) not in folders:
        folders.append(str(own))
    return os.pathsep.join(folders)


def _without_secrets(environment: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Nor settings that would turn a run towards a tracking server or another git repository."""
    return {
        name: value
        for name, value in environment.items()
        if not _SECRET.fullmatch(name) and name not in names and not name.startswith(("MLFLOW_", "GIT_", "MLTUI_"))
    }
