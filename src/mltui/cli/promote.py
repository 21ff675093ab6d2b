"""`mltui promote`: what is in use, and how it gets there. Only a person promotes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mltui.cli.output import clean, emit_json
from mltui.cli.project import cd_option, json_option, open_experiments, person
from mltui.cli.standing import require_person
from mltui.core.errors import DeniedError, ExperimentError, ProposalError, UsageError

if TYPE_CHECKING:
    from mltui.core.experiment import Clause
    from mltui.experiments.promotion import Promotions
    from mltui.experiments.promotion_plan import Plan, Who
    from mltui.experiments.promotion_standing import Standing
    from mltui.experiments.records import PromotionDecided

_GIVE = "give"


class _Promote(click.Group):
    """`mltui promote NAME --from P-0007` and `mltui promote --from P-0007` are the command `give`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in ("-h", "--help") and args[0] not in self.commands:
            args = [_GIVE, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Promote,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="[NAME] --from P-0007 | status [NAME] | rollback [NAME]",
    epilog="Example: mltui promote --from P-0007 --dry-run",
)
def promote() -> None:
    """Make an experiment's model the champion, or its prompt the production prompt.

    NAME is a registered model, by default that of the project; `prompt` is the production prompt.
    """


@promote.command(_GIVE, hidden=True)
@click.argument("name", default="")
@click.option("--from", "source", required=True, metavar="ID", help="The experiment, or P-0007/3 for the model of its run with seed 3.")
@click.option("--alias", default="", help="Of the registered model; champion when left out.")
@click.option("--override", is_flag=True, help="Promote although something is missing; the journal keeps who, what and why.")
@click.option("--reason", default="", help="Why; needed with --override.")
@click.option("--dry-run", is_flag=True, help="Only show what is required, and what was found; exits with 1 where it would be refused.")
@cd_option
@json_option
def give(name: str, source: str, alias: str, override: bool, reason: str, dry_run: bool, cwd: Path, as_json: bool) -> None:
    """Promote what everything speaks for. Example: mltui promote --from P-0007"""
    if not dry_run:
        require_person()
    if override and not reason.strip():
        raise UsageError("an override needs a reason", hint="Say why with --reason; the journal keeps it")
    promotions = open_experiments(cwd).promotions()
    plan = promotions.check(source, promotions.target(name), alias)
    blocked = [clause for clause in plan.missing if clause.absolute or not override]
    if dry_run or blocked:
        _show_plan(plan, as_json, "refused" if blocked else "would pass")
    if dry_run:
        if blocked:
            click.get_current_context().exit(1)
        return
    who = _who(cwd)
    if blocked:
        promotions.refuse(plan, who, reason)
        even = ", not even by an override" if override else ""
        names = ", ".join(clause.name for clause in blocked)
        hint = "Do what stands beside each" if override else "Do what stands beside each, or --override with a --reason"
        raise ProposalError(f"{plan.name} was not promoted{even}; missing: {names}", hint=hint)
    done = promotions.promote(plan, who, override=override, reason=reason)
    if as_json:
        emit_json(done.model_dump(mode="json"))
    else:
        click.echo(f"{plan.name} is {done.alias} of {clean(plan.target.name)} now ({done.outcome}{_version(done)}).", err=True)


@promote.command()
@click.argument("name", default="")
@cd_option
@json_option
def status(name: str, cwd: Path, as_json: bool) -> None:
    """What is in use by the journal, and what is really there. Example: mltui promote status"""
    promotions = open_experiments(cwd).promotions()
    for settled in _recovered(promotions):
        click.echo(f"A promotion of {settled.experiment_id} was interrupted: {settled.outcome}{_version(settled)}.", err=True)
    found = promotions.status(name)
    if as_json:
        emit_json([_as_json(one) for one in found])
        return
    for one in found:
        _show_standing(one)


@promote.command()
@click.argument("name", default="")
@click.option("--previous", is_flag=True, help="Go back to what was in use before, also when nothing was changed outside mltui.")
@click.option("--reason", default="", help="Why; the journal keeps it.")
@cd_option
def rollback(name: str, previous: bool, reason: str, cwd: Path) -> None:
    """Set an alias, or the production prompt, back to what the journal says. Example: mltui promote rollback"""
    require_person()
    promotions = open_experiments(cwd).promotions()
    target = promotions.target(name)
    done = promotions.rollback(target, _who(cwd), previous=previous, reason=reason)
    click.echo(f"{clean(target.name)}: {done.alias} is back at {done.experiment_id or 'what was there before'}{_version(done)}.", err=True)


def _recovered(promotions: Promotions) -> list[PromotionDecided]:
    """What a crash left is settled when a person looks; the agent's own shell only looks."""
    try:
        require_person()
    except DeniedError:
        return []
    try:
        return promotions.recover()
    except ExperimentError as error:
        click.echo(f"mltui: a promotion is half-done and stays so for now: {error}", err=True)
        return []


def _who(cwd: Path) -> Who:
    from mltui.experiments.origin import origin
    from mltui.experiments.promotion_plan import Who

    return Who(person(), origin(cwd.resolve(), "cli"))


def _show_plan(plan: Plan, as_json: bool, outcome: str) -> None:
    if as_json:
        emit_json(
            {
                "experiment_id": plan.name,
                "target": str(plan.target),
                "alias": plan.alias,
                "outcome": outcome,
                "sha256": plan.sha256,
                "previous": plan.previous.version if plan.previous else "",
                "clauses": [clause.model_dump(mode="json") for clause in plan.clauses],
            }
        )
        return
    click.echo(f"{plan.name} → {plan.alias} of {clean(plan.target.name)}: {outcome}")
    for clause in plan.clauses:
        click.echo(_clause_line(clause))
        if not clause.holds and clause.remedy:
            click.echo(clean(f"        → {clause.remedy}"))


def _clause_line(clause: Clause) -> str:
    return clean(f"  {'ok' if clause.holds else 'NO'}  {clause.name}: {clause.found}")


def _as_json(one: Standing) -> dict[str, object]:
    holder = one.holder
    return {
        "target": str(one.target),
        "experiment_id": holder.experiment_id if holder else None,
        "version": holder.version if holder else None,
        "outcome": holder.outcome if holder else None,
        "by": holder.by if holder else None,
        "at": holder.at if holder else None,
        "expected": one.expected,
        "found": one.found,
        "drift": list(one.drift),
        "note": one.note,
    }


def _show_standing(one: Standing) -> None:
    holder = one.holder
    if holder is None:
        click.echo(f"{clean(one.target.name)}: nothing was promoted yet")
    else:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(holder.at))
        what = holder.experiment_id or "what was there before"
        how = f"{holder.outcome} by {clean(holder.by)}, {when}"
        click.echo(f"{clean(one.target.name)}: {one.target.alias} is {what} (version {holder.version[:12]}), {how}")
    for line in one.drift:
        click.echo(clean(f"  ! {line}"))
    if one.drift:
        click.echo("  → mltui promote rollback sets it back")
    if one.note:
        click.echo(clean(f"  {one.note}"), err=True)


def _version(done: PromotionDecided) -> str:
    return f", version {done.version[:12]}" if done.version else ""
