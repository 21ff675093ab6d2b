"""The journal as a trail for people who check it: who did what, when, from where, on which hash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from mltui.core.data import JsonObject
from mltui.experiments.chain import facts
from mltui.experiments.journal import Journal, Record, canonical

COLUMNS = ("seq", "time", "type", "subject", "by", "os_user", "identity", "host", "via", "what", "reason", "proposal_hash", "record_hash")
_NOTHING: dict[str, Any] = {}
_WHAT = ("answer", "outcome", "recommendation", "message", "successor", "state", "job", "path", "command", "target", "arm", "id")


def trail(state: Path) -> Iterator[dict[str, str | int]]:
    """One row a record, oldest first, with the columns of `COLUMNS`. Raises: JournalError: the journal was changed."""
    for record in Journal(state / "journal.jsonl").read():
        yield _row(record)


def _row(record: Record) -> dict[str, str | int]:
    payload = cast("dict[str, Any]", record.payload)
    inner = next(
        (cast("dict[str, Any]", payload[name]) for name in ("approval", "proposal", "conclusion", "run") if name in payload), _NOTHING
    )
    origin = cast("dict[str, Any]", inner.get("origin") or payload.get("origin") or {})

    def of(*names: str) -> str:
        values = (holder[name] for name in names for holder in (inner, payload) if holder.get(name) not in (None, "", {}, []))
        return str(next(values, ""))

    subject = facts(canonical(cast(JsonObject, {"payload": payload})))[1]
    return {
        "seq": record.seq,
        "time": _time(record.ts),
        "type": record.type,
        "subject": str(payload.get("proposal_id") or inner.get("proposal_id") or inner.get("id") or payload.get("id") or subject),
        "by": of("by", "author") or record.actor,
        **{name: str(origin.get(name, "")) for name in ("os_user", "identity", "host", "via")},
        "what": of(*_WHAT) if record.type != "proposal.created" else of("title"),
        "reason": of("reason", "interpretation"),
        "proposal_hash": str(inner.get("proposal_hash") or (inner.get("hash") if "proposal" in payload else "") or ""),
        "record_hash": record.hash,
    }


def _time(ts: float) -> str:
    try:
        return datetime.fromtimestamp(ts, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return str(ts)
