"""`mltui config`: what is set, where it was set, and whether it is right."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, load_config
from mltui.config import loader, paths
from mltui.config.show import rows


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui config show --origin")
def config() -> None:
    """Show and check settings."""


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
        ("project", paths.project_state(root) / "config.toml"),
        ("state", paths.state_dir(os.environ)),
    ):
        click.echo(f"{name}: {place}{'' if place.exists() else ' (not there)'}")
