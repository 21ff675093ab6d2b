"""Commands that people and servers add, what is there of them, and lines for AGENTS.md."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mltui.config import memory
from mltui.ui.commands.base import Command, Console

if TYPE_CHECKING:
    from mltui.ui.session import AgentSession


@dataclass(frozen=True, slots=True)
class PromptCommand(Command):
    """A command that becomes a prompt."""

    def load(self) -> Callable[[Console, str], Awaitable[None]]:
        return partial(_prompt, self.name)


def more(session: AgentSession | None) -> tuple[Command, ...]:
    """The commands of a session that are no commands of mltui."""
    if session is None:
        return ()
    return tuple(PromptCommand(known.name, known.help, known.argument) for known in session.commands.list())


async def _prompt(name: str, console: Console, argument: str) -> None:
    text = await console.session.commands.text(name, argument, console.show)
    if text:
        await console.prompt(text)
    else:
        console.tell("warning", f"/{name} has no text")


async def mcp(console: Console, _argument: str) -> None:
    console.tell("info", "\n".join(console.session.commands.servers()), "mltui mcp add NAME -- COMMAND adds a server")


async def hooks(console: Console, _argument: str) -> None:
    console.tell("info", "\n".join(console.session.commands.hooks()), "They stand in .claude/settings.json, .mltui/hooks.json or [hooks]")


async def skills(console: Console, _argument: str) -> None:
    console.tell("info", "\n".join(console.session.commands.skills()), "/NAME uses one; SKILL.md folders lie in .mltui/skills")


async def remember(console: Console, argument: str) -> None:
    cwd = console.session.workspace.cwd
    found = await asyncio.to_thread(memory.places, cwd, os.environ)
    chosen = await console.choose(f"Remember “{argument}” for", [(meaning, str(path)) for meaning, path in found])
    if chosen is None:
        console.tell("info", "Nothing was noted")
        return
    path = found[chosen][1]
    await asyncio.to_thread(memory.remember, path, argument)
    console.tell("info", f"Noted in {path}", "It holds from the next session on; say it here too if it matters now")
