"""`mltui experiments policy`: what is approved in advance, in words."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mltui.cli.experiments_grants import grant_lines
from mltui.cli.output import clean
from mltui.cli.project import cd_option, load_config, open_experiments
from mltui.cli.standing import require_person
from mltui.core.errors import PolicyFileError, UsageError
from mltui.experiments.grants import Preapprovals
from mltui.experiments.policy import ApprovalPolicy, load, rule_words
from mltui.experiments.policy_template import template

DEFAULT = Path(".mltui/policy.toml")
"""Below the project: a place that no tool of the agent may write."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui experiments policy check policy.toml")
def policy() -> None:
    """Write, check and show what is approved in advance."""


@policy.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@cd_option
def new(file: Path | None, cwd: Path) -> None:
    """Write a policy to begin with, from the declared space. Example: mltui experiments policy new policy.toml"""
    require_person()
    loaded = load_config(cwd)
    target = file or loaded.project_root / DEFAULT
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as out:
            out.write(template(loaded.config.experiments))
    except FileExistsError:
        raise UsageError(f"{target} is there already", hint="Name another file, or move it away") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{target} could not be written: {error.strerror if isinstance(error, OSError) else error}") from None
    click.echo(f"{clean(str(target))} is written. Look at it, then: mltui experiments policy check {clean(str(target))}", err=True)


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
@cd_option
def check(file: Path, cwd: Path) -> None:
    """Check a policy, and say what it would approve of what waits. Example: mltui experiments policy check policy.toml"""
    found = load(file)
    experiments = open_experiments(cwd)
    preapprovals = experiments.preapprovals()
    _refuse_unknown(file, found, set(experiments.config.experiments.space))
    _show(file, found, preapprovals)
    waiting = [experiment for experiment in experiments.list() if experiment.state in ("proposed", "held")]
    for experiment in waiting:
        covered = preapprovals.covers(experiment.proposal, found, file.name, grants=False)
        said = f"would be approved by {covered.reason}" if covered.by else f"would wait: {covered.reason or 'there is no rule'}"
        click.echo(f"{experiment.id} {clean(said)}")
    if not waiting:
        click.echo("No proposal waits.", err=True)


@policy.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@cd_option
def show(file: Path | None, cwd: Path) -> None:
    """What is approved in advance now, and what is left of it. Example: mltui experiments policy show"""
    experiments = open_experiments(cwd)
    preapprovals = experiments.preapprovals()
    named = experiments.config.experiments.policy
    target = file or (experiments.root / Path(named).expanduser() if named else None)
    if target is None:
        click.echo("No policy is configured: [experiments] policy = FILE, after `mltui experiments policy new`.", err=True)
    else:
        _show(target, load(target), preapprovals)
    for line in grant_lines(preapprovals):
        click.echo(line)


def _refuse_unknown(file: Path, found: ApprovalPolicy, declared: set[str]) -> None:
    """Raises: PolicyFileError: a rule names a parameter that is not declared."""
    for number, rule in enumerate(found.approve, 1):
        unknown = sorted({*(rule.parameters or ()), *rule.ranges} - declared)
        if unknown:
            known = f"Declared are: {', '.join(sorted(declared))}" if declared else "Declare them in [experiments.space]"
            raise PolicyFileError(
                f"The approval policy {file} names {', '.join(unknown)} ({found.label(number)}), which is no parameter", hint=known
            )


def _show(file: Path, found: ApprovalPolicy, preapprovals: Preapprovals) -> None:
    click.echo(f"{clean(str(file))}:")
    for number, rule in enumerate(found.approve, 1):
        label = found.label(number)
        first, *rest = rule_words(rule, preapprovals.spent(f"policy:{file.name}", label))
        click.echo(f"  {clean(label)} {clean(first)}")
        for line in rest:
            click.echo(f"    {clean(line)}")
    if not found.approve:
        click.echo("  approves no experiment")
    if found.permissions:
        click.echo(f"  allows without asking: {clean(', '.join(found.permissions))}")
    keeps = "keeps what is better and holds every guardrail" if found.keep.when == "better" else "keeps nothing: a person keeps or discards"
    click.echo(f"  {keeps}")
