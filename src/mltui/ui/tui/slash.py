"""What each slash command does in the app."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mltui.config import paths, trust
from mltui.core.errors import MltuiError
from mltui.personas import loader
from mltui.personas.loader import Personas
from mltui.ui.tui.text import dollars, one_line, tokens

if TYPE_CHECKING:
    from mltui.config.schema import PermissionMode
    from mltui.ui.session import AgentSession
    from mltui.ui.tui.app import MltuiApp


async def run_command(app: MltuiApp, name: str, argument: str) -> None:
    """Does what a command says; those that need a session say so while there is none."""
    match name:
        case "help":
            app.action_help()
        case "quit":
            await app.action_quit()
        case "clear":
            app.view.clear()
        case _ if app.session is None:
            app.tell("warning", f"/{name} needs the session, which is not open")
        case "experiments":
            app.action_log()
        case "review":
            app.review()
        case "personas":
            await _personas(app, app.session)
        case "status":
            await _status(app, app.session)
        case "mode":
            mode: PermissionMode = argument  # pyright: ignore[reportAssignmentType]  (`parse` took no other)
            await app.session.set_mode(mode, app.show)
        case "model":
            await _model(app, app.session, argument)
        case _:
            raise AssertionError(name)


async def _model(app: MltuiApp, session: AgentSession, name: str) -> None:
    try:
        await session.set_model(name, app.show)
    except MltuiError as error:
        app.tell("error", str(error.args[0]), error.hint)
    app.refresh_status()


async def _personas(app: MltuiApp, session: AgentSession) -> None:
    found = await asyncio.to_thread(_load_personas, session.workspace.cwd)
    ordered = sorted(found.personas.values(), key=lambda persona: persona.name)
    lines = [
        f"{'*' if persona.name == session.persona_name else ' '} {persona.name}  {one_line(persona.description)}" for persona in ordered
    ]
    app.tell("info", "\n".join(lines), "Start with another: mltui --persona NAME")
    for problem in found.problems:
        if problem.level == "error":
            app.tell("error", str(problem))


def _load_personas(cwd: Path) -> Personas:
    root = paths.project_root(cwd)
    return loader.load_all(loader.folders(root, paths.config_dir(os.environ), trust.is_trusted(cwd, os.environ)), os.environ)


async def _status(app: MltuiApp, session: AgentSession) -> None:
    info, usage = session.model_info, session.transcript.usage
    drafts = await asyncio.to_thread(lambda: session.draft_paths)
    window = f" of {tokens(info.context_window)}" if info.context_window else ""
    lines = [
        f"session   {session.id}",
        f"model     {one_line(info.id)}",
        f"persona   {one_line(session.persona_name)}",
        f"mode      {session.mode}",
        f"context   {tokens(session.transcript.context_tokens)}{window} tokens",
        f"used      {tokens(usage.prompt_tokens)} in, {tokens(usage.output_tokens)} out, {tokens(usage.cache_read_tokens)} from the cache",
        f"cost      {dollars(usage.cost_usd) if usage.cost_usd is not None else 'no price is known for this model'}",
        f"folder    {session.workspace.cwd}",
        f"drafted   {', '.join(one_line(path) for path in drafts) or 'nothing'}",
    ]
    app.tell("info", "\n".join(lines))
