"""Commands that are prompts: files of people, skills, and prompts of MCP servers."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import shorten

from mltui.agent.gate import Gate
from mltui.agent.person_calls import call
from mltui.core.errors import MltuiError, UsageError
from mltui.core.events import Emit
from mltui.extensions.commands import Include, Piece, Run, pieces
from mltui.extensions.loading import Extensions

_LONGEST_DESCRIPTION = 100


@dataclass(frozen=True, slots=True)
class PersonCommand:
    """Attributes: argument: what may be written after it, in brackets; empty: nothing needs to be."""

    name: str
    help: str
    argument: str = ""


class PersonCommands:
    """The commands of one session, and the prompts that they become."""

    def __init__(self, gate: Gate, extensions: Extensions) -> None:
        self._gate = gate
        self._extensions = extensions

    def list(self) -> tuple[PersonCommand, ...]:
        """By name; a file goes before a skill of its name."""
        found: dict[str, PersonCommand] = {}
        for server, prompt in self._gate.outside.servers.prompts:
            name = f"mcp__{_plain(server)}__{_plain(prompt.name)}"
            arguments = " ".join(f"[{argument}]" for argument in prompt.arguments)
            found[name] = PersonCommand(name, _line(prompt.description) or f"a prompt of {server}", arguments)
        for skill in self._extensions.skills.skills.values():
            if skill.command:
                found[skill.name] = PersonCommand(skill.name, _line(skill.description), f"[{skill.argument.strip('[]') or 'WITH'}]")
        for command in self._extensions.commands.values():
            found[command.name] = PersonCommand(command.name, command.description, command.argument)
        return tuple(found[name] for name in sorted(found))

    def server_states(self) -> tuple[tuple[str, str], ...]:
        """Name and state (`starting`, `ready`, `failed`) of each MCP server."""
        return tuple((status.name, status.state) for status in self._gate.outside.servers.statuses())

    def servers(self) -> list[str]:
        """A line for each MCP server and what it offers."""
        lines: list[str] = []
        for status in self._gate.outside.servers.statuses():
            prompts = f"; prompts: {', '.join(status.prompts)}" if status.prompts else ""
            what = status.error or f"{', '.join(status.tools) or 'no tools'}{prompts}"
            lines += [f"{status.name}  {status.state}: {what}", *(f"  left out: {one}" for one in status.left_out)]
        return lines or ["There are no MCP servers here."]

    def hooks(self) -> list[str]:
        """A line for each hook."""
        known = self._extensions.hooks.hooks
        lines = [f"{hook.event} {f'({hook.matcher})' if hook.matcher else ''}  {hook.command}  — {hook.origin}" for hook in known]
        return lines or ["There are no hooks here."]

    def skills(self) -> list[str]:
        """A line for each skill."""
        known = sorted(self._extensions.skills.skills.values(), key=lambda skill: skill.name)
        return [f"{skill.name}  {_line(skill.description)}" for skill in known] or ["There are no skills here."]

    async def text(self, name: str, argument: str, show: Emit) -> str:
        """The prompt that a command becomes. What it runs and includes goes through the gate, and may be asked about.

        Args:
            show: is told of questions and warnings, not of the calls.

        Raises: MltuiError: there is no such command, or something that it runs was denied or failed.
        """
        if (command := self._extensions.commands.get(name)) is not None:
            body = await asyncio.to_thread(command.body)
            return "".join([await self._piece(piece, show) for piece in pieces(body, argument)]).strip()
        skill = self._extensions.skills.skills.get(name)
        if skill is not None and skill.command:
            body = await asyncio.to_thread(skill.body)
            asked = f"\n\nIt is to be used for this: {argument}" if argument else ""
            return f"Use the skill {name}. Files that it names lie in {skill.folder}.\n\n{body}{asked}"
        for server, prompt in self._gate.outside.servers.prompts:
            if name == f"mcp__{_plain(server)}__{_plain(prompt.name)}":
                return await self._gate.outside.servers.prompt(server, prompt.name, _arguments(prompt.arguments, argument, name))
        raise UsageError(f"There is no command /{name}")

    async def _piece(self, piece: Piece, show: Emit) -> str:
        match piece:
            case Run(command):
                done = await call(self._gate.apart(), "Bash", {"command": command}, show)
                if done.denied:
                    raise MltuiError(f"The command runs `{command}`, which did not happen: {done.content.splitlines()[0]}")
                return done.content
            case Include(path, text):
                done = await call(self._gate, "Read", {"file_path": path}, show)
                # What is no file was no reference to one: an e-mail address, a decorator.
                return text if done.is_error else f"{text}:\n{done.content}\n"
            case str():
                return piece


def _arguments(known: Mapping[str, bool], argument: str, name: str) -> dict[str, str]:
    """What was typed, by the names of a prompt's arguments; the last takes the rest. Raises: UsageError: a required one is missing."""
    try:
        words = shlex.split(argument)
    except ValueError:
        words = argument.split()
    if len(words) > len(known) > 0:
        words = [*words[: len(known) - 1], " ".join(words[len(known) - 1 :])]
    given = dict(zip(known, words, strict=False))
    if missing := [one for one, required in known.items() if required and one not in given]:
        raise UsageError(f"/{name} needs {', '.join(missing)}")
    return given


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def _line(text: str) -> str:
    return shorten(text, _LONGEST_DESCRIPTION, placeholder=" …")
