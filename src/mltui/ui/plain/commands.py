"""The slash commands of the line-mode conversation."""

from __future__ import annotations

import asyncio
import difflib

from mltui.agent.policy import MODES, parse_mode
from mltui.core.errors import MltuiError
from mltui.ui.plain.events import EventPrinter
from mltui.ui.plain.experiments import list_line, proposal_lines, result_lines
from mltui.ui.plain.text import Printer
from mltui.ui.session import AgentSession

COMMANDS = {
    "/help": "these lines",
    "/status": "model, mode, tokens, cost, staged edits",
    "/mode [MODE]": f"the permission mode: {', '.join(MODES)}",
    "/model [NAME]": "the model: an alias, a LiteLLM id or a GGUF file",
    "/experiments [ID]": "the experiment log, or one experiment in full",
    "/quit": "leave (or Ctrl-D); the session is kept",
}
NAMES = tuple(usage.split()[0] for usage in COMMANDS)


def is_command(text: str) -> bool:
    """Whether a line is meant as a command; `/etc/hosts says …` is a prompt."""
    word = text.split(maxsplit=1)[0] if text.split() else ""
    return word.startswith("/") and "/" not in word[1:]


async def run_command(text: str, session: AgentSession, printer: Printer, events: EventPrinter) -> bool:
    """Carries out a command; says whether to leave. What goes wrong is printed."""
    name, *arguments = text.split(maxsplit=1)
    argument = arguments[0].strip() if arguments else ""
    try:
        match name:
            case "/quit" | "/exit":
                return True
            case "/help":
                printer.lines(f"  {usage:<18} {meaning}" for usage, meaning in COMMANDS.items())
                printer.line("  Ctrl-C stops the agent; twice at the prompt leaves.")
            case "/status":
                await _status(session, printer)
            case "/mode":
                if argument:
                    await session.set_mode(parse_mode(argument), events.show)
                else:
                    printer.line(f"mode {session.mode}; there are {', '.join(MODES)}")
            case "/model":
                if argument:
                    await session.set_model(argument, events.show)
                else:
                    printer.line(f"model {session.model_info.id}")
            case "/experiments":
                await _experiments(argument, session, printer)
            case _:
                near = difflib.get_close_matches(name, NAMES, n=1)
                printer.line(f"There is no command {name}. " + (f"Did you mean {near[0]}?" if near else "/help lists them."))
    except MltuiError as error:
        printer.line(f"error: {error}")
    return False


async def _status(session: AgentSession, printer: Printer) -> None:
    info, transcript = session.model_info, session.transcript
    window = f" of {info.context_window:,}" if info.context_window else ""
    cost = transcript.usage.cost_usd
    printer.line(f"model {info.id}" + (f" ({info.note})" if info.note else ""))
    printer.line(f"persona {session.persona_name}, mode {session.mode}, session {session.id}")
    printer.line(f"context {transcript.context_tokens:,}{window} tokens, cost {'unknown' if cost is None else f'${cost:.4f}'}")
    drafts = await asyncio.to_thread(lambda: session.draft_paths)
    printer.line(f"staged edits: {', '.join(drafts) or 'none'}")


async def _experiments(argument: str, session: AgentSession, printer: Printer) -> None:
    if argument:
        experiment = await asyncio.to_thread(session.experiments.get, argument)
        printer.lines(proposal_lines(experiment.proposal))
        printer.lines(result_lines(experiment))
        return
    experiments = await asyncio.to_thread(session.experiments.list)
    printer.lines(map(list_line, experiments))
    if not experiments:
        printer.line("There are no experiments yet.")
