"""The agent must not answer its own questions through mltui's command line."""

from __future__ import annotations

import re
from pathlib import PurePath

from mltui.tools.simple_command import SimpleCommand

READING = frozenset({"list", "show", "compare", "verify", "control", "pending", "--help", "-h", "--json", "--version"})
"""Words after `mltui experiments` that decide nothing."""
_LOOKS = {
    "config": frozenset({"show", "check", "path"}),
    "personas": frozenset({"list", "show", "check"}),
    "sessions": frozenset({"list", "show", "search", "diff", "export"}),
    "permissions": frozenset({"list", "explain", "test"}),
    "mcp": frozenset({"list", "get"}),
    "experiments": READING,
    "promote": frozenset({"status"}),
}
"""Commands of mltui that decide nothing, go back to nothing and delete nothing, by their first word."""

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
    looks = _LOOKS.get(arguments[0])
    if looks is None or "--trust" in arguments:
        return False
    return len(arguments) > 1 and arguments[1] in (*looks, "--help", "-h")
