"""/commit: a message made from the changes, shown, changed if wanted, then committed as the person."""

from __future__ import annotations

from mltui.ui.commands.base import Console
from mltui.ui.commands.rewind import counted, named


async def commit(console: Console, argument: str) -> None:
    commits = console.session.commits
    pending = await commits.pending()
    if pending.untracked:
        console.tell("info", f"Not part of it, for git does not know them: {named(pending.untracked)}")
    message = await commits.message(pending, argument, console.show)
    what = f"{'what is staged' if pending.staged else 'all tracked changes'}, {counted(len(pending.paths), 'file')}"
    while True:
        console.tell("info", message)
        options = [
            ("commit", f"{what}: {named(pending.paths)}"),
            ("edit", "change the message first"),
            ("show the changes", "what would be committed"),
            ("cancel", "nothing is committed"),
        ]
        match await console.choose(f"Commit as: {message.splitlines()[0]}", options):
            case 0:
                said = await commits.commit(pending, message)
                console.tell("info", said)
                return
            case 1:
                edited = await console.edit("Message of the commit", message)
                message = edited.strip() if edited and edited.strip() else message
            case 2:
                await console.patch("What would be committed", pending.patch)
            case _:
                console.tell("info", "Nothing was committed.")
                return
