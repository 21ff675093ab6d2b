"""What mltui itself put into the working tree, by the journal: kept experiments and promoted prompts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from mltui.core.experiment import Proposal
from mltui.experiments.ledger import Ledger
from mltui.experiments.promotion_history import MADE
from mltui.experiments.records import ExperimentAccepted, PromotionDecided
from mltui.experiments.storage import file_lock

PATIENCE = 10.0
"""Seconds to wait for a process that may be keeping an experiment: its files are there before its record is."""


class Trees(Protocol):
    """Reads what a proposal is made of; see `workbench.Workbench`."""

    def proposed(self, proposal: Proposal, path: str) -> bytes | None: ...


def put_by(ledger: Ledger, trees: Callable[[], Trees], path: str, content: bytes | None) -> str:
    """The experiment that left a file as it is.

    Args:
        path: relative to the project.
        content: of the file now; None: it is not there.

    Returns: its id; empty where the last that touched the file left something else, or where none did.

    Raises: ExperimentError: the journal or the repository cannot be read.
    """
    found = _put_by(ledger, trees, path, content)
    if found or not ledger.journal.path.exists():
        return found
    with file_lock(ledger.journal.path.with_name("proposals.lock"), timeout=PATIENCE):
        return _put_by(ledger, trees, path, content)


def _put_by(ledger: Ledger, trees: Callable[[], Trees], path: str, content: bytes | None) -> str:
    for record in reversed(ledger.of_type(ExperimentAccepted.type, PromotionDecided.type)):
        if record.type == ExperimentAccepted.type:
            accepted = ExperimentAccepted.model_validate(record.payload)
            if path in accepted.paths:
                proposal = ledger.get(accepted.proposal_id).proposal
                return proposal.id if trees().proposed(proposal, path) == content else ""
        else:
            decided = PromotionDecided.model_validate(record.payload)
            if decided.target == f"prompt:{path}" and decided.outcome in MADE:
                same = content is not None and hashlib.sha256(content).hexdigest() == decided.sha256
                return (decided.experiment_id or "a promotion") if same else ""
    return ""
