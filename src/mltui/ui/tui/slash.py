"""What each slash command does in the app."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mltui.core.errors import MltuiError
from mltui.ui.tui.text import dollars, one_line, tokens

if TYPE_CHECKING:
    from mltui.config.schema import PermissionMode
    from mltui.ui.tui.app import MltuiApp
    from mltui.ui.tui.protocols import AgentSession


async def run_command(app: MltuiApp, name: str, argument: str) -> None:
    """Does what a command says; those that need a session say so while there is none."""
    match name:
        case "help":
            app.action_help()
        case "quit":
            await app.action_quit()
        case "clear":
            app.view.clear()
        case "personas":
            await _personas(app)
        case _ if app.session is None:
            app.tell("warning", f"/{name} needs the session, which is not open")
        case "experiments":
            app.action_log()
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


async def _personas(app: MltuiApp) -> None:
    try:
        listed = await asyncio.to_thread(app.list_personas)
    except MltuiError as error:
        app.tell("error", str(error.args[0]), error.hint)
        return
    current = app.session.persona_name if app.session else ""
    lines = [f"{'*' if name == current else ' '} {one_line(name)}  {one_line(description)}" for name, description in listed]
    app.tell("info", "\n".join(lines) or "There are no personas", "mltui --persona NAME starts with another" if lines else "")


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
