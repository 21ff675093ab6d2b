"""A shell command taken apart into the simple commands that it would run."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from mltui.core.effects import Effect
from mltui.tools.simple_command import BLANKS, SimpleCommand, opaque

_LONGEST = 100_000


@lru_cache(maxsize=64)
def simple_commands(command: str) -> tuple[SimpleCommand, ...]:
    """The simple commands of a command line in their order, those in substitutions, functions and `sh -c` included.

    What cannot be split with certainty is one opaque command. Never raises.
    """
    if not command.strip(BLANKS):
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


def command_effects(command: str, cwd: Path, start: Path | None = None) -> tuple[Effect, ...]:
    """The effects of a command line: one `exec` per simple command, one `write` per file that it is redirected to.

    Args:
        start: where the line starts, if not in the working folder.
    """
    folder = "" if start is None or start == cwd else str(start)
    effects: list[Effect] = []
    for simple in simple_commands(command):
        unknown_target = None in simple.writes
        effects.append(Effect(kind="exec", target=simple.text, opaque=simple.opaque or unknown_target, folder=folder))
        for target in simple.writes:
            if target is not None:
                effects.append(_write(target, start or cwd, simple, folder))
    return tuple(dict.fromkeys(effects))


def _write(target: str, start: Path, simple: SimpleCommand, folder: str) -> Effect:
    try:
        return Effect(kind="write", target=str((start / target).resolve()))
    except (OSError, RuntimeError, ValueError):
        return Effect(kind="exec", target=simple.text, opaque=True, folder=folder)
