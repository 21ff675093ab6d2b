"""Copying out of the conversation, and finding in it line by line."""

from __future__ import annotations

from collections.abc import Sequence

from mltui.agent.remaining import remaining
from mltui.core.errors import UsageError
from mltui.core.events import Event, MessageCompleted, Notice, ToolCompleted, TurnStarted, TurnSteered
from mltui.ui.code_blocks import CodeBlock, answers, code_blocks
from mltui.ui.commands.base import Console

_USAGE = "/copy, /copy 2 (the answer before the last), /copy code, /copy code 2"
_MOST = 30
"""Lines that a search shows, the latest."""


async def copy(console: Console, argument: str) -> None:
    """`/copy [N]`: the answer N back, 1 the last. `/copy code [N]`: a code block of the last answer."""
    said = answers(remaining(console.session.transcript.events))
    word, _, rest = argument.partition(" ")
    if not said:
        raise UsageError("There is no answer to copy yet")
    if word == "code":
        blocks = code_blocks(said[-1])
        if not blocks:
            raise UsageError("There is no code block in the last answer", hint=_USAGE)
        if rest.strip():
            await console.copy(blocks[_number(rest, len(blocks), "code block") - 1].code)
        else:
            await choose_block(console, blocks)
        return
    await console.copy(said[-_number(argument or "1", len(said), "answer")])


def _number(text: str, most: int, what: str) -> int:
    if not text.strip().isdecimal():
        raise UsageError(f"{text.strip()!r} is no number", hint=_USAGE)
    if not 1 <= int(text) <= most:
        raise UsageError(f"There is no {what} {int(text)}", hint=f"There {'is one' if most == 1 else f'are {most}'}")
    return int(text)


async def choose_block(console: Console, blocks: Sequence[CodeBlock]) -> None:
    """Copies the only block, or the one that the person picks."""
    options = [(_first_line(block), _facts(block)) for block in blocks]
    place = 0 if len(blocks) == 1 else await console.choose("Copy a code block", options, lambda at: blocks[at].code)
    if place is not None:
        await console.copy(blocks[place].code)


def _first_line(block: CodeBlock) -> str:
    line = " ".join(next(line for line in block.code.split("\n") if line.strip()).split())
    return line if len(line) <= 60 else line[:59] + "…"


def _facts(block: CodeBlock) -> str:
    lines = block.code.count("\n") + 1
    return f"{block.language} {lines} line{'s' if lines != 1 else ''}".strip()


async def find(console: Console, argument: str) -> None:
    """`/find WORDS` where there is no screen to scroll: the lines of the conversation that have them."""
    if not argument:
        raise UsageError("Say what to find", hint="/find WORDS")
    wanted = argument.lower()
    turn, found = 0, list[str]()
    for event in remaining(console.session.transcript.events):
        turn = event.turn if isinstance(event, TurnStarted) else turn
        for who, text in _texts(event):
            found += [f"{turn} {who}: {' '.join(line.split())[:200]}" for line in text.split("\n") if wanted in line.lower()]
    if not found:
        console.tell("info", f"Nothing in the conversation has {argument!r} in it")
        return
    left_out = f"{len(found)} lines; these are the last {_MOST}" if len(found) > _MOST else ""
    console.tell("info", "\n".join(found[-_MOST:]), left_out)


def _texts(event: Event) -> list[tuple[str, str]]:
    match event:
        case TurnStarted() | TurnSteered():
            return [("you", event.text)]
        case MessageCompleted():
            return [("answer", event.message.text)]
        case ToolCompleted():
            return [(event.name, event.content)]
        case Notice():
            return [("mltui", event.text)]
        case _:
            return []
