"""The environment that a training run gets: the project's interpreter, no credentials, its own folder to log to."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from mltui.experiments.autologging import autolog_environment
from mltui.experiments.storage import write_atomically
from mltui.experiments.tracking.spool import spool_environment
from mltui.experiments.tracking.wandb_files import wandb_environment
from mltui.experiments.training_log import HOOK

_SECRET = re.compile(
    r".*(_API_KEY|_API_TOKEN|_AUTH_TOKEN|_SECRET_KEY|_CLIENT_SECRET)$|(ANTHROPIC|OPENAI|AZURE_OPENAI|AZURE_API|GEMINI|LITELLM|OPENROUTER)_.*"
)
"""Names of variables with credentials of model providers and trackers."""

_VIRTUAL_ENVIRONMENTS = (".venv", "venv")

_STARTUP = ("sitecustomize.py", "usercustomize.py")

_PROBE = """
import importlib.metadata as m, json, sys
print(json.dumps({"version": sys.version, "path": [p for p in sys.path if p],
                  "packages": sorted({f"{d.name}=={d.version}" for d in m.distributions()})}))
"""


class Probe(BaseModel):
    """What an interpreter says of itself: version, import path, installed packages as `name==version`.

    Attributes:
        startup: what Python runs at every start: `.pth` files with code and customisations, with their SHA-256.
    """

    version: str = ""
    path: list[str] = []
    packages: list[str] = []
    startup: list[str] = []

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps([self.version, self.packages, self.startup]).encode()).hexdigest()

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

    def __init__(
        self,
        root: Path,
        proposal_id: str,
        secrets: Sequence[str] = (),
        inherited: Mapping[str, str] | None = None,
        cache: Path | None = None,
        *,
        autolog: bool = False,
    ) -> None:
        """
        Args:
            autolog: lets runs log what they train, without their code doing so.
            secrets: further names of variables that no run gets.
            cache: where the interpreter's last answer is kept; it counts as long as interpreter and package folders are as they were.
        """
        self._root = root
        self._proposal_id = proposal_id
        self._autolog = autolog
        self._base = _without_secrets(os.environ if inherited is None else inherited, secrets)
        self._venv = next((root / name for name in _VIRTUAL_ENVIRONMENTS if (root / name / "bin" / "python").exists()), None)
        self._base["PATH"] = search_path(self._base.get("PATH", os.defpath), self._venv)
        if self._venv:
            self._base["VIRTUAL_ENV"] = str(self._venv)
            self._base["UV_PROJECT_ENVIRONMENT"] = str(self._venv)
        self._cache = cache
        self._stamp: list[str] = []
        self.probe = self._remembered() or self._ask()

    @property
    def own_environment(self) -> Path | None:
        """The project's virtual environment, or None."""
        return self._venv

    def changed(self) -> str | None:
        """What differs from the first look at interpreter and packages, in words; None when nothing does."""
        if self._stamp == self._stamps(self.probe.path):
            return None
        before, now = self.probe, self._ask()
        if now.digest == before.digest:
            return None
        self.probe = before
        old, new = {*before.packages, *before.startup}, {*now.packages, *now.startup}
        parts = [f"{name} is gone" for name in sorted(old - new)] + [f"{name} is new" for name in sorted(new - old)]
        return (
            ", ".join(parts[:4]) or f"Python {now.version.split()[0] if now.version else '(none)'} in place of {before.version.split()[0]}"
        )

    def for_evaluation(self, worktree: Path, folder: Path) -> dict[str, str]:
        """Variables for the evaluator: nothing of the run that it judges, and imports from its own checkout."""
        return {
            **self._base,
            **spool_environment(folder, self._root.name),
            "MLTUI_PROPOSAL_ID": self._proposal_id,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join(self._python_path(worktree)),
        }

    def variables(self, place: RunPlace) -> dict[str, str]:
        path = self._python_path(place.worktree)
        return {
            **self._base,
            **spool_environment(place.folder, self._root.name),
            **wandb_environment(place.folder),
            **(autolog_environment(place.folder) if self._autolog else {}),
            "MLTUI_SEED": str(place.seed),
            "MLTUI_RUN_DIR": str(place.folder),
            "MLTUI_PROPOSAL_ID": self._proposal_id,
            "PYTHONHASHSEED": str(place.seed % 4294967296),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join([str(HOOK), *path] if self._autolog else path),
        }

    def _python_path(self, worktree: Path) -> list[str]:
        """The worktree's own copies of project folders on the import path, so that an editable install stays out."""
        found = [worktree / "src"] if (worktree / "src").is_dir() else []
        for entry in map(Path, self.probe.path):
            if entry.is_relative_to(self._root) and not (self._venv and entry.is_relative_to(self._venv)):
                found.append(worktree / entry.relative_to(self._root))
        inherited = [part for part in self._base.get("PYTHONPATH", "").split(os.pathsep) if part and Path(part).is_absolute()]
        outside = [part for part in inherited if not Path(part).is_relative_to(self._root) and part != str(HOOK)]
        return [*dict.fromkeys(str(path) for path in found), *outside]

    def _ask(self) -> Probe:
        try:
            command = ["python", "-c", _PROBE]
            done = subprocess.run(command, cwd="/", env=self._base, capture_output=True, timeout=60, check=True, stdin=subprocess.DEVNULL)
            probe = Probe.model_validate_json(done.stdout)
        except (OSError, subprocess.SubprocessError, ValidationError):
            # No Python, or one that cannot say: then nothing is known of the environment, and runs are told apart by code and data alone.
            return Probe()
        probe = probe.model_copy(update={"startup": _startup(probe.path, self._root)})
        self._stamp = self._stamps(probe.path)
        if self._cache:
            write_atomically(self._cache, json.dumps({"stamp": self._stamp, "probe": probe.model_dump()}).encode())
        return probe

    def _remembered(self) -> Probe | None:
        try:
            kept = _Remembered.model_validate_json(self._cache.read_bytes()) if self._cache else None
        except (OSError, ValueError):
            return None
        if kept is None or kept.stamp != self._stamps(kept.probe.path):
            return None
        self._stamp = kept.stamp
        return kept.probe

    def _stamps(self, folders: Sequence[str]) -> list[str]:
        """Changes whenever a package is installed or removed, a start-up file changes, or another interpreter is found."""
        python = shutil.which("python", path=self._base["PATH"]) or ""
        files = [python, os.path.realpath(python), *folders]
        for folder in folders:
            files += [f"{folder}/{name}" for name in _startup_names(folder)]
        return [*(f"{file} {_stamp(file)}" for file in files), self._base.get("PYTHONPATH", "")]


