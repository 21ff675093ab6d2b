"""Training outside a proposal: seen while a command runs, held to the scratch budget, and recorded.

Evidence of training is what the hook saw (`site/sitecustomize.py`), the use of a GPU, or a command that is known to train.
A command without it is never ended, however long it computes. With `deny` training ends as soon as it is seen; tests that
train something small, and programs that only load a training library or use a GPU, have the scratch budget first, as all have
with `ask` and `record`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from mltui.config.schema import Experiments as Section
from mltui.experiments.globs import walk_files
from mltui.experiments.gpu import gpu_processes
from mltui.experiments.orphans import Orphans
from mltui.experiments.records import UnplannedTraining
from mltui.experiments.training_log import MODEL_ENDINGS, Evidence, hook_environment, read_log

IMPORT_SECONDS = 5.0
"""CPU seconds that a program may take with a training library whose steps cannot be seen before it counts as training."""

GPU_INTERVAL = 5.0
WALK_LIMIT = 50_000


@dataclass(frozen=True, slots=True)
class Over:
    """A command has to end, or (`ask`) somebody has to be asked whether it may go on."""

    reason: str
    ask: bool = False


class UnplannedWatch:
    """Watches the commands of one session, one at a time.

    Args:
        orphans: where unplanned training is recorded.
        root: the project, in which new model files are looked for.
    """

    def __init__(
        self,
        orphans: Orphans,
        session_id: str,
        section: Section,
        root: Path,
        gpu: Callable[[], frozenset[int]] = gpu_processes,
    ) -> None:
        self._orphans = orphans
        self._session_id = session_id
        self._section = section
        self._root = root
        self._gpu = gpu
        self._folder = Path(tempfile.mkdtemp(prefix="mltui-training-"))
        self._log = self._folder / "log.jsonl"
        self._log.touch(0o600)
        self._before = 0.0
        self._begin("", "")

    def environ(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """Variables for the session's commands."""
        return hook_environment(os.environ if environ is None else environ, self._log)

    def start(self, command: str, launch: str = "", before: float = 0.0) -> None:
        """A command begins.

        Args:
            launch: why it is known to train, or empty.
            before: CPU seconds that its process, which was there already, has spent on other things.
        """
        self._begin(command, launch)
        self._before = before

    def tick(self, process: int) -> Over | None:
        """What to do about the command now; to be asked about once a second. Costs a `stat` where nothing trains."""
        evidence = self._look()
        self._sample_gpu(process)
        if not (evidence.libraries or evidence.models or self._launch or self.gpu_seconds):
            return None
        self.cpu_seconds = max(self.cpu_seconds, tree_seconds(process) - self._before)
        if not self._trains(evidence) and not self._may_train(evidence):
            return None
        over = self._over(evidence)
        if over is None or (over.ask and self._allowed):
            return None
        self._outcome = "ended"
        return over

    def go_on(self) -> None:
        """A person said that the command may go on beyond the budget."""
        self._allowed = True
        self._outcome = "allowed"

    def finish(self, cpu_seconds: float = 0.0) -> UnplannedTraining | None:
        """The command has ended. Returns what was recorded, or None where nothing trained.

        Args:
            cpu_seconds: of the command and all that it started.
        """
        evidence = self._look()
        self.cpu_seconds = max(self.cpu_seconds, cpu_seconds)
        if not self._trains(evidence) and not evidence.perhaps_model and self._outcome != "ended":
            return None
        models = tuple(dict.fromkeys((*map(self._relative, evidence.models), *self._new_models())))
        recorded = self._orphans.record(
            UnplannedTraining(
                id="",
                session_id=self._session_id,
                command=self._command,
                cpu_seconds=round(self.cpu_seconds, 2),
                gpu_seconds=round(self.gpu_seconds, 1),
                libraries=evidence.libraries,
                call_sites=tuple(map(self._relative, evidence.places)),
                models=models[:50],
                outcome=self._outcome,
            )
        )
        self._spent = None  # other commands may have trained meanwhile
        return recorded

    @property
    def spent(self) -> float:
        """CPU seconds of unplanned training in this session so far, the running command apart."""
        if self._spent is None:
            self._spent = self._orphans.spent(self._session_id)
        return self._spent

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, command: str, launch: str) -> None:
        self._command, self._launch = command, launch
        self._spent: float | None = None
        self._allowed, self._outcome = False, ""
        self.cpu_seconds = self.gpu_seconds = 0.0
        self._began = time.time()
        self._next_gpu = time.monotonic() + 1.0
        self._since = self._size()
        self._seen: tuple[int, Evidence] = (self._since, Evidence())

    def _size(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _look(self) -> Evidence:
        size = self._size()
        if size != self._seen[0]:
            # A command that empties the file hides nothing that was read already.
            known = self._seen[1]
            found = read_log(self._log, self._since if size >= self._since else 0)
            self._seen = (size, found if size > self._seen[0] else known)
        return self._seen[1]

    def _trains(self, evidence: Evidence, *, gpu: bool = True) -> bool:
        """Whether it trains or trained, for sure or by its name."""
        unseen = bool(evidence.unwatched) and self.cpu_seconds > IMPORT_SECONDS
        return bool(evidence.trained or evidence.saved_model or self._launch or (gpu and self.gpu_seconds) or unseen)

    def _may_train(self, evidence: Evidence) -> bool:
        return bool(evidence.libraries) and self.cpu_seconds > self._section.scratch_seconds

    def _over(self, evidence: Evidence) -> Over | None:
        mode = self._section.unplanned_training
        what = f"it trains outside a proposal ({self._why(evidence)})"
        advice = (
            "Put the change into a proposal with ProposeExperiment: approved runs have their own budget, and only they can be compared."
        )
        # What computes on a GPU without a step of training may be inference.
        if mode == "deny" and self._trains(evidence, gpu=False) and not evidence.tested:
            return Over(f"{what}, which only an approved experiment may do. {advice}")
        seconds, minutes = self._section.scratch_seconds, self._section.scratch_minutes
        if self.cpu_seconds + self.gpu_seconds > seconds:
            return Over(f"{what} and used its {seconds:g} CPU seconds of scratch time for one command. {advice}", ask=mode == "ask")
        if self.spent + self.cpu_seconds + self.gpu_seconds > minutes * 60:
            return Over(f"{what} and the session used its {minutes:g} minutes of scratch time. {advice}", ask=mode == "ask")
        return None

    def _why(self, evidence: Evidence) -> str:
        if evidence.trained:
            return f"{', '.join(evidence.libraries[:3])} at {self._relative(evidence.places[-1]) if evidence.places else 'unknown'}"
        return self._launch or (f"uses {', '.join(evidence.libraries[:3])}" if evidence.libraries else "uses a GPU")

    def _sample_gpu(self, process: int) -> None:
        now = time.monotonic()
        if now < self._next_gpu:
            return
        self._next_gpu = now + GPU_INTERVAL
        users = self._gpu()
        if users and users & set(tree(process)):
            self.gpu_seconds += GPU_INTERVAL

    def _new_models(self) -> list[str]:
        """Files with a model's name below the project that are newer than the command; the hook misses what other code writes."""
        found: list[str] = []
        for index, name in enumerate(walk_files(self._root)):
            if index > WALK_LIMIT:
                break
            if name.endswith(MODEL_ENDINGS) and _written_since(self._root / name, self._began):
                found.append(name)
        return found

    def _relative(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")


def tree(process: int) -> list[int]:
    """The ids of a process and of all that descends from it."""
    try:
        parent = psutil.Process(process)
        return [process, *(child.pid for child in parent.children(recursive=True))]
    except psutil.Error:
        return [process]


def tree_seconds(process: int) -> float:
    """CPU seconds of a process and its descendants, of those that ended and were waited for as well."""
    total = 0.0
    for pid in tree(process):
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _written_since(path: Path, began: float) -> bool:
    try:
        # File systems keep coarser time than the clock.
        return path.stat().st_mtime >= began - 0.02
    except OSError:
        return False
