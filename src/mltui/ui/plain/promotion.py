"""A promotion as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from mltui.core.approval import PromotionRequest
from mltui.ui.plain.text import one_line


def promotion_lines(request: PromotionRequest) -> Iterator[str]:
    """What is asked, and every requirement with what was found."""
    name = one_line(request.target.partition(":")[2])
    yield f"? {request.experiment.id} {one_line(request.experiment.proposal.title)}: {request.alias} of {name}?"
    yield f"    instead of {one_line(request.previous)}" if request.previous else "    nothing has been promoted yet"
    for clause in request.clauses:
        yield f"    {'ok' if clause.holds else 'NO'}  {clause.name}: {one_line(clause.found)}"
