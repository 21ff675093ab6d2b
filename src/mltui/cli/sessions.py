"""`mltui sessions`: the conversations of this project."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from mltui.agent import store
from mltui.agent.transcript import Transcript
from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, load_config
from mltui.config import paths
from mltui.core.errors import SessionError
from mltui.core.messages import UserMessage


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui sessions list, then mltui --resume ID")
def sessions() -> None:
    """List and show conversations."""


def _folder(cwd: Path) -> Path:
    return paths.sessions_dir(load_config(cwd).project_root, os.environ)


@sessions.command("list")
@cd_option
@json_option
def list_(cwd: Path, as_json: bool) -> None:
    """Sessions of the project, the latest first. Example: mltui sessions list --json"""
    folder = _folder(cwd)
    files = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True) if folder.is_dir() else []
    rows: list[dict[str, object]] = []
    for path in files:
        try:
            transcript = Transcript.fold(store.load(path).events)
        except SessionError as error:
            click.echo(f"mltui: {error}", err=True)
            continue
        first = next((message.text for message in transcript.messages if isinstance(message, UserMessage)), "")
        rows.append(
            {
                "id": path.stem,
                "changed": path.stat().st_mtime,
                "turns": transcript.turns,
                "model": transcript.model,
                "cost_usd": transcript.usage.cost_usd,
                "first_prompt": first[:200],
            }
        )
    if as_json:
        emit_json(rows)
        return
    if not rows:
        click.echo("There are no sessions in this project yet.", err=True)
        return
    table = [
        [
            str(row["id"]),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(float(str(row["changed"])))),
            str(row["turns"]),
            clean(str(row["first_prompt"])),
        ]
        for row in rows
    ]
    emit_table(["ID", "CHANGED", "TURNS", "FIRST PROMPT"], table)


@sessions.command()
@click.argument("session_id", metavar="ID")
@cd_option
def show(session_id: str, cwd: Path) -> None:
    """A session as text. Example: mltui sessions show 3f2a"""
    from mltui.cli.replay import write_events

    loaded = store.load(store.find(_folder(cwd), session_id))
    write_events(loaded.events)
    for problem in loaded.problems:
        click.echo(f"mltui: {problem}", err=True)
