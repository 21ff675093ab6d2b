"""The trackers that a project may write to: where each is, what it takes, and the module behind which its library is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltui.config.schema import Tracking
from mltui.experiments.tracking.place import STATE, database_file, experiment_name, tracking_uri, wandb_folder, wandb_place
from mltui.experiments.tracking.progress import Progress, read_progress

SinkName = Literal["mlflow", "wandb"]


@dataclass(frozen=True, slots=True)
class Sink:
    """One tracker.

    Attributes:
        title: for people.
        module: has `deliver`; importing it loads the tracker's library.
        remembers: the file in `.mltui` that says what was sent; `remembers` with `.lock` is held while it is sent.
        states: the experiments that it takes; empty: all.
    """

    name: SinkName
    title: str
    module: str
    remembers: str
    states: Collection[str] = ()

    def enabled(self, tracking: Tracking) -> bool:
        return tracking.enabled if self.name == "mlflow" else tracking.wandb != "off"

    def place(self, root: Path, tracking: Tracking) -> str:
        """Where it is, as a URI."""
        return tracking_uri(root, tracking) if self.name == "mlflow" else wandb_place(root, tracking)

    def group(self, root: Path, tracking: Tracking) -> str:
        """What the project is called there."""
        if self.name == "mlflow":
            return experiment_name(root, tracking)
        project = tracking.wandb_project.strip() or root.absolute().name or "project"
        return f"{tracking.wandb_entity.strip()}/{project}".removeprefix("/")

    def file(self, root: Path) -> Path:
        return root / STATE / self.remembers

    def progress(self, root: Path, tracking: Tracking) -> Progress:
        """What is known to be there."""
        place = self.place(root, tracking)
        store = database_file(place) if self.name == "mlflow" else wandb_folder(root)
        return read_progress(self.file(root), place, self.group(root, tracking), store)


OVER = ("failed", "stopped", "measured", "compared", "interpreted", "accepted", "discarded")
"""The states of an experiment whose runs are over."""

MLFLOW = Sink("mlflow", "MLflow", "mltui.experiments.tracking.deliver", "tracking.json")
WANDB = Sink("wandb", "W&B", "mltui.experiments.tracking.wandb_sink", "wandb.json", states=OVER)
SINKS: dict[SinkName, Sink] = {sink.name: sink for sink in (MLFLOW, WANDB)}


def enabled_sinks(tracking: Tracking) -> list[Sink]:
    return [sink for sink in SINKS.values() if sink.enabled(tracking)]
