"""What a synchronisation did, and what the tracker is known to hold."""

from __future__ import annotations

from pydantic import Field

from mltui.core.data import Data


class SyncResult(Data):
    """What a synchronisation did.

    Attributes:
        experiment_id: MLflow's id of the experiment; empty when nothing was ever sent.
        sent: ids of the proposals that were brought up to date, oldest first.
        runs: MLflow's run id of each proposal that was ever sent.
        seconds: wall time.
    """

    tracking_uri: str
    experiment_id: str = ""
    sent: tuple[str, ...] = ()
    runs: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0.0


class Progress(Data):
    """What MLflow is known to hold.

    Attributes:
        seqs: by proposal, the number of its last journal record that was sent.
        error: what the last try failed of, so that one outage is journaled once.
    """

    tracking_uri: str
    experiment: str
    experiment_id: str = ""
    seqs: dict[str, int] = Field(default_factory=dict)
    runs: dict[str, str] = Field(default_factory=dict)
    error: str = ""
