"""`mltui experiments`: everything that can be decided in the app can be decided here."""

from __future__ import annotations

from pathlib import Path

import click

from mltui.cli import experiments_control, experiments_decide, experiments_pending, experiments_run
from mltui.cli.experiments_options import id_argument
from mltui.cli.experiments_run import show_comparison
from mltui.cli.output import clean, emit_json
from mltui.cli.project import cd_option, json_option, open_experiments
from mltui.core.errors import ExperimentError
from mltui.experiments.families import Standing


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mltui experiments approve P-0003 && mltui experiments run P-0003",
)
def experiments() -> None:
    """List, decide, run and compare experiments."""


for _command in (*experiments_decide.COMMANDS, *experiments_pending.COMMANDS, *experiments_run.COMMANDS, experiments_control.control):
    experiments.add_command(_command)


@experiments.command()
@id_argument
@cd_option
@json_option
def show(experiment_id: str, cwd: Path, as_json: bool) -> None:
    """One experiment in full: plan, diff, runs, comparison, decision. Example: mltui experiments show P-0001"""
    found = open_experiments(cwd)
    experiment = found.get(experiment_id)
    standing = found.standing(experiment_id) if experiment.comparison else None
    if as_json:
        emit_json({**experiment.model_dump(mode="json"), **_standing(standing)})
        return
    from mltui.experiments.report import experiment_report

    text = experiment_report(experiment, standing)
    click.echo("\n".join(clean(line) for line in text.splitlines()))


@experiments.command()
@experiments_decide.ids_argument
@cd_option
@json_option
def compare(experiment_ids: tuple[str, ...], cwd: Path, as_json: bool) -> None:
    """One with its baseline, or several with the first: difference, interval, test, verdict. Example: mltui experiments compare P-0001"""
    if len(set(experiment_ids)) > 1:
        _compare_several(tuple(dict.fromkeys(experiment_ids)), cwd, as_json)
        return
    experiment_id = experiment_ids[0]
    found = open_experiments(cwd)
    experiment = found.get(experiment_id)
    if experiment.comparison is None:
        raise ExperimentError(
            f"{experiment_id} is {experiment.state} and has no comparison yet", hint=f"See `mltui experiments show {experiment_id}`"
        )
    standing = found.standing(experiment_id)
    if as_json:
        emit_json(
            {
                **_standing(standing),
                "primary": experiment.comparison.model_dump(mode="json"),
                "guardrails": [g.model_dump(mode="json") for g in experiment.guardrails],
            }
        )
    else:
        show_comparison(experiment)
        if standing and standing.family > 1:
            late = ": significant alone, not among all" if standing.late(experiment.comparison.p_value, experiment.comparison.alpha) else ""
            click.echo(f"corrected: {standing.text}{late}")


def _standing(standing: Standing | None) -> dict[str, float | int | None]:
    """What belongs to the comparison and is of the whole project, as of now."""
    return {
        "p_adjusted": standing.p_adjusted if standing else None,
        "q_value": standing.q_value if standing else None,
        "family_size": standing.family if standing else None,
        "tries": standing.tries if standing else None,
    }


def _compare_several(ids: tuple[str, ...], cwd: Path, as_json: bool) -> None:
    found = open_experiments(cwd)
    experiments_ = [found.get(id_) for id_ in ids]
    if as_json:
        from mltui.experiments.compare_many import together

        emit_json(
            [
                {
                    "id": each.id,
                    "verdict": each.verdict if each.comparison else None,
                    "p_adjusted": each.p_adjusted,
                    "note": each.note,
                    "comparison": each.comparison.model_dump(mode="json") if each.comparison else None,
                }
                for each in together(experiments_).contrasts
            ]
        )
        return
    from mltui.ui.plain.experiment_log import compare_lines

    for line in compare_lines(experiments_, found.looking):
        click.echo(clean(line))
