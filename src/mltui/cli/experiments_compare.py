"""`mltui experiments compare | errors | curves`: results side by side, where predictions are wrong, metrics over steps."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mltui.cli.experiments_decide import ids_argument
from mltui.cli.experiments_options import complete_id, id_argument
from mltui.cli.experiments_run import show_comparison
from mltui.cli.output import clean, emit_json
from mltui.cli.painted import drawn, emit_lines, room
from mltui.cli.project import cd_option, json_option, open_experiments
from mltui.core.errors import ExperimentError, UsageError
from mltui.core.experiment import Experiment
from mltui.experiments.render import value_text
from mltui.experiments.service import Experiments
from mltui.experiments.storage import write_atomically

if TYPE_CHECKING:
    from mltui.experiments.compare_many import Together
    from mltui.experiments.error_facts import ErrorAnalysis
    from mltui.experiments.families import Standing

BASELINE = "baseline"

plot_option = click.option(
    "--plot", "picture", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Save it as a picture: FILE.png or FILE.svg."
)


@click.command()
@ids_argument
@click.option(
    "--with",
    "reference",
    metavar=f"ID|{BASELINE}",
    shell_complete=complete_id,
    help=f"What several are compared with: one of them (default: the first), or `{BASELINE}`: each with its own.",
)
@plot_option
@cd_option
@json_option
def compare(experiment_ids: tuple[str, ...], reference: str | None, picture: Path | None, cwd: Path, as_json: bool) -> None:
    """One with its baseline, or several with the first: difference, interval, test, verdict. Example: mltui experiments compare P-0001"""
    ids = tuple(dict.fromkeys(experiment_ids))
    if picture is not None:
        _figures().kind_of(picture)  # before anything is read
    found = open_experiments(cwd)
    if len(ids) > 1:
        _compare_several(found, ids, reference, picture, as_json)
        return
    id_ = experiment_ids[0]
    if reference is not None and reference != BASELINE:
        _compare_several(found, tuple(dict.fromkeys((reference, id_))), reference, picture, as_json)
        return
    experiment = found.get(id_)
    if experiment.comparison is None:
        raise ExperimentError(f"{id_} is {experiment.state} and has no comparison yet", hint=f"See `mltui experiments show {id_}`")
    standing = found.standing(id_)
    if as_json:
        emit_json({**standing_json(standing), **_one(experiment)})
    else:
        show_comparison(experiment)
        if standing and standing.family > 1:
            late = ": significant alone, not among all" if standing.late(experiment.comparison.p_value, experiment.comparison.alpha) else ""
            click.echo(f"corrected: {standing.text}{late}")
        for change in experiment.proposal.parameters:
            click.echo(clean(f"parameter {change.name} ({change.key}): {value_text(change.before)} → {value_text(change.after)}"))
    if picture is not None and experiment.comparison.pairs:
        _save(_figures().comparison(experiment), picture)


def standing_json(standing: Standing | None) -> dict[str, float | int | None]:
    """What belongs to the comparison and is of the whole project, as of now."""
    return {
        "p_adjusted": standing.p_adjusted if standing else None,
        "q_value": standing.q_value if standing else None,
        "family_size": standing.family if standing else None,
        "tries": standing.tries if standing else None,
    }


def _one(experiment: Experiment) -> dict[str, Any]:
    assert experiment.comparison is not None
    return {
        "id": experiment.id,
        "title": experiment.proposal.title,
        "state": experiment.state,
        "primary": experiment.comparison.model_dump(mode="json"),
        "guardrails": [guard.model_dump(mode="json") for guard in experiment.guardrails],
        "parameters": [change.model_dump(mode="json") for change in experiment.proposal.parameters],
    }


def _compare_several(found: Experiments, ids: tuple[str, ...], reference: str | None, picture: Path | None, as_json: bool) -> None:
    from mltui.experiments.compare_many import OWN_BASELINE, together

    if reference not in (None, BASELINE, *ids):
        raise UsageError(f"--with {reference}: it is none of those that are compared", hint=f"One of {', '.join(ids)}, or {BASELINE}")
    at = OWN_BASELINE if reference == BASELINE else ids.index(reference) if reference else 0
    experiments = [found.get(id_) for id_ in ids]
    shown = together(experiments, at)
    if as_json:
        emit_json(_several(shown))
    else:
        _show_several(shown, found)
    if picture is not None:
        _save(_figures().side_by_side(shown), picture)


def _several(shown: Together) -> dict[str, Any]:
    from mltui.experiments.power import mean_interval

    rows: list[dict[str, Any]] = []
    for experiment, values, contrast in zip(shown.experiments, shown.values, shown.contrasts, strict=True):
        mean, low, high = mean_interval([*values.values()]) if values else (None, None, None)
        rows.append(
            {
                "id": experiment.id,
                "title": experiment.proposal.title,
                "state": experiment.state,
                "n": len(values),
                "mean": mean,
                "ci_low": low,
                "ci_high": high,
                "by_seed": {str(seed): value for seed, value in values.items()},
                "verdict": contrast.verdict if contrast.comparison else None,
                "p_value": contrast.comparison.p_value if contrast.comparison else None,
                "p_adjusted": contrast.p_adjusted,
                "note": contrast.note,
                "comparison": contrast.comparison.model_dump(mode="json") if contrast.comparison else None,
            }
        )
    return {
        "metric": shown.experiments[0].proposal.metric.model_dump(mode="json"),
        "reference": BASELINE if shown.reference < 0 else shown.experiments[shown.reference].id,
        "correction": "Holm",
        "comparisons": sum(contrast.p_adjusted is not None for contrast in shown.contrasts),
        "experiments": rows,
        "parameters": {key: dict(zip((one.id for one in shown.experiments), values, strict=True)) for key, values in shown.keys},
    }


def _show_several(shown: Together, found: Experiments) -> None:
    from mltui.ui.plain.experiment_log import contrast_text
    from mltui.ui.plots.comparing import key_lines, overlay_lines, table_lines

    width = room()
    if not drawn(os.environ):
        for each in shown.contrasts:
            click.echo(clean(contrast_text(each)))
        emit_lines(key_lines(shown, width))
        return
    emit_lines([*table_lines(shown, width), [], *key_lines(shown, width)])
    curves = overlay_lines(shown, [found.looking.records(each) for each in shown.experiments], width)
    if len(curves) > 1:
        emit_lines([[], *curves])


@click.command()
@id_argument
@click.option("--examples", type=click.IntRange(min=0, max=20), default=10, show_default=True, help="So many examples of a kind.")
@plot_option
@cd_option
@json_option
def errors(experiment_id: str, examples: int, picture: Path | None, cwd: Path, as_json: bool) -> None:
    """Where predictions are wrong: confusion, calibration, slices, what was fixed and broken. Example: mltui experiments errors P-0001"""
    if picture is not None:
        _figures().kind_of(picture)
    found = open_experiments(cwd)
    experiment = found.get(experiment_id)
    analysis = found.looking.errors(experiment)
    if analysis is None:
        raise ExperimentError(
            f"{experiment_id} is {experiment.state}, and its runs left no predictions",
            hint="Let the run write predictions.csv (or .jsonl, .parquet) with a label and a prediction to $MLTUI_RUN_DIR",
        )
    if as_json:
        emit_json(analysis.model_dump(mode="json"))
    else:
        _show_errors(analysis, examples)
    if picture is not None:
        made = _figures().figures_of(experiment, [], analysis)
        drawn_ = next((made[name] for name in ("confusion", "slices", "calibration") if name in made), None)
        if drawn_ is None:
            raise ExperimentError("there is nothing to draw: neither classes nor slices", hint="Leave out --plot")
        _save(drawn_, picture)


def _show_errors(analysis: ErrorAnalysis, examples: int) -> None:
    from mltui.experiments.error_summary import summary_lines
    from mltui.ui.plots.errors import error_lines

    if drawn(os.environ):
        emit_lines(error_lines(analysis, room(), examples))
        return
    for line in summary_lines(analysis):
        click.echo(clean(line))


@click.command()
@id_argument
@click.option("--metric", "-m", help="Only this one; all that were written over steps when absent.")
@plot_option
@cd_option
@json_option
def curves(experiment_id: str, metric: str | None, picture: Path | None, cwd: Path, as_json: bool) -> None:
    """Learning curves of both arms, with the band over the seeds. Example: mltui experiments curves P-0001 --metric loss"""
    from mltui.experiments.run_records import names_of

    if picture is not None:
        _figures().kind_of(picture)
    found = open_experiments(cwd)
    experiment = found.get(experiment_id)
    records = found.looking.records(experiment)
    names = names_of(records, experiment.proposal.metric.name)
    if not names:
        raise ExperimentError(
            f"no metric of {experiment_id} was written over steps",
            hint="Log metrics with a step (MLflow), print `epoch=3 loss=0.2`, or write JSON lines to metrics.jsonl",
        )
    if metric is not None and metric not in names:
        raise UsageError(f"{experiment_id} has no curve of {metric}", hint=f"It has {', '.join(names[:8])}")
    if as_json:
        emit_json({name: _arms(records, name) for name in ([metric] if metric else names)})
    else:
        from mltui.ui.plots.of_experiment import curve_grid

        shown = [record for record in records if not metric or metric in record.series]
        emit_lines(curve_grid(shown, experiment.proposal.metric.name, room(), 34, plain=True, only=metric or ""))
    if picture is not None:
        _save(_figures().curves(records, experiment.proposal.metric.name, metric or ""), picture)


def _arms(records: list[Any], name: str) -> dict[str, Any]:
    from dataclasses import asdict

    from mltui.experiments.run_records import mean_of

    found: dict[str, Any] = {}
    for arm in ("baseline", "candidate"):
        mean = mean_of(record.series[name] for record in records if record.arm == arm and name in record.series)
        if mean is not None:
            found[arm] = asdict(mean)
    return found


def _figures() -> Any:
    return importlib.import_module("mltui.experiments.figures")


def _save(figure: Any, path: Path) -> None:
    figures = _figures()
    try:
        write_atomically(path, figures.rendered(figure, figures.kind_of(path)))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="Name another file with --plot") from error
    click.echo(f"Saved {path}.", err=True)


COMMANDS = (compare, errors, curves)
