"""`mltui permissions`: what may run without asking, and whether the rules say what they were meant to."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mltui.agent import rule_tests
from mltui.agent.policy import MODES, Policy, parse_mode
from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, load_config
from mltui.config import paths
from mltui.config.loader import LoadedConfig
from mltui.tools.base import Workspace

mode_option = click.option("--mode", type=click.Choice([*MODES]), help="As in this mode; else in the configured one.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui permissions explain 'Bash(git push)'")
def permissions() -> None:
    """List the permission rules, explain what they say of a call, and run their tests."""


def _loaded(cwd: Path) -> LoadedConfig:
    """The configuration; what of it does not hold is told."""
    loaded = load_config(cwd)
    for warning in loaded.warnings:
        click.echo(f"mltui: {clean(warning)}", err=True)
    return loaded


def _policy(loaded: LoadedConfig, cwd: Path, mode: str | None) -> Policy:
    folder = cwd.resolve()
    root = loaded.project_root
    home = (paths.config_dir(os.environ), paths.state_dir(os.environ))
    return Policy.build(
        loaded.config.permissions,
        Workspace(folder, (folder, root) if folder.is_relative_to(root) else (folder,)),
        mode=parse_mode(mode) if mode else None,
        guarded=home,
        secret=(home[0] / "auth.json",),
    )


@permissions.command("list")
@cd_option
@json_option
def list_(cwd: Path, as_json: bool) -> None:
    """The mode and the rules, and the file that each list came from. Example: mltui permissions list"""
    loaded = _loaded(cwd)
    section = loaded.config.permissions
    rows = [
        [answer, rule, loaded.origins.get(f"permissions.{answer}", "default")]
        for answer, rules in (("deny", section.deny), ("ask", section.ask), ("allow", section.allow))
        for rule in rules
    ]
    if as_json:
        emit_json({"mode": section.mode, "rules": [{"answer": answer, "rule": rule, "origin": origin} for answer, rule, origin in rows]})
        return
    click.echo(f"mode {section.mode}", err=True)
    if rows:
        emit_table(["ANSWER", "RULE", "FROM"], rows)
    else:
        click.echo("No rules: what acts asks. Write them under [permissions] as allow, ask and deny.", err=True)


@permissions.command()
@click.argument("calls", metavar="CALL...", nargs=-1, required=True)
@mode_option
@cd_option
@json_option
def explain(calls: tuple[str, ...], mode: str | None, cwd: Path, as_json: bool) -> None:
    """Say what happens to a call, and why. Example: mltui permissions explain 'Bash(git push && rm x)' 'Edit(src/x.py)'"""
    policy = _policy(_loaded(cwd), cwd, mode)
    outcomes = [rule_tests.explain(call, policy) for call in calls]
    if as_json:
        emit_json(
            [
                {
                    "call": one.call,
                    "answer": one.found.answer,
                    "reason": one.found.reason,
                    "effects": [effect.model_dump(mode="json") for effect in one.effects],
                }
                for one in outcomes
            ]
        )
        return
    for one in outcomes:
        click.echo(f"{one.found.answer}  {clean(one.call)}" + (f"  ({clean(one.found.reason)})" if one.found.reason else ""))
        for effect in one.effects:
            click.echo(f"       {effect.kind} {clean(effect.target)}" + (" (cannot be taken apart)" if effect.opaque else ""))


@permissions.command()
@mode_option
@cd_option
def test(mode: str | None, cwd: Path) -> int:
    """Run the tests of the rules, [[permissions.tests]]; ends with 1 when one fails. Example: mltui permissions test"""
    loaded = _loaded(cwd)
    tests = loaded.config.permissions.tests
    if not tests:
        click.echo('There are no tests. Write some: [[permissions.tests]] call = "Bash(git push)", answer = "ask"', err=True)
        return 0
    failed = rule_tests.failures(tests, _policy(loaded, cwd, mode))
    for line in failed:
        click.echo(f"mltui: {clean(line)}", err=True)
    click.echo(f"{len(tests) - len(failed)} of {len(tests)} tests pass", err=True)
    return 1 if failed else 0
