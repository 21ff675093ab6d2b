"""What the log shows: the rows that fit the filter in the wanted order, without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mltui.experiments.log_query import SORTS, Query, corrected_p, ordered, parse_query
from mltui.ui.deciding import is_open
from mltui.ui.tui.log_orphans import orphan_row
from mltui.ui.tui.log_rows import Table

if TYPE_CHECKING:
    from mltui.experiments.index import Row
    from mltui.experiments.orphans import Orphan


class LogModel:
    """Attributes:
    every: all rows, the newest first, those of training outside a proposal among them.
    shown: what fits, by id, in order.
    waiting, unplanned: how many wait for a decision, and how many trainings outside a proposal nobody settled.
    """

    def __init__(self) -> None:
        self.loaded = False
        self.every: Sequence[Row] = ()
        self.orphans: dict[str, Orphan] = {}
        self.shown: dict[str, Row] = {}
        self.ids: list[str] = []
        self.query = Query()
        self.table = Table()
        self.waiting = self.unplanned = 0

    def take(self, rows: Sequence[Row], orphans: dict[str, Orphan]) -> None:
        """Has other rows, the newest first."""
        self.loaded = True
        self.orphans = orphans
        self.every = rows
        if orphans:
            self.every = sorted([*rows, *map(orphan_row, orphans.values())], key=lambda row: -row.created)
        self.waiting = sum(is_open(row.state) for row in rows)
        self.unplanned = sum(not orphan.settled for orphan in orphans.values())
        self.table.corrected, self.table.families = corrected_p(rows)
        self.table.measure(rows)
        if self.table.marked:
            self.table.marked &= {row.id for row in rows}
        self.arrange()

    def arrange(self) -> None:
        """Filters and sorts again."""
        found = [row for row in self.every if self.query.matches(row)] if self.query else self.every
        table = self.table
        self.shown = {row.id: row for row in ordered(found, table.sort, reverse=table.reverse, corrected=table.corrected)}
        self.ids = [*self.shown]

    def corrected(self, row: Row) -> tuple[float | None, int]:
        """(p-value of an experiment, corrected; for how many comparisons)."""
        return self.table.corrected.get(row.id), self.table.families.get(row.id, 0)

    def filter(self, text: str) -> None:
        """Raises: UsageError: the text names a field that there is not."""
        self.query = parse_query(text)
        self.arrange()

    def sort_by(self, name: str) -> None:
        """By this column; by the same once more the other way round."""
        self.table.reverse = not self.table.reverse if name == self.table.sort else False
        self.table.sort = name
        self.arrange()

    def sort_next(self) -> None:
        """By the column after the one of now."""
        self.sort_by(SORTS[(SORTS.index(self.table.sort) + 1) % len(SORTS)])

    @property
    def marked(self) -> list[str]:
        """The ids of the marked ones, the oldest first."""
        return [row.id for row in self.every if row.id in self.table.marked][::-1] if self.table.marked else []
