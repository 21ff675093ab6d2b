"""The agent must not answer its own questions through mltui's command line."""

from __future__ import annotations

import re
from pathlib import PurePath

from mltui.tools.simple_command import SimpleCommand

READING = frozenset({"list", "show", "compare", "verify", "control", "pending", "--help", "-h", "--json", "--version"})
"""Words after `mltui experiments` that decide nothing."""

_IMPORTS = re.compile(r"\b(?:import|from)\s+mltui\b|\bmltui\.(?:experiments|cli|runtime|__main__)\b|-m\s*mltui\.")


def decides(command: SimpleCommand) -> bool:
    """Whether a simple command would decide, run or trust by calling mltui, however it is spelled."""
    words = [word for word in command.core if word]
    if _IMPORTS.search(command.text):
        return True
    for place, word in enumerate(words):
        if PurePath(word).name == "mltui" and (place == 0 or words[place - 1] in ("-m", "run", "--", "exec")):
            return not _only_reads(words[place + 1 :])
    return False


def _only_reads(arguments: list[str]) -> bool:
    if not arguments:
        return False
    if arguments[0] in ("--version", "--help", "-h", "doctor", "replay", "completion"):
        return True
    if arguments[0] == "promote":
        return arguments[1:2] == ["status"]
    if arguments[0] in ("config", "personas", "sessions"):
        return "--trust" not in arguments
    return arguments[0] == "experiments" and len(arguments) > 1 and arguments[1] in READING
