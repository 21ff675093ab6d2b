"""`mltui mcp`: the MCP servers of a person and of a project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, load_config

if TYPE_CHECKING:
    from mltui.extensions.loading import Extensions

project_option = click.option("--project", is_flag=True, help="In .mcp.json of the project, for all who work on it; else in your own file.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui mcp add docs -- npx -y some-server")
def mcp() -> None:
    """List, add and remove MCP servers."""


@mcp.command("list")
@click.option("--check", is_flag=True, help="Start each and count its tools.")
@cd_option
@json_option
def list_(check: bool, cwd: Path, as_json: bool) -> int:
    """All servers and whether they are used. Ends with 1 when a checked one does not run. Example: mltui mcp list --check"""
    found, config = _extensions(cwd)
    probed: dict[str, Any] = {}
    if check:
        import asyncio

        from mltui.agent.probing import probe

        probed = {one.name: one for one in asyncio.run(probe(cwd.resolve(), os.environ, config, found))}
    rows: list[dict[str, Any]] = []
    for server in found.servers.values():
        state = "agreed" if server.scope == "project" else "on"
        if one := probed.get(server.name):
            state = one.error or f"{len(one.tools)} tools"
        rows.append({"name": server.name, "scope": server.scope, "state": state, "what": server.says})
    waiting = [one for one in found.unanswered if one.what.startswith("mcp:")]
    rows += [{"name": one.what[4:], "scope": "project", "state": "asked about at the next start", "what": one.text} for one in waiting]
    if as_json:
        emit_json(rows)
    elif rows:
        emit_table(["NAME", "SCOPE", "STATE", "WHAT"], [[row["name"], row["scope"], row["state"], row["what"]] for row in rows])
    else:
        click.echo("There are no MCP servers. Example: mltui mcp add docs -- npx -y some-server", err=True)
    for problem in found.problems:
        if problem.path.name in (".mcp.json", "mcp.json"):
            click.echo(f"mltui: {clean(str(problem))}", err=True)
    return 1 if any(one.error for one in probed.values()) else 0


@mcp.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("what", metavar="URL | -- COMMAND [ARGS]...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("-e", "--env", "env", multiple=True, metavar="NAME=VALUE", help="A variable for the server; ${NAME} takes it from yours.")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME: VALUE", help="A header for a server of the network.")
@project_option
@cd_option
def add(name: str, what: tuple[str, ...], env: tuple[str, ...], headers: tuple[str, ...], project: bool, cwd: Path) -> None:
    """Add or replace a server. Example: mltui mcp add docs -e TOKEN='${TOKEN}' -- npx -y some-server"""
    from mltui.core.errors import UsageError
    from mltui.extensions import mcp_files

    entry: dict[str, Any]
    program, *arguments = what
    if program.startswith(("http://", "https://")):
        if arguments:
            raise UsageError("A server of the network has an address and nothing more", hint="Headers go into --header 'NAME: VALUE'")
        entry = {"type": "http", "url": program} | ({"headers": _pairs(headers, ":")} if headers else {})
    else:
        entry = {"command": program, "args": arguments} | ({"env": _pairs(env, "=")} if env else {})
    path = mcp_files.project_file(cwd) if project else mcp_files.user_file(os.environ)
    mcp_files.write_entry(path, name, entry)
    click.echo(f"{name} is in {path}" + (", and is asked about at the next start" if project else ""), err=True)


@mcp.command()
@click.argument("name")
@project_option
@cd_option
def remove(name: str, project: bool, cwd: Path) -> None:
    """Take a server out. Example: mltui mcp remove docs"""
    from mltui.extensions import mcp_files

    path = mcp_files.project_file(cwd) if project else mcp_files.user_file(os.environ)
    mcp_files.write_entry(path, name, None)
    click.echo(f"{name} is no longer in {path}", err=True)


@mcp.command("get")
@click.argument("name")
@cd_option
@json_option
def get(name: str, cwd: Path, as_json: bool) -> None:
    """What a server is; values of variables and headers are not shown. Example: mltui mcp get docs"""
    from mltui.core.errors import UsageError

    found, _ = _extensions(cwd)
    server = found.servers.get(name)
    if server is None:
        raise UsageError(f"There is no server {name!r} that is used here", hint="`mltui mcp list` lists them")
    shown: dict[str, Any] = {
        "name": server.name,
        "scope": server.scope,
        "file": str(server.path),
        "what": server.says,
        "env": sorted(server.env or {}),
        "headers": sorted(server.headers or {}),
    }
    if as_json:
        emit_json(shown)
        return
    for key, value in shown.items():
        if value:
            click.echo(clean(f"{key:<8} {' '.join(value) if isinstance(value, list) else value}"))  # pyright: ignore[reportUnknownArgumentType]


def _extensions(cwd: Path) -> tuple[Extensions, Any]:
    from mltui.config import trust
    from mltui.extensions.loading import load_extensions

    folder = cwd.resolve()
    trusted = trust.is_trusted(folder, os.environ) or not trust.what_needs_trust(folder)
    config = load_config(cwd).config
    return load_extensions(folder, os.environ, config, trusted=trusted), config


def _pairs(given: tuple[str, ...], separator: str) -> dict[str, str]:
    from mltui.core.errors import UsageError

    found: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition(separator)
        if not sign or not name.strip():
            raise UsageError(f"{text!r} is not NAME{separator}VALUE")
        found[name.strip()] = value.strip() if separator == ":" else value
    return found
