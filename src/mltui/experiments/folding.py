"""One line of the journal at a time, for the index: what it is about, and the experiment after it."""

from __future__ import annotations

import json
from typing import Any, cast

from pydantic import ValidationError

from mltui.core.errors import JournalError, ProposalError
from mltui.core.experiment import Experiment
from mltui.experiments import fold
from mltui.experiments.journal import Record
from mltui.experiments.records import ENTRIES, AnyEntry, SyncFailed


def entry(line: bytes) -> tuple[str, AnyEntry | None]:
    """What a line says: the subject, and the entry if it changes an experiment."""
    record: dict[str, Any] = json.loads(line)
    kind = ENTRIES.get(record["type"])
    payload = cast("dict[str, Any]", record["payload"])
    if kind is None or kind is SyncFailed:
        subject = payload.get("proposal_id") or payload.get("id")
        return (subject if isinstance(subject, str) else ""), None
    try:
        found = kind.model_validate(payload)
    except ValidationError as error:
        raise _nonsense(record["seq"], str(error.errors(include_url=False)[0]["msg"])) from error
    return found.proposal_id, found


def record(line: bytes) -> Record:
    """The record of a line that was checked."""
    return Record.model_validate_json(line)


def advance(experiment: Experiment | None, found: AnyEntry, seq: int) -> Experiment:
    """The experiment after an entry. Raises: JournalError: it is not legal there."""
    try:
        return fold.advance(experiment, found)
    except ProposalError as error:
        raise _nonsense(seq, str(error.args[0])) from error


def _nonsense(seq: int, why: str) -> JournalError:
    hint = "Was it written by a newer mltui? `mltui experiments verify` checks the journal."
    return JournalError(f"journal record {seq} makes no sense: {why}", hint=hint)
