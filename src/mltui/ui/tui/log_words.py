"""The lines above and below the log's table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from mltui.ui.tui.keys.line import bar
from mltui.ui.tui.log_rows import actions_for
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mltui.experiments.index import Row
    from mltui.ui.tui.log_model import LogModel


def headline(model: LogModel, query: str) -> Text:
    """Returns: how many there are, how many are shown by which filter, and what waits."""
    line = Text.assemble(("Experiments", "primary.bold"), no_wrap=True, overflow="ellipsis")
    line.append(f"  {len(model.every) - len(model.orphans)} in all" if model.loaded else "", style="muted")
    if query:
        line.append(f" · {len(model.shown)} shown: {one_line(query)}", style="secondary")
    if model.table.marked:
        line.append(f" · {len(model.table.marked)} marked", style="accent")
    if model.waiting:
        line.append(f" · {model.waiting} waiting for a decision", style="accent")
    if model.unplanned:
        line.append(f" · {model.unplanned} training outside a proposal", style="warning")
    return line


def keys_line(model: LogModel, chosen: Row | None, width: int, keys: Mapping[str, str]) -> Text:
    """Returns: the keys that do something now, those about the chosen row first; what does not fit on a line is left to F1."""
    marked = len(model.table.marked)
    pairs = list(actions_for(chosen.state)) if chosen is not None else []
    pairs += [("log.compare", f"compare {marked}")] if marked > 1 else []
    pairs += [("log.pending", "all pending")] if model.waiting else []
    if model.every:
        pairs += [("log.tab-1..log.tab-8", "details"), ("log.search", "filter"), ("log.mark", "mark")]
        pairs += [("log.zoom", "zoom"), ("log.sort", "sort")]
    line, last = Text(no_wrap=True, overflow="crop"), bar([("log.close", "close")], keys)
    for pair in pairs:
        part = bar([pair], keys)
        if line.cell_len + part.cell_len + last.cell_len <= width:
            line.append_text(part)
    return line.append_text(last)
