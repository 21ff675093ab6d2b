"""`mltui personas`: who the agent can be."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, load_config
from mltui.config import paths, trust
from mltui.personas import loader
from mltui.tools.catalog import catalog


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui --persona senior-ml-engineer")
def personas() -> None:
    """List and check personas."""


def _folders(cwd: Path) -> list[Path]:
    folder = cwd.resolve()
    trusted = trust.is_trusted(folder, os.environ) or not trust.what_needs_trust(folder)
    return loader.folders(load_config(cwd).project_root, paths.config_dir(os.environ), trusted)


@personas.command("list")
@cd_option
@json_option
def list_(cwd: Path, as_json: bool) -> None:
    """All personas that load, and where they come from. Example: mltui personas list"""
    found = loader.load_all(_folders(cwd), os.environ)
    ordered = sorted(found.personas.values(), key=lambda persona: persona.name)
    if as_json:
        emit_json(
            [
                {"name": p.name, "model": p.model or "inherit", "description": p.description, "path": str(p.path), "tools": p.tools}
                for p in ordered
            ]
        )
    else:
        emit_table(["NAME", "MODEL", "DESCRIPTION"], [[p.name, p.model or "inherit", p.description] for p in ordered])
    for problem in found.problems:
        if problem.level != "info":
            click.echo(f"mltui: {clean(str(problem))}", err=True)


@personas.command()
@click.argument("name")
@cd_option
def show(name: str, cwd: Path) -> None:
    """A persona's settings and its system prompt. Example: mltui personas show reviewer"""
    persona = loader.find(name, _folders(cwd), os.environ)
    tools = "all" if persona.tools is None else ", ".join(persona.tools) or "none"
    click.echo(f"{persona.name} ({persona.path})\nmodel: {persona.model or 'inherit'}\ntools: {tools}\n")
    click.echo("\n".join(clean(line) for line in persona.body.splitlines()))


@personas.command()
@click.argument("paths_", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@cd_option
@json_option
def check(paths_: tuple[Path, ...], cwd: Path, as_json: bool) -> int:
    """Check persona files; ends with 52 when one is broken. Example: mltui personas check .claude/agents"""
    problems = loader.check(
        paths_ or [folder for folder in _folders(cwd) if folder.is_dir()], os.environ, [tool.name for tool in catalog()]
    )
    if as_json:
        emit_json([{"path": str(p.path), "line": p.line, "level": p.level, "text": p.text} for p in problems])
    else:
        for problem in problems:
            click.echo(clean(str(problem)))
    errors = sum(problem.level == "error" for problem in problems)
    if not as_json:
        click.echo(f"{errors} broken." if errors else "All personas load.", err=True)
    return 52 if errors else 0
