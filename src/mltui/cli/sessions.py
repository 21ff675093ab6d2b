"""`mltui sessions`: the conversations of this project, and what was said in them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from mltui.agent import library, store
from mltui.cli import sessions_rewind
from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, load_config
from mltui.config import paths
from mltui.core.errors import SessionError, UsageError

_CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_CONTEXT, epilog="Example: mltui sessions list, then mltui --resume ID")
def sessions() -> None:
    """List, search, show, export, rename, delete conversations, and go back in them."""


def _folder(cwd: Path) -> Path:
    return paths.sessions_dir(paths.project_root(cwd), os.environ)


def _everywhere() -> Path:
    return paths.state_dir(os.environ) / "sessions"


def file_of(cwd: Path, session_id: str) -> Path:
    """The file of a session of the project, else of any project. Raises: SessionError: none or several fit."""
    folder = _folder(cwd)
    try:
        return store.find(folder, session_id)
    except SessionError:
        others = [found for place in _everywhere().glob("*/") if place != folder for found in place.glob(f"{session_id}*.jsonl")]
        if len(others) != 1 or any(char in session_id for char in "*?[/"):
            raise
        return others[0]


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


@sessions.command("list", context_settings=_CONTEXT)
@click.option("--all", "everywhere", is_flag=True, help="Of every project.")
@cd_option
@json_option
def list_(everywhere: bool, cwd: Path, as_json: bool) -> None:
    """Sessions of the project, the latest first. Example: mltui sessions list --json"""
    found = library.listed(_everywhere() if everywhere else _folder(cwd))
    for problem in found.problems:
        click.echo(f"mltui: {problem}", err=True)
    if as_json:
        emit_json([_row(row) for row in found.rows])
        return
    if not found.rows:
        click.echo("There are no sessions in this project yet.", err=True)
        return
    headings = ["ID", "CHANGED", "TURNS", *(["FOLDER"] if everywhere else []), "TITLE"]
    table = [[row.id, _day(row.changed), str(row.turns), *([row.cwd] if everywhere else []), clean(row.name)] for row in found.rows]
    emit_table(headings, table)


def _row(row: library.SessionRow) -> dict[str, object]:
    return {
        "id": row.id,
        "changed": row.changed,
        "turns": row.turns,
        "model": row.model,
        "cost_usd": row.cost_usd,
        "title": row.title,
        "first_prompt": row.first[:200],
        "folder": row.cwd,
        "forked_from": row.forked_from or None,
    }


@sessions.command(context_settings=_CONTEXT)
@click.argument("words", nargs=-1, required=True)
@click.option("--here", is_flag=True, help="Only in this project's sessions.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Hits at most.")
@cd_option
@json_option
def search(words: tuple[str, ...], here: bool, limit: int, cwd: Path, as_json: bool) -> None:
    """Messages of all sessions that hold all WORDS. Example: mltui sessions search learning rate"""
    found = library.search(_folder(cwd) if here else _everywhere(), " ".join(words), limit=limit)
    if as_json:
        emit_json([{"id": hit.path.stem, "at": hit.at, "who": hit.who, "text": hit.text, "file": str(hit.path)} for hit in found])
        return
    count = 0
    for hit in found:
        count += 1
        click.echo(f"{hit.path.stem}  {_day(hit.at)}  {clean(hit.who)}: {clean(hit.text)}")
    if not count:
        click.echo("Nothing was found.", err=True)
    elif count == limit:
        click.echo(f"These are the latest {limit}; --limit shows more.", err=True)


@sessions.command(context_settings=_CONTEXT)
@click.argument("session_id", metavar="ID")
@click.option("--context", is_flag=True, help="What fills the model's window instead of what was said.")
@cd_option
def show(session_id: str, context: bool, cwd: Path) -> None:
    """A session as text. Example: mltui sessions show 3f2a --context"""
    loaded = store.load(file_of(cwd, session_id))
    if context:
        _show_context(loaded, cwd)
    else:
        from mltui.agent.remaining import remaining
        from mltui.cli.replay import write_events

        write_events(remaining(loaded.events))
    for problem in loaded.problems:
        click.echo(f"mltui: {problem}", err=True)


def _show_context(loaded: store.Loaded, cwd: Path) -> None:
    from mltui.agent.context import Gauge
    from mltui.agent.context_report import lines, report
    from mltui.agent.transcript import Transcript
    from mltui.core.errors import MltuiError
    from mltui.models import catalogue, registry
    from mltui.models.base import ModelInfo

    transcript = Transcript.fold(loaded.events)
    config = load_config(cwd).config
    info = ModelInfo(id=transcript.model)
    try:
        choice = registry.resolve(transcript.model, config, os.environ)
        info = catalogue.info_of(choice.settings) if choice.kind == "litellm" else info
    except MltuiError:
        pass  # a model that is no longer there has no window to speak of
    head = transcript.head
    gauge = Gauge(head.system if head else "", head.tools if head else ())
    click.echo("\n".join(map(clean, lines(report(transcript, gauge, info, config.context.compact_at)))))


@sessions.command(context_settings=_CONTEXT)
@click.argument("session_id", metavar="ID")
@click.option("-f", "--format", "form", type=click.Choice(["markdown", "html", "json"]), help="Absent: by the file's name, else Markdown.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here instead of stdout.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@cd_option
def export(session_id: str, form: str | None, output: Path | None, force: bool, cwd: Path) -> None:
    """A session as a document. Example: mltui sessions export 3f2a -o session.html"""
    from mltui.agent import export as documents

    loaded = store.load(file_of(cwd, session_id))
    chosen = form or documents.SUFFIXES.get(output.suffix.lower() if output else "", "markdown")
    text = documents.export(loaded.events, documents.as_format(chosen))
    for problem in loaded.problems:
        click.echo(f"mltui: {problem}", err=True)
    if output is None:
        sys.stdout.write(text)
        return
    documents.write(output, text, replace=force)
    click.echo(f"Written to {output}", err=True)


@sessions.command(context_settings=_CONTEXT)
@click.argument("session_id", metavar="ID")
@click.argument("title", nargs=-1, required=True)
@cd_option
def rename(session_id: str, title: tuple[str, ...], cwd: Path) -> None:
    """Give a session a title. Example: mltui sessions rename 3f2a 'learning rate sweep'"""
    from mltui.agent.naming import rename_file

    path = file_of(cwd, session_id)
    click.echo(f"{path.stem} is called {rename_file(path, ' '.join(title))}", err=True)


@sessions.command(context_settings=_CONTEXT)
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@cd_option
def delete(session_ids: tuple[str, ...], yes: bool, cwd: Path) -> None:
    """Delete sessions; an open one is refused. Example: mltui sessions delete 3f2a"""
    chosen = [file_of(cwd, session_id) for session_id in session_ids]
    if not yes:
        _confirm(chosen, cwd)
    for path in chosen:
        library.delete(path)
        click.echo(f"Deleted {path.stem}", err=True)


def _confirm(chosen: Sequence[Path], cwd: Path) -> None:
    names = {row.path: row for row in library.listed(_everywhere()).rows}
    for path in chosen:
        row = names.get(path)
        click.echo(f"{path.stem}  {clean(row.name) if row else ''}", err=True)
        drafts = paths.project_state(paths.project_root(cwd)) / "drafts" / path.stem / "files"
        if drafts.is_dir():
            click.echo(f"  Its draft stays in {drafts.parent}; it was not proposed.", err=True)
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask in", hint="Pass --yes to delete without being asked")
    click.confirm(f"Delete {len(chosen)} session{'s' if len(chosen) > 1 else ''} for good?", abort=True, err=True)


for _command in sessions_rewind.commands(file_of):
    sessions.add_command(_command)
