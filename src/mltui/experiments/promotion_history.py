"""What the journal says was promoted: who has which alias, since when, and what a crash left open."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from mltui.core.errors import JournalError
from mltui.experiments.journal import Record
from mltui.experiments.records import PromotionDecided, PromotionIntended

CHAMPION, PREVIOUS, CHALLENGER, PRODUCTION = "champion", "previous", "challenger", "production"
MADE = frozenset({"promoted", "overridden", "rolled back"})
"""Outcomes after which the alias is where the record says."""

_MARK = b'"type":"promotion.'


@dataclass(frozen=True, slots=True)
class Holder:
    """What has an alias.

    Attributes:
        version: of the registered model; for a prompt the SHA-256 of its text.
        previous: what had it before; empty: nothing.
        at: when, in seconds since the epoch.
    """

    version: str
    experiment_id: str
    sha256: str
    previous: str
    outcome: str
    by: str
    at: float


@dataclass(slots=True)
class PromotionHistory:
    """The fold of the journal's promotions.

    Attributes:
        holders: by target and alias, every holder, the newest last.
        pending: intents without an outcome, by id, the oldest first.
    """

    holders: dict[tuple[str, str], list[Holder]] = field(default_factory=dict[tuple[str, str], list[Holder]])
    pending: dict[str, PromotionIntended] = field(default_factory=dict[str, PromotionIntended])

    @classmethod
    def of(cls, records: Iterable[Record]) -> PromotionHistory:
        """Raises: JournalError: a record of a promotion cannot be read."""
        history = cls()
        for record in records:
            if record.type in (PromotionIntended.type, PromotionDecided.type):
                history._take(record)
        return history

    def _take(self, record: Record) -> None:
        try:
            if record.type == PromotionIntended.type:
                intent = PromotionIntended.model_validate(record.payload)
                self.pending[intent.id] = intent
                return
            entry = PromotionDecided.model_validate(record.payload)
        except ValidationError as error:
            raise JournalError(f"record {record.seq} ({record.type}) cannot be read", hint="Use the mltui that wrote it") from error
        self.pending.pop(entry.id, None)
        if entry.outcome in MADE:
            holder = Holder(entry.version, entry.experiment_id, entry.sha256, entry.previous, entry.outcome, entry.by, record.ts)
            self.holders.setdefault((entry.target, entry.alias), []).append(holder)

    def current(self, target: str, alias: str = CHAMPION) -> Holder | None:
        """Who should have the alias; None where it was never given."""
        holders = self.holders.get((target, alias))
        return holders[-1] if holders else None

    def before(self, target: str, alias: str = CHAMPION) -> Holder | None:
        """Who had it before the one who has it now, as the record said that gave it to them."""
        current = self.current(target, alias)
        if current is None or not current.previous:
            return None
        earlier = self.holders[target, alias][:-1]
        return next((holder for holder in reversed(earlier) if holder.version == current.previous), None)

    def aliases(self, target: str) -> dict[str, str]:
        """Every alias of a model by the journal: `previous` follows `champion`, and a champion takes the challenger's place."""
        found = {alias: holders[-1] for (of, alias), holders in self.holders.items() if of == target}
        champion = found.get(CHAMPION)
        expected = {alias: holder.version for alias, holder in found.items()}
        if champion is not None:
            if champion.previous:
                expected[PREVIOUS] = champion.previous
            challenger = found.get(CHALLENGER)
            if challenger is not None and challenger.at < champion.at:
                del expected[CHALLENGER]
        return expected

    def targets(self) -> list[str]:
        """Everything that was ever promoted, the oldest first."""
        return list(dict.fromkeys(target for target, _ in self.holders))


def read_promotions(journal: Path) -> PromotionHistory:
    """The promotions of a journal, without reading what is not about them; the chain is not verified here.

    Raises: JournalError: a record of a promotion cannot be read.
    """
    records: list[Record] = []
    try:
        with journal.open("rb") as file:
            for line in file:
                if _MARK in line and line.endswith(b"\n") and json.loads(line).get("type", "").startswith("promotion."):
                    records.append(Record.model_validate_json(line))
    except FileNotFoundError:
        return PromotionHistory()
    except (ValueError, AttributeError) as error:
        raise JournalError(f"{journal} cannot be read: {error}", hint="mltui experiments verify") from error
    return PromotionHistory.of(records)
