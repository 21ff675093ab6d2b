"""How a comparison stands among all that the project made by the same metric on the same data. Without numpy: lists ask it.

Who has tried a hundred changes has tried a hundred, though one is looked at: a family are all comparisons, whatever is filtered,
another try of the same change among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mltui.experiments.index import Index, Row


@dataclass(frozen=True, slots=True)
class Standing:
    """One comparison in its family, as of now: a later comparison changes it.

    Attributes:
        p_adjusted: by Holm, for the chance of one false claim in the whole family.
        q_value: by Benjamini and Hochberg, for the share of false claims: for exploring, not for deciding.
        family: how many comparisons there are in it.
        tries: how many of them are of this same change, this one included.
    """

    p_adjusted: float
    q_value: float
    family: int
    tries: int = 1

    @property
    def text(self) -> str:
        """For people."""
        again = f", {self.tries} of them of this same change" if self.tries > 1 else ""
        return f"p {self.p_adjusted:.3g} by Holm, for {self.family} comparison{'s' if self.family != 1 else ''} of this project{again}"

    def late(self, p_value: float, alpha: float) -> bool:
        """Whether it is significant alone and not among all."""
        return self.p_adjusted >= alpha > p_value


def standing_in(state: Path, experiment_id: str) -> Standing | None:
    """Of one experiment of a project, by its index; None where it holds no comparison."""
    with closing(Index(state)) as index:
        return standings(index.rows()).get(experiment_id)


def standings(rows: Iterable[Row]) -> dict[str, Standing]:
    """By id, of all rows that hold a comparison with a p-value. (Holm 1979; Benjamini & Hochberg 1995; as `statistics_families`.)"""
    families: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.p_value is not None and row.pairs and row.pairs > 1:
            families.setdefault((row.metric, row.data), []).append(row)
    found: dict[str, Standing] = {}
    for family in families.values():
        tries = Counter(row.change for row in family if row.change)
        p_values = [row.p_value or 0.0 for row in family]
        for row, holm, share in zip(family, *_adjusted(p_values), strict=True):
            found[row.id] = Standing(holm, share, len(family), max(1, tries[row.change]))
    return found


def _adjusted(p_values: Sequence[float]) -> tuple[list[float], list[float]]:
    """(Holm, Benjamini-Hochberg), in the order given."""
    count = len(p_values)
    order = sorted(range(count), key=p_values.__getitem__)
    holm, shares = [0.0] * count, [0.0] * count
    running = 0.0
    for position, at in enumerate(order):
        running = max(running, min(1.0, (count - position) * p_values[at]))
        holm[at] = running
    running = 1.0
    for position, at in reversed([*enumerate(order, 1)]):
        running = min(running, count / position * p_values[at])
        shares[at] = running
    return holm, shares
