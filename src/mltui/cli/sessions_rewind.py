"""`mltui sessions diff` and `mltui sessions rewind`: what a session changed, and going back, also after it ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mltui.cli.output import clean
from mltui.cli.project import cd_option, open_experiments, person

if TYPE_CHECKING:
    from mltui.core.events import Event
    from mltui.core.rewind import RewindPlan

_CONTEXT = {"help_option_names": ["-h", "--help"]}
FindFile = Callable[[Path, str], Path]


def commands(find: FindFile) -> tuple[click.Command, ...]:
    """The commands. Args: find: the file of a session, by its id."""

    @click.command(context_settings=_CONTEXT)
    @click.argument("session_id", metavar="ID")
    @click.argument("turn", required=False, type=click.IntRange(min=1))
    @cd_option
    def diff(session_id: str, turn: int | None, cwd: Path) -> None:
        """What changed since a session, or one of its turns, began. Example: mltui sessions diff 3f2a 2"""
        from mltui.agent.reopened import reopened

        with reopened(find(cwd, session_id), open_experiments(cwd), person(), change=False) as history:
            patch, notes = asyncio.run(history.diff(turn))
        if patch:
            # A program that reads it wants it as it is.
            click.echo("\n".join(map(clean, patch.expandtabs(4).split("\n"))) if sys.stdout.isatty() else patch, nl=False)
        else:
            click.echo("No file changed.", err=True)
        for note in notes:
            click.echo(clean(note), err=True)

    @click.command(context_settings=_CONTEXT)
    @click.argument("session_id", metavar="ID")
    @click.option("--to", "turn", type=click.IntRange(min=1), help="Go back to before this turn; without it the turns are listed.")
    @click.option("--code", is_flag=True, help="Put the files back, and leave the conversation.")
    @click.option("--conversation", is_flag=True, help="Go back in the conversation, and leave the files.")
    @click.option("--overwrite", is_flag=True, help="Put back files too that something outside the session changed since.")
    @click.option("-y", "--yes", is_flag=True, help="Do not ask.")
    @cd_option
    def rewind(session_id: str, turn: int | None, code: bool, conversation: bool, overwrite: bool, yes: bool, cwd: Path) -> None:
        """Go back to before a turn: code and conversation, or one of them. Example: mltui sessions rewind 3f2a --to 2 --code"""
        path = find(cwd, session_id)
        if turn is None:
            asyncio.run(_list(path, cwd))
            return
        both = not code and not conversation
        asyncio.run(_rewind(path, cwd, turn, code or both, conversation or both, overwrite, yes))

    return (diff, rewind)


async def _list(path: Path, cwd: Path) -> None:
    from mltui.agent.reopened import reopened
    from mltui.ui.commands.rewind import point_row

    with reopened(path, open_experiments(cwd), person(), change=False) as history:
        points = await history.points()
    for point in points:
        label, about = point_row(point)
        click.echo(f"{clean(label)}  ({clean(about)})")
    if not points:
        click.echo("There is nothing to go back to.", err=True)


async def _rewind(path: Path, cwd: Path, turn: int, code: bool, conversation: bool, overwrite: bool, yes: bool) -> None:
    from mltui.agent.reopened import reopened

    async def show(event: Event) -> None:
        """What was done is said below."""

    with reopened(path, open_experiments(cwd), person(), change=True) as history:
        if code:
            _confirm(await history.plan(turn), turn, overwrite, yes)
        chosen = (await history.plan(turn)).outside if code and overwrite else ()
        done = await history.rewind(turn, show, code=code, conversation=conversation, overwrite=chosen)
    for note in done.notes:
        click.echo(clean(note), err=True)
    for file in done.files:
        click.echo(f"put back: {clean(file)}", err=True)
    what = " and ".join([*(["code"] if code else []), *(["conversation"] if conversation else [])])
    click.echo(
        f"Back before turn {turn}: {what}. What came after stays in the session's file; /redo in the session takes it back.", err=True
    )


def _confirm(plan: RewindPlan, turn: int, overwrite: bool, yes: bool) -> None:
    from mltui.core.errors import UsageError
    from mltui.ui.commands.rewind import changes, named

    if plan.outside:
        fate = "they are put back too" if overwrite else "they stay as they are (--overwrite puts them back too)"
        click.echo(f"Changed outside this session since then, so {fate}: {clean(named(plan.outside))}", err=True)
    if yes or plan.empty:
        return
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask in", hint="Pass --yes to go back without being asked")
    click.confirm(f"Go back to before turn {turn}: {changes(plan)}?", abort=True, err=True)