class _Remembered(BaseModel):
    stamp: list[str]
    probe: Probe


def environment_digest(root: Path, state: Path, secrets: Sequence[str] = ()) -> str:
    """What `Proposal.environment` holds: a digest of interpreter, packages and start-up files; empty where there is no Python."""
    probe = RunEnvironment(root, "", secrets, cache=state / "environment.json").probe
    return probe.digest if probe.version else ""


def _stamp(file: str) -> str:
    try:
        status = Path(file).stat()
    except OSError:
        return "-"
    return f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"


def _startup_names(folder: str) -> list[str]:
    try:
        return sorted(path.name for path in Path(folder).iterdir() if path.suffix == ".pth" or path.name in _STARTUP)
    except OSError:
        return []


def _startup(folders: Sequence[str], root: Path) -> list[str]:
    """Paths below the project are named from there, so that a clone elsewhere has the same digest."""
    found: list[str] = []
    for folder in folders:
        for name in _startup_names(folder):
            try:
                data = Path(folder, name).read_bytes()
            except OSError:
                continue
            found.append(f"{name} {hashlib.sha256(data.replace(str(root).encode(), b'')).hexdigest()[:16]}")
    return sorted(found)


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
    """Nor settings that would turn a run towards a tracking server, a run there, or another git repository."""
    return {
        name: value
        for name, value in environment.items()
        if not _SECRET.fullmatch(name) and name not in names and not name.startswith(("MLFLOW_", "GIT_", "MLTUI_", "WANDB_"))
    }
