"""`mltui experiments grant`: standing approvals with a scope and an end."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from mltui.cli.output import clean, emit_json
from mltui.cli.project import cd_option, json_option, open_experiments, person
from mltui.cli.standing import require_person
from mltui.core.errors import ProposalError, UsageError
from mltui.experiments.grants import Preapprovals
from mltui.experiments.origin import origin
from mltui.experiments.policy import NEVER_IN_ADVANCE, ApproveRule, rule_words

_HOURS = {"min": 1 / 60, "h": 1.0, "d": 24.0}


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mltui experiments grant --parameters lr,batch --minutes 5 --runs 20 --until 18:00 --reason 'tuning today'",
)
@click.option("--parameters", metavar="NAMES", help="The only parameters that may change, separated by commas.")
@click.option("--range", "ranges", metavar="NAME=LOW..HIGH", multiple=True, help="Values that a parameter may take; may be given again.")
@click.option("--kinds", default="hparam", show_default=True, help="Kinds of change, separated by commas: hparam, train, prompt.")
@click.option("--files", metavar="PATTERNS", default="", help="Files that may change beside the parameters' own, separated by commas.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Minutes of one experiment at most.")
@click.option("--total-minutes", type=click.FloatRange(min=0, min_open=True), help="Minutes of all experiments together.")
@click.option("--runs", type=click.IntRange(min=1), help="Runs of all experiments together.")
@click.option("--until", metavar="TIME", help="18:00, 2h, 3d, or 2030-01-31T18:00.")
@click.option("--reason", default="", help="Why; the journal keeps it.")
@cd_option
@click.pass_context
def grant(ctx: click.Context, cwd: Path, **asked: Any) -> None:
    """Approve experiments of one kind in advance, until a time; `list` and `revoke` them."""
    if ctx.invoked_subcommand:
        return
    require_person()
    missing = [name for name in ("minutes", "runs", "until") if asked[name] is None]
    if missing or not (asked["parameters"] or asked["files"]):
        needs = ", ".join(f"--{name}" for name in missing) or "--parameters or --files"
        raise UsageError(f"A grant needs a scope and an end: {needs}", hint="--parameters lr --minutes 5 --runs 20 --until 2h")
    experiments = open_experiments(cwd)
    rule = _rule(asked)
    unknown = sorted({*(rule.parameters or ()), *rule.ranges} - set(experiments.config.experiments.space))
    if unknown:
        known = ", ".join(experiments.config.experiments.space) or "none"
        raise UsageError(f"{', '.join(unknown)}: no such parameter", hint=f"Declared are: {known}")
    given = experiments.preapprovals().give(
        rule, expires=_moment(asked["until"]), by=person(), reason=asked["reason"].strip(), origin=origin(experiments.root, "cli")
    )
    click.echo(f"{given.id} is given until {_local(given.expires)}. To take it back: mltui experiments grant revoke {given.id}", err=True)
    for line in rule_words(rule):
        click.echo(f"  {clean(line)}", err=True)


@grant.command("list")
@cd_option
@json_option
def list_(cwd: Path, as_json: bool) -> None:
    """All grants and what is left of them. Example: mltui experiments grant list"""
    preapprovals = open_experiments(cwd).preapprovals()
    if as_json:
        emit_json([{**g.given.model_dump(mode="json"), "state": g.state, "spent": g.spent.model_dump()} for g in preapprovals.grants()])
        return
    lines = list(grant_lines(preapprovals, everything=True))
    click.echo("\n".join(lines)) if lines else click.echo("No grant was given.", err=True)


@grant.command()
@click.argument("grant_id", metavar="ID")
@cd_option
def revoke(grant_id: str, cwd: Path) -> None:
    """Take a grant back; what it approved stays approved. Example: mltui experiments grant revoke G-0001"""
    require_person()
    experiments = open_experiments(cwd)
    experiments.preapprovals().revoke(grant_id, by=person(), origin=origin(experiments.root, "cli"))
    click.echo(f"{grant_id} is revoked.", err=True)


def grant_lines(preapprovals: Preapprovals, *, everything: bool = False) -> Iterator[str]:
    """The grants in words; only the active ones unless all are wanted."""
    for found in preapprovals.grants():
        if everything or found.state == "active":
            why = f": {found.given.reason}" if found.given.reason else ""
            yield clean(f"{found.id} {found.state}, by {found.given.by}, until {_local(found.given.expires)}{why}")
            yield from (f"  {clean(line)}" for line in rule_words(found.rule, found.spent))


def _rule(asked: dict[str, Any]) -> ApproveRule:
    kinds = _names(asked["kinds"])
    never = sorted(set(kinds) & set(NEVER_IN_ADVANCE))
    if never:
        raise UsageError(f"{', '.join(never)} changes are never approved in advance", hint="Kinds: hparam, train, prompt")
    ranges: dict[str, dict[str, float]] = {}
    for text in asked["ranges"]:
        found = re.fullmatch(r"([^=]+)=([^=]+?)\.\.([^=]+)", text)
        try:
            assert found
            ranges[found[1].strip()] = {"low": float(found[2]), "high": float(found[3])}
        except (AssertionError, ValueError):
            raise UsageError(f"--range {text}: not NAME=LOW..HIGH", hint="--range lr=0.001..0.1") from None
    values = {
        "kinds": kinds,
        "parameters": _names(asked["parameters"] or ""),
        "ranges": ranges,
        "files": _names(asked["files"]),
        "max_minutes": asked["minutes"],
        "max_runs": asked["runs"],
        "total_runs": asked["runs"],
        "total_minutes": asked["total_minutes"],
    }
    try:
        return ApproveRule.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {str(first['msg']).removeprefix('Value error, ')}") from None


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _moment(text: str) -> float:
    """When a grant ends, in seconds since the epoch. Raises: UsageError: no time, or one that is over."""
    text = text.strip()
    now = datetime.now().astimezone()
    age = re.fullmatch(r"(\d+(?:\.\d+)?)(min|h|d)", text)
    clock = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    try:
        if age:
            end = now + timedelta(hours=float(age[1]) * _HOURS[age[2]])
        elif clock:
            end = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            end += timedelta(days=1) if end <= now else timedelta()
        else:
            end = datetime.fromisoformat(text).astimezone()
        moment = end.timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"--until {text}: no time", hint="Write 18:00, 30min, 2h, 3d or 2030-01-31T18:00") from None
    if moment <= time.time():
        raise ProposalError(f"--until {text} is over already")
    return moment


def _local(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment).astimezone():%Y-%m-%d %H:%M %Z}"
