"""The experiment log as text: a list that can be filtered, one experiment with its plots, several compared."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mltui.experiments.agreement import first_of, line
from mltui.experiments.error_summary import summary_lines
from mltui.experiments.log_query import corrected_p, parse_query
from mltui.experiments.run_records import mean_of, names_of
from mltui.ui.plain.experiments import list_line, proposal_lines, result_lines
from mltui.ui.plots.canvas import Line, text_of
from mltui.ui.plots.errors import error_lines
from mltui.ui.plots.of_experiment import curve_grid, seed_lines, system_lines

if TYPE_CHECKING:
    from mltui.core.experiment import Experiment
    from mltui.experiments.compare_many import Contrast
    from mltui.experiments.index import Row
    from mltui.experiments.looking import Looking
    from mltui.experiments.run_records import RunRecord
    from mltui.ui.plain.text import Printer
    from mltui.ui.session import ExperimentLog

_ID = re.compile(r"(?:[A-Z]-)?\d+", re.IGNORECASE)
_COMPARE = re.compile(r"compare\s+(.+)", re.IGNORECASE)


async def show(argument: str, log: ExperimentLog, printer: Printer) -> None:
    """Nothing: all; an id: that one with its plots; `compare ID ID …`; anything else filters the list.

    Raises: MltuiError: there is no such experiment, or no such field.
    """
    if match := _COMPARE.fullmatch(argument.strip()):
        ids = [named(word) for word in re.split(r"[\s,]+", match[1].strip())]
        printer.lines(await asyncio.to_thread(lambda: [*compare_lines([log.get(id_) for id_ in ids], log.looking)]))
    elif _ID.fullmatch(argument.strip()):
        experiment = await asyncio.to_thread(log.get, named(argument.strip()))
        printer.lines(proposal_lines(experiment.proposal))
        printer.lines(result_lines(experiment))
        printer.lines(await asyncio.to_thread(lambda: [*detail_lines(experiment, log.looking)]))
    elif argument.strip():
        rows = await asyncio.to_thread(log.rows)
        query, (corrected, _) = parse_query(argument), corrected_p(rows)
        found = [row for row in rows if query.matches(row)]
        printer.lines(row_line(row, corrected.get(row.id)) for row in found)
        printer.line(f"{len(found)} of {len(rows)} experiments.")
    else:
        experiments = await asyncio.to_thread(log.newest)
        printer.lines(map(list_line, experiments))
        if not experiments:
            printer.line("There are no experiments yet. The agent makes one when it proposes a change that needs a run.")
        else:
            printer.line("/experiments ID shows one; decide, run, stop, keep, interpret, discard or promote ID; compare ID ID; pending.")


def named(word: str) -> str:
    """`7` is `P-0007`, `u-1` is `U-0001`; any other word is itself in capitals."""
    letter, _, number = word.upper().rpartition("-")
    return f"{letter or 'P'}-{int(number):04d}" if number.isdecimal() else word.upper()


def row_line(row: Row, corrected: float | None) -> str:
    """Returns: `P-0007  compared  hparam  better +0.0112 [0.006, 0.016] p 0.03 (Holm)  Title`."""
    result = ""
    if row.diff is not None and row.ci_low is not None and row.ci_high is not None:
        p = "" if corrected is None else f" p {corrected:.2g} (Holm)"
        result = f"  {row.verdict} {row.diff:+.4g} [{row.ci_low:.4g}, {row.ci_high:.4g}]{p}"
    return f"{row.id}  {row.state:<11} {row.kind:<6}{result}  {row.title}"


def room() -> int:
    """Columns of a plot."""
    return max(40, min(100, shutil.get_terminal_size().columns - 2))


def drawn() -> bool:
    """Whether pictures make sense: a dumb terminal, or who listens to one, gets their numbers alone."""
    return os.environ.get("TERM", "") != "dumb"


def detail_lines(experiment: Experiment, looking: Looking) -> Iterator[str]:
    """What the app shows in tabs: curves, seeds, predictions, the machine, the end of the output, the journal. Blocks."""
    width = room()
    records = looking.records(experiment)
    yield from _curves(records, experiment.proposal.metric.name, width)
    if experiment.comparison is not None and experiment.comparison.pairs and drawn():
        yield "  Seeds:"
        yield from _indented(seed_lines(experiment.comparison, width))
    errors = looking.errors(experiment)
    if errors is not None:
        yield "  Errors:"
        yield from _indented(error_lines(errors, width, 5)) if drawn() else (f"    {line}" for line in summary_lines(errors))
    yield from _indented(system_lines(records, width))
    run, streams = looking.output(experiment, 12)
    for stream, lines in streams:
        yield f"  {run}, the end of its {stream}:"
        yield from (f"    {line}" for line in lines)
    for again in experiment.reproductions:
        yield f"  Run again by {again.by}, {again.state}: {again.message}".rstrip(": ")
        yield from (f"    differs from then: {text}" for text in first_of(again.differences))
        yield from (f"    {line(run)}" for run in again.runs)
    trail = looking.trail(experiment.id)
    if trail.records:
        yield "  Journal:"
    for record in trail.records:
        yield f"    {record.seq}  {time.strftime('%Y-%m-%d %H:%M', time.localtime(record.ts))}  {record.type} by {record.actor}"
    for entry in trail.promotions:
        yield f"    {entry.outcome}: {entry.alias} of {entry.target} by {entry.by}"


def _curves(records: list[RunRecord], metric: str, width: int) -> Iterator[str]:
    """The last value of each metric that was written over steps, in words; then the charts."""
    names = names_of(records, metric)
    if names:
        yield "  Over steps, mean of the runs at the last one:"
    for name in names:
        parts: list[str] = []
        for arm in ("baseline", "candidate"):
            mean = mean_of(record.series[name] for record in records if record.arm == arm and name in record.series)
            if mean is not None and mean.values:
                parts.append(f"{arm} {mean.values[-1]:.5g} ({mean.runs} runs, {mean.low[-1]:.4g} to {mean.high[-1]:.4g})")
        yield f"    {name}: {', '.join(parts)}"
    if names and drawn():
        yield from _indented(curve_grid(records, metric, width, 30, plain=True))


def compare_lines(experiments: list[Experiment], looking: Looking) -> Iterator[str]:
    """Several experiments against the first. Blocks. Raises: UsageError: fewer than two."""
    from mltui.experiments.compare_many import together
    from mltui.ui.plots.comparing import key_lines, overlay_lines, table_lines

    shown, width = together(experiments), room()
    yield from map(contrast_text, shown.contrasts)
    if drawn():
        yield from _indented(table_lines(shown, width))
    for key, values in shown.keys:
        told = ", ".join(f"{experiment.id} {json.dumps(value)}" for experiment, value in zip(shown.experiments, values, strict=True))
        yield f"  {key}: {told}"
    if not shown.keys:
        yield from _indented(key_lines(shown, width))
    if drawn():
        yield from _indented(overlay_lines(shown, [looking.records(each) for each in experiments], width))


def contrast_text(each: Contrast) -> str:
    """Returns: `P-0002: better, +0.02 [0.01, 0.03], p 0.016 (Holm)`, or why there is no comparison."""
    if each.comparison is None:
        return f"{each.id}: {each.note}"
    one, p = each.comparison, "" if each.p_adjusted is None else f", p {each.p_adjusted:.3g} (Holm)"
    return f"{each.id}: {each.verdict}, {one.diff:+.4g} [{one.ci_low:.4g}, {one.ci_high:.4g}]{p} {each.note}".rstrip()


def _indented(lines: list[Line]) -> Iterator[str]:
    yield from (f"  {line}".rstrip() for line in text_of(lines))
