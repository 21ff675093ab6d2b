"""The commands that the agent runs in the background."""

from __future__ import annotations

from mltui.ui.commands.base import Console


async def bashes(console: Console, argument: str) -> None:
    """Lists them; picking one that runs ends it."""
    background = console.session.background
    found = background.listed()
    if not found:
        console.tell("info", "No command was started in the background")
        return
    options = [(f"{job}  {state}", " ".join(command.split())[:120]) for job, state, command in found]
    if all(state != "running" for _, state, _ in found):
        console.tell("info", "\n".join(f"{label}  {command}" for label, command in options))
        return
    place = await console.choose("Commands in the background: pick one to end it", options)
    if place is None:
        return
    state, notes = await background.kill(found[place][0])
    console.tell("info", "\n".join((f"{found[place][0]}: {state}", *notes)))
