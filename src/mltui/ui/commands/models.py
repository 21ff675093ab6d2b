"""Commands about who answers: the model, how hard it thinks, the architect."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from mltui.ui.commands.base import Console
from mltui.ui.figures import price, short_name, tokens

if TYPE_CHECKING:
    from mltui.models.roles import Effort, ModelOption

EFFORTS = ("low", "medium", "high")


async def model(console: Console, argument: str) -> None:
    if argument:
        await console.session.set_model(argument, console.show)
        return
    session = console.session
    options = await asyncio.to_thread(session.model_options)
    here = session.model_info.id
    rows = [(f"{'*' if option.id == here else ' '} {short_name(option.name)}", described(option)) for option in options]
    picked = await console.choose(f"Model (now {short_name(here)}); any LiteLLM id or GGUF file: /model NAME", rows)
    if picked is not None and options[picked].id != here:
        await session.set_model(options[picked].name, console.show)


async def effort(console: Console, argument: str) -> None:
    session = console.session
    chosen = argument
    if not chosen:
        now = session.model_info.effort or "as the model's maker decides"
        picked = await console.choose(f"Effort (now {now})", [(name, "") for name in EFFORTS])
        if picked is None:
            return
        chosen = EFFORTS[picked]
    await session.set_effort(cast("Effort", chosen), console.show)


async def architect(console: Console, argument: str) -> None:
    session = console.session
    if argument in ("", "on", "off"):
        await session.set_architect(argument != "off", console.show)
        return
    session.ask_architect(argument)
    await console.prompt(argument)


def described(option: ModelOption) -> str:
    """What decides about a model: what is missing, its price and window, what it sees and takes, which roles it has."""
    window = f"{tokens(option.context_window)} window" if option.context_window else ""
    parts = [
        option.missing,
        price(option.input_price, option.output_price),
        window,
        "sees images" if option.sees else "",
        option.memory,
        f"is {' and '.join(option.roles)}" if option.roles else "",
        short_name(option.id) if option.id != option.name else "",
    ]
    return " · ".join(part for part in parts if part)
