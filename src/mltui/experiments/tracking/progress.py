"""What a synchronisation did, and what a tracker is known to hold."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from mltui.core.data import Data
from mltui.experiments.storage import write_atomically

FIRST_WAIT, LONGEST_WAIT = 30.0, 3600.0
"""Seconds until the first try after a failure; each further one doubles them, up to the longest."""


class SyncResult(Data):
    """What a synchronisation did.

    Attributes:
        tracking_uri: of the sink.
        experiment_id: MLflow's id of the experiment; empty when nothing was ever sent.
        sent: ids of the proposals that were brought up to date, oldest first.
        runs: the sink's own id of each proposal that was ever sent.
        seconds: wall time.
        yielded: another synchronisation sends what there is.
    """

    tracking_uri: str
    experiment_id: str = ""
    sent: tuple[str, ...] = ()
    runs: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0.0
    yielded: bool = False


class Progress(Data):
    """What a tracker is known to hold.

    Attributes:
        seqs: by proposal, the number of its last journal record that was sent.
        error: what the last try failed of, so that one outage is journaled once.
        failures: tries in a row that failed; failed_at: the last of them, in seconds since the epoch.
    """

    tracking_uri: str
    experiment: str
    experiment_id: str = ""
    seqs: dict[str, int] = Field(default_factory=dict)
    runs: dict[str, str] = Field(default_factory=dict)
    error: str = ""
    failures: int = 0
    failed_at: float = 0.0

    def with_sent(self, experiment_id: str, proposal_id: str, seq: int, run: str) -> Progress:
        """After one more proposal, which also says that the tracker answers."""
        seqs, runs = {**self.seqs, proposal_id: seq}, {**self.runs, proposal_id: run}
        return self.model_copy(
            update={"experiment_id": experiment_id, "seqs": seqs, "runs": runs, "error": "", "failures": 0, "failed_at": 0.0}
        )

    def with_failure(self, message: str, now: float) -> Progress:
        return self.model_copy(update={"error": message, "failures": self.failures + 1, "failed_at": now})

    def next_try(self) -> float:
        """When it is worth trying again, in seconds since the epoch; 0 when the last try succeeded."""
        return self.failed_at + min(FIRST_WAIT * 2 ** min(self.failures - 1, 10), LONGEST_WAIT) if self.failures else 0.0

    def due(self, now: float) -> bool:
        """Whether to try by itself; so, too, when the clock was set back since."""
        return not self.failed_at <= now < self.next_try()


def read_progress(path: Path, uri: str, experiment: str, store: Path | None) -> Progress:
    """What is known to be in this place: nothing, if it is another one than the file is about, or the store is gone.

    Args:
        store: the file or folder that the tracker keeps; None where it is a server.
    """
    fresh = Progress(tracking_uri=uri, experiment=experiment)
    try:
        progress = Progress.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return fresh
    same = (progress.tracking_uri, progress.experiment) == (uri, experiment)
    return progress if same and (store is None or store.exists() or progress.error) else fresh


def write_progress(path: Path, progress: Progress) -> None:
    """For the person alone: a URI may hold a password."""
    write_atomically(path, progress.model_dump_json(indent=2).encode() + b"\n", mode=0o600)
