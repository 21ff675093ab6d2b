"""`mltui config`: what is set, where it was set, and whether it is right."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import click

from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, load_config
from mltui.config import loader, paths
from mltui.config.show import rows
from mltui.core.errors import UsageError


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui config show --origin")
def config() -> None:
    """Show, check and change settings and keys."""


@config.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@cd_option
@json_option
def show(origin: bool, cwd: Path, as_json: bool) -> None:
    """All settings in force. Example: mltui config show --origin"""
    loaded = load_config(cwd)
    table = rows(loaded)
    if as_json:
        emit_json({row.key: {"value": row.value, "origin": row.origin} for row in table})
    elif origin:
        emit_table(["KEY", "VALUE", "ORIGIN"], [[row.key, row.value, row.origin] for row in table])
    else:
        for row in table:
            click.echo(clean(f"{row.key} = {row.value}"))
    for warning in loaded.warnings:
        click.echo(f"mltui: {clean(warning)}", err=True)


@config.command("set")
@click.argument("key")
@click.argument("value", required=False)
@click.option("--project", "scope", flag_value="project", help="For this project, in its own file.")
@click.option("--user", "scope", flag_value="user", default="user", help="For you (the default).")
@click.option("--unset", is_flag=True, help="Take it out of the file.")
@cd_option
def set_(key: str, value: str | None, scope: str, unset: bool, cwd: Path) -> None:
    """Change one setting; the rest of the file stays as it is. Example: mltui config set limits.max_turns 40 --project"""
    from mltui.config import describe, edit

    if unset == (value is not None):
        raise UsageError("Give a value, or --unset", hint="mltui config set ui.theme mltui-light")
    if describe.setting(key) is None and key.partition(".")[0] not in ("models", "hooks", "experiments"):
        raise UsageError(f"There is no setting {key}", hint=_near(key, [known.key for known in describe.settings()]))
    path = edit.put(key, value, "project" if scope == "project" else "user", cwd.resolve(), os.environ)
    click.echo(f"{'Taken out of' if unset else 'Set in'} {path}; it holds from the next session on", err=True)


def _near(word: str, known: list[str]) -> str:
    found = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(found)}?" if found else "`mltui config show` lists them"


@config.command()
@click.option("--default", "template", is_flag=True, help="Print a file to start from.")
@click.option("--check", "checked", is_flag=True, help="Only say what is wrong; ends with 52 when something is.")
@json_option
def keys(template: bool, checked: bool, as_json: bool) -> int:
    """The keys of the app, as your keys.toml changes them. Example: mltui config keys --default > keys.toml"""
    from mltui.ui.tui.keys import file, names, table

    known = table.keys()
    if template:
        click.echo(file.template(known), nl=False)
        return 0
    found = file.read(file.place(os.environ))
    problems = file.check(found, known)
    chosen = file.usable(found, known)
    if as_json:
        emit_json(
            [
                {"id": key.id or None, "keys": chosen.get(key.id, key.keys).split(","), "what": key.what, "where": key.where}
                | ({"default": key.keys.split(",")} if key.id in chosen else {})
                for key in known
            ]
        )
    elif not checked:
        shown = [[names.all_shown(chosen.get(key.id, key.keys)), key.what, key.where, key.id or "fixed"] for key in known]
        emit_table(["KEYS", "WHAT", "WHERE", "ID"], shown)
        click.echo(f"Change them in {found.path}: --default prints a file to start from", err=True)
    for problem in problems:
        click.echo(f"mltui: {problem.level}: {clean(problem.text)}", err=True)
    return 52 if any(problem.level == "error" for problem in problems) else 0


@config.command()
@cd_option
def check(cwd: Path) -> int:
    """Every mistake in the configuration, a line each; ends with 52 when there is one. Example: mltui config check"""
    problems = loader.check(cwd.resolve(), os.environ)
    for problem in problems:
        click.echo(clean(problem))
    click.echo(f"{len(problems)} problem(s)." if problems else "The configuration is right.", err=True)
    return 52 if problems else 0


@config.command()
@cd_option
def path(cwd: Path) -> None:
    """Where configuration and state lie. Example: mltui config path"""
    root = paths.project_root(cwd.resolve())
    for name, place in (
        ("user", paths.user_config_file(os.environ)),
        ("keys", paths.config_dir(os.environ) / "keys.toml"),
        ("project", paths.project_state(root) / "config.toml"),
        ("state", paths.state_dir(os.environ)),
    ):
        click.echo(f"{name}: {place}{'' if place.exists() else ' (not there)'}")
