"""A shell command taken apart into the simple commands that it would run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from mltui.core.effects import Effect

_LONGEST = 100_000
_BLANKS = " \t\n"
"""What bash takes for white space; a carriage return is none."""


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """One command of a command line.

    Attributes:
        text: its source with single blanks between the words, assignments and wrappers kept, redirections left out.
        words: the values of the words; a word that only the running shell knows keeps its source.
        core: the words behind assignments and wrappers such as `timeout 5` or `env A=b`.
        core_text: the source of those words.
        opaque: what it would run cannot be told; no pattern may admit it.
        writes: files that it is redirected to, relative to the folder in which the line starts;
            None for one that only the running shell knows.
    """

    text: str
    words: tuple[str, ...] = ()
    core: tuple[str, ...] = ()
    core_text: str = ""
    opaque: bool = False
    writes: tuple[str | None, ...] = ()


def opaque(text: str) -> SimpleCommand:
    """A command that could not be split."""
    text = text.strip(_BLANKS)
    return SimpleCommand(text=text, words=(text,), core=(text,), core_text=text, opaque=True)


@lru_cache(maxsize=64)
def simple_commands(command: str) -> tuple[SimpleCommand, ...]:
    """The simple commands of a command line in their order, those in substitutions, functions and `sh -c` included.

    What cannot be split with certainty is one opaque command. Never raises.
    """
    if not command.strip(_BLANKS):
        return ()
    if len(command) > _LONGEST:
        return (opaque(command),)
    # The grammar is loaded with the first command rather than with the catalogue of tools.
    from mltui.tools.shell_grammar import split

    found = split(command)
    if found is None:
        return (opaque(command),)
    # A test, a definition or a comment runs nothing, and is still something to decide on.
    return found or (replace(opaque(command), opaque=False),)


def command_effects(command: str, cwd: Path) -> tuple[Effect, ...]:
    """The effects of a command line: one `exec` per simple command, one `write` per file that it is redirected to."""
    effects: list[Effect] = []
    for simple in simple_commands(command):
        unknown_target = None in simple.writes
        effects.append(Effect(kind="exec", target=simple.text, opaque=simple.opaque or unknown_target))
        for target in simple.writes:
            if target is not None:
                effects.append(_write(target, cwd, simple))
    return tuple(dict.fromkeys(effects))


def _write(target: str, cwd: Path, simple: SimpleCommand) -> Effect:
    try:
        return Effect(kind="write", target=str((cwd / target).resolve()))
    except (OSError, RuntimeError, ValueError):
        return Effect(kind="exec", target=simple.text, opaque=True)
