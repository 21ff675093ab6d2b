"""What is shown of an experiment, tab by tab; each is read and made when it is first looked at."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from mltui.core.errors import UsageError
from mltui.core.pictures import picture
from mltui.experiments.agreement import agrees, first_of, line
from mltui.experiments.render import counted
from mltui.ui.figures import duration, size
from mltui.ui.plots.errors import error_lines
from mltui.ui.plots.of_experiment import curve_grid, difference_lines, seed_lines, system_lines
from mltui.ui.plots.of_sweep import best_lines, parallel_lines, trial_lines
from mltui.ui.tui.experiment_card import VERDICT_STYLES
from mltui.ui.tui.gallery import Picture, Shown
from mltui.ui.tui.plot_view import Plot
from mltui.ui.tui.proposal_view import (
    Section,
    change_section,
    corrected_words,
    guard_line,
    proposal_sections,
    rows,
    state_line,
    title_line,
    trouble_section,
    warning_section,
)
from mltui.ui.tui.text import clean, clip, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mltui.core.experiment import Comparison, Experiment
    from mltui.core.reproduction import Reproduction
    from mltui.experiments.journal import Record
    from mltui.experiments.looking import Looking, Trail
    from mltui.ui.tui.gallery import Gallery

TABS = ("Result", "Curves", "Seeds", "Plan", "Diff", "Runs", "History", "Errors")
DIFF = 4
"""The tab whose content is a diff of any length, which another widget draws."""
NOT_RUN = "Nothing ran yet."


class Look:
    """An experiment with what belongs to it. Its methods block on disk.

    Args:
        gallery: draws pictures; None: they are lines.
        corrected: the primary comparison's p-value, corrected for so many (`family`) comparisons of the project.
    """

    def __init__(
        self,
        experiment: Experiment,
        looking: Looking,
        gallery: Gallery | None = None,
        corrected: float | None = None,
        family: int = 0,
    ) -> None:
        self.experiment = experiment
        self._looking = looking
        self._gallery = gallery
        self._corrected = corrected
        self._family = family

    def parts(self, tab: int, height: int) -> list[RenderableType]:
        """Returns: what a tab shows; `height` is how many lines are in sight."""
        made: tuple[Callable[[], list[RenderableType]], ...] = (
            self._result,
            partial(self._curves, height),
            self._seeds,
            self._plan,
            self._diff,
            self._runs,
            self._history,
            self._errors,
        )
        return made[tab]()

    # ── result ───────────────────────────────────────────────────────────────────

    def _result(self) -> list[RenderableType]:
        experiment, proposal = self.experiment, self.experiment.proposal
        trail = self._looking.trail(experiment.id)
        sections: list[Section | None] = []
        if experiment.comparison is not None:
            sections.append(Section("Result", tuple(self._verdict(experiment.comparison))))
        if experiment.guardrails:
            sections.append(Section("Guardrails", tuple(map(guard_line, experiment.guardrails))))
        if experiment.conclusion is not None:
            said = experiment.conclusion
            by = Text.assemble((one_line(said.by), "muted"), (" recommends to ", "muted"), (said.recommendation, "strong"))
            sections.append(Section("Interpretation", (Text(clean(said.interpretation).strip(), overflow="fold"), by)))
        sections.append(trouble_section(experiment))
        if experiment.trials:
            sections.append(Section("Trials", tuple(self._trials())))
        if experiment.state in ("proposed", "held"):
            sections += [*proposal_sections(proposal, experiment.exchanges)]
        else:
            sections.append(Section("Hypothesis", (Text(clean(proposal.hypothesis).strip(), overflow="fold"),)))
            sections += [change_section(proposal), self._facts(trail), warning_section(proposal)]
        return [title_line(proposal), state_line(experiment), Text(), Group(*filter(None, sections))]

    def _verdict(self, comparison: Comparison) -> list[RenderableType]:
        style = VERDICT_STYLES[comparison.verdict]
        head = Text.assemble((comparison.verdict.upper(), f"{style}.bold"), "  ", (one_line(comparison.summary), ""), overflow="fold")
        parts: list[RenderableType] = [head]
        if comparison.n > 1:
            parts += [Text(), Plot(partial(difference_lines, comparison)), Text(), self._numbers(comparison)]
        return parts

    def _numbers(self, comparison: Comparison) -> RenderableType:
        effect = "" if comparison.effect_size is None else f"{comparison.effect_name} {comparison.effect_size:.2f}"
        ties = f", {comparison.ties} tied" if comparison.ties else ""
        facts: list[tuple[str, RenderableType]] = [
            ("baseline", Text(f"{comparison.baseline_mean:.5g} ± {comparison.baseline_std:.2g}")),
            ("candidate", Text(f"{comparison.candidate_mean:.5g} ± {comparison.candidate_std:.2g}")),
            ("test", Text(f"p {comparison.p_value:.3g}, {comparison.test}, {counted(comparison.n, comparison.of)}{ties}")),
        ]
        if self._corrected is not None:
            text, late = corrected_words(comparison, self._corrected, self._family)
            facts.append(("corrected", Text(text, style="warning" if late else "")))
        if comparison.second:
            second = comparison.second
            facts.append(("or", Text(f"[{second.low:.3g}, {second.high:.3g}], {second.method}")))
        facts += [("note", Text(one_line(note))) for note in comparison.notes]
        facts += [("effect", Text(effect))] if effect else []
        facts += [("needed", Text(f"about {counted(comparison.needed_n, comparison.of)}"))] if comparison.needed_n else []
        return rows(facts)

    def _facts(self, trail: Trail) -> Section:
        """What it took, where it comes from and what became of it."""
        experiment, proposal = self.experiment, self.experiment.proposal
        made = [*(run for run in experiment.runs if not run.reused), *(run for trial in experiment.trials for run in trial.runs)]
        facts: list[tuple[str, RenderableType]] = []
        if made:
            wall = max(run.ended for run in made) - min(run.started for run in made)
            cpu = sum(run.cpu_seconds for run in made)
            reused = sum(run.reused for run in experiment.runs)
            more = f", {reused} more were there already" if reused else ""
            facts.append(("took", Text(f"{duration(wall)} for {len(made)} runs, {duration(cpu)} of CPU{more}")))
        baseline = proposal.review.baseline
        facts.append(("baseline", Text(f"commit {proposal.base_commit[:10]}" + (f", measured by {baseline.source}" if baseline else ""))))
        facts += [("replaces", Text(one_line(proposal.supersedes)))] if proposal.supersedes else []
        facts += [("replaced by", Text(one_line(experiment.superseded_by)))] if experiment.superseded_by else []
        facts += [("confirms", Text(one_line(proposal.selected.words)))] if proposal.selected else []
        facts += [("confirmed by", Text(one_line(experiment.confirmation)))] if experiment.confirmation else []
        for entry in trail.promotions:
            where = f"{one_line(entry.outcome)}: {one_line(entry.alias)} of {one_line(entry.target)}"
            facts.append(("promotion", Text(f"{where} by {one_line(entry.by)}", style="success" if entry.outcome == "promoted" else "")))
        for again in experiment.reproductions:
            style = {"agrees": "success", "running": ""}.get(again.state, "warning")
            facts.append(
                (
                    "run again",
                    Text(f"{again.state}: {one_line(again.message) or f'{len(again.runs)} of {again.planned} runs'}", style=style),
                )
            )
        facts.append(("proposed", Text(f"{duration(max(0.0, time.time() - proposal.created))} ago by {one_line(proposal.author)}")))
        return Section("Cost and lineage", (rows(facts),))

    # ── what runs left ───────────────────────────────────────────────────────────

    def _curves(self, height: int) -> list[RenderableType]:
        if self.experiment.proposal.sweep is not None:
            return self._trials()
        records = self._looking.records(self.experiment)
        metric = self.experiment.proposal.metric.name
        if not any(record.series for record in records):
            how = "Log metrics with a step (MLflow), print lines such as `epoch=3 loss=0.2`, or write JSON lines to metrics.jsonl."
            return [Text("No metric was written over steps", style="strong"), Text(self._hint(how), style="muted")]
        return [Plot(lambda width: curve_grid(records, metric, width, height))]

    def _seeds(self) -> list[RenderableType]:
        if self.experiment.proposal.sweep is not None:
            return self._trials()
        comparison = self.experiment.comparison
        if comparison is None:
            values = [run for run in self.experiment.runs if self.experiment.proposal.metric.name in run.metrics]
            return [self._run_table()] if values else [Text("No result yet", style="strong"), Text(NOT_RUN, style="muted")]
        guards = [guard for guard in self.experiment.guardrails if guard.pairs]
        parts: list[RenderableType] = [Plot(partial(seed_lines, comparison))]
        for guard in guards:
            parts += [Text(), Text(f"Guardrail {one_line(guard.metric.name)}: {guard.verdict}", style="primary.bold")]
            parts.append(Plot(partial(seed_lines, guard)))
        return parts

    def _trials(self) -> list[RenderableType]:
        """Of a sweep: the best so far, then all of them, the best first."""
        experiment = self.experiment
        if not experiment.trials:
            return [Text("No trial is over yet", style="strong")]
        return [
            Plot(partial(best_lines, experiment)),
            Text(),
            Plot(lambda width: trial_lines(experiment, width, 0)),
            Text(),
            Plot(lambda width: parallel_lines(experiment, {}, width)),
        ]

    def _plan(self) -> list[RenderableType]:
        return [*proposal_sections(self.experiment.proposal, self.experiment.exchanges)]

    def _diff(self) -> list[RenderableType]:
        section = change_section(self.experiment.proposal)
        why = "Its trials change values alone" if self.experiment.proposal.sweep else "It changes nothing: it measures the baseline"
        return [section] if section else [Text(why, style="muted")]

    def _runs(self) -> list[RenderableType]:
        experiment = self.experiment
        parts: list[RenderableType] = [Section("Runs", (self._run_table(),))] if experiment.runs else []
        if notes := dict.fromkeys(note for run in experiment.runs for note in run.notes):
            parts.append(Section("How they were logged", tuple(Text(one_line(note), style="muted", overflow="fold") for note in notes)))
        records = self._looking.records(experiment)
        if any(system_lines(records, 80)):
            parts.append(Section("The machine", (Plot(partial(system_lines, records)),)))
        if pictures := [*self._pictures()]:
            parts.append(Section("Pictures", tuple(pictures)))
        run, streams = self._looking.output(experiment)
        for stream, lines in streams:
            text = Text("\n".join(clip(clean(line), 2000) for line in lines), style="muted", overflow="fold")
            parts.append(Section(f"{run}, the end of its {stream}", (text,)))
        parts += [_again_section(again) for again in experiment.reproductions]
        return parts or (self._trials() if experiment.proposal.sweep else [Text(NOT_RUN, style="strong")])

    def _errors(self) -> list[RenderableType]:
        found = self._looking.errors(self.experiment)
        if found is None:
            how = "Write predictions.csv (or .jsonl, .parquet) with a label and a prediction for each example to $MLTUI_RUN_DIR."
            return [Text("No predictions were left", style="strong"), Text(self._hint(how), style="muted")]
        return [Plot(partial(error_lines, found))]

    def _hint(self, how: str) -> str:
        """What to do so that runs leave something, or where it is instead."""
        if self.experiment.confirmation:
            return f"Look at {one_line(self.experiment.confirmation)}, which compares the best trial with the baseline."
        return how if self.experiment.runs else NOT_RUN

    def _pictures(self) -> Iterator[RenderableType]:
        for run, path in self._looking.pictures(self.experiment):
            try:
                yield Shown(Picture.of(picture(path.read_bytes(), path.name)), self._gallery, f"{run}  {one_line(path.name)}")
            except (OSError, UsageError) as error:
                yield Text(str(error), style="muted")

    def _run_table(self) -> RenderableType:
        metric = self.experiment.proposal.metric.name
        table = RichTable.grid(padding=(0, 2, 0, 0))
        measured = any(run.peak_memory for run in self.experiment.runs)
        memory = ("right",) if measured else ()
        for justify in ("left", "right", "left", "right", "right", "right", *memory, "left"):
            table.add_column(justify=justify, no_wrap=True, overflow="ellipsis")  # pyright: ignore[reportArgumentType]
        heads = ("arm", "seed", "state", clip(one_line(metric), 14), "time", "CPU", *(("memory",) if measured else ()), "")
        table.add_row(*[Text(name, style="faint") for name in heads])
        for run in self.experiment.runs:
            value = run.metrics.get(metric)
            self_said = run.self_reported.get(metric)
            note = one_line(run.message) or ("reused" if run.reused else "")
            if self_said is not None and value is not None and abs(self_said - value) > 1e-9:
                note = f"said {self_said:.5g} of itself  {note}".strip()
            table.add_row(
                Text(run.arm, style="primary" if run.arm == "candidate" else "secondary"),
                Text(str(run.seed)),
                Text(run.status, style="muted" if run.status == "finished" else "error"),
                Text("" if value is None else f"{value:.5g}", style="strong"),
                Text(duration(max(0.0, run.ended - run.started)), style="muted"),
                Text(duration(run.cpu_seconds) if run.cpu_seconds else "", style="muted"),
                *([Text(size(run.peak_memory) if run.peak_memory else "", style="muted")] if measured else []),
                Text(note, style="muted"),
            )
        return table

    # ── the journal ──────────────────────────────────────────────────────────────

    def _history(self) -> list[RenderableType]:
        trail = self._looking.trail(self.experiment.id)
        table = RichTable.grid(padding=(0, 2, 0, 0))
        for name in ("faint", "muted", "", "faint"):
            table.add_column(style=name, overflow="fold", no_wrap=name == "muted")
        for record in trail.records:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.ts))
            table.add_row(Text(str(record.seq)), Text(when), _said(record), Text(record.hash[:10]))
        for entry in trail.promotions:
            table.add_row(
                Text(""), Text(""), Text(f"{one_line(entry.outcome)} as {one_line(entry.alias)} by {one_line(entry.by)}"), Text("")
            )
        return [table] if trail.records else [Text("The journal has nothing of it", style="muted")]


def _again_section(again: Reproduction) -> Section:
    """Who ran it again, in which other environment, and which numbers came out."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(again.at))
    lines = [Text(f"{again.state}: {one_line(again.message)}", style="strong", overflow="fold")]
    lines.append(Text(f"{when} by {one_line(again.by)}, job {again.job}", style="muted"))
    lines += [Text(f"differs from then: {one_line(text)}", style="warning", overflow="fold") for text in first_of(again.differences)]
    lines += [Text(one_line(text), style="muted", overflow="fold") for text in again.notes]
    lines += [Text(one_line(line(run)), style="" if agrees(run) else "warning", overflow="fold") for run in again.runs]
    return Section("Run again", tuple(lines))


def _said(record: Record) -> Text:
    """A record in a line: what happened, by whom, and its most telling field."""
    payload: Mapping[str, object] = record.payload
    text = Text.assemble((one_line(record.type.replace(".", " ")), "strong"), (f" by {one_line(record.actor)}", "muted"), overflow="fold")
    for name in ("approval", "conclusion", "run", "trial"):
        inner = payload.get(name)
        if isinstance(inner, dict):
            payload = inner  # pyright: ignore[reportUnknownVariableType]
    keys = ("answer", "arm", "seed", "status", "outcome", "recommendation", "reason", "message", "successor")
    shown = {key: payload[key] for key in keys if payload.get(key) not in (None, "")}
    if shown:
        text.append(
            "  "
            + clip(
                one_line(", ".join(f"{key} {value if isinstance(value, str) else json.dumps(value)}" for key, value in shown.items())), 200
            )
        )
    return text
