"""Commands about the conversation itself: mode, model, persona, what it used."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mltui.config import paths, trust
from mltui.core.errors import UsageError
from mltui.personas import loader
from mltui.personas.loader import Persona, Personas
from mltui.ui.commands.base import Console
from mltui.ui.figures import dollars, short_name, tokens

if TYPE_CHECKING:
    from mltui.config.schema import PermissionMode


async def set_mode(console: Console, argument: str) -> None:
    if argument:
        mode: PermissionMode = argument  # pyright: ignore[reportAssignmentType]  (`parse` took no other)
        await console.session.set_mode(mode, console.show)
    else:
        console.tell("info", f"mode {console.session.mode}; there are plan, default, accept-edits and auto")


async def personas(console: Console, argument: str) -> None:
    session = console.session
    found = await asyncio.to_thread(load_personas, session.workspace.cwd)
    ordered = sorted(found.personas.values(), key=lambda persona: persona.name)
    if argument:
        _tell_persona(console, found, argument)
        return
    lines = [
        f"{'*' if persona.name == session.persona_name else ' '} {persona.name}  {' '.join(persona.description.split())}"
        for persona in ordered
    ]
    console.tell("info", "\n".join(lines), "Start with another: mltui --persona NAME")
    for problem in found.problems:
        if problem.level == "error":
            console.tell("error", str(problem))


def known_personas(cwd: Path) -> list[tuple[str, str]]:
    """(name, description) of each. Blocks."""
    found = load_personas(cwd).personas.values()
    return sorted((persona.name, " ".join(persona.description.split())) for persona in found)


def _tell_persona(console: Console, found: Personas, name: str) -> None:
    persona = found.personas.get(name)
    if persona is None:
        raise UsageError(f"There is no persona {name}", hint=f"There are: {', '.join(sorted(found.personas))}")
    lines = [persona.name, " ".join(persona.description.split()), *(f"{name:<7} {said}" for name, said in persona_facts(persona))]
    console.tell("info", "\n".join(lines), f"Start with it: mltui --persona {persona.name}")


def persona_facts(persona: Persona) -> list[tuple[str, str]]:
    """(name, what is said) of what a persona's file decides."""
    tools = "all" if persona.tools is None else ", ".join(persona.tools) or "none"
    without = f", but not {', '.join(persona.disallowed_tools)}" if persona.disallowed_tools else ""
    architect = f"; architect {persona.architect_model}" if persona.architect_model else ""
    return [
        ("model", f"{persona.model or 'that of the session'}{architect}"),
        ("tools", f"{tools}{without}"),
        *([("mode", persona.permission_mode)] if persona.permission_mode else []),
        *([("turns", f"at most {persona.max_turns} as a subagent")] if persona.max_turns else []),
        ("file", str(persona.path)),
    ]


def load_personas(cwd: Path) -> Personas:
    """All personas of a folder, and what is wrong with their files. Blocks."""
    root = paths.project_root(cwd)
    return loader.load_all(loader.folders(root, paths.config_dir(os.environ), trust.is_trusted(cwd, os.environ)), os.environ)


async def status(console: Console, _argument: str) -> None:
    session = console.session
    info, usage = session.model_info, session.transcript.usage
    drafts = await asyncio.to_thread(lambda: session.draft_paths)
    window = f" of {tokens(info.context_window)}" if info.context_window else ""
    lines = [
        f"session   {session.id}" + (f" ({title})" if (title := session.transcript.title) else ""),
        f"model     {short_name(info.id)}" + (f" ({info.note})" if info.note else ""),
        f"effort    {info.effort or 'as the maker of the model decides'}",
        *(["architect answers every turn, until /architect off"] if session.architect else []),
        f"persona   {session.persona_name}",
        f"mode      {session.mode}",
        f"context   {tokens(session.transcript.context_tokens)}{window} tokens",
        f"used      {tokens(usage.prompt_tokens)} in, {tokens(usage.output_tokens)} out, {tokens(usage.cache_read_tokens)} from the cache",
        f"cost      {dollars(usage.cost_usd) if usage.cost_usd is not None else 'no price is known for this model'}",
        f"folder    {session.workspace.cwd}",
        f"drafted   {', '.join(drafts) or 'nothing'}",
    ]
    console.tell("info", "\n".join(lines))
