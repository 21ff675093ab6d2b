"""Which command lines are git's ordinary work, for which the repository can be written to."""

from __future__ import annotations

import os

from mltui.tools.shell_syntax import simple_commands
from mltui.tools.simple_command import SimpleCommand

_CHANGING = frozenset({
    "add", "commit", "branch", "switch", "checkout", "restore", "stash", "tag", "merge", "rebase", "cherry-pick", "revert", "reset", "rm",
    "mv", "fetch", "pull", "push", "worktree", "notes", "init", "clone", "am", "apply", "clean",
})  # fmt: skip
_LOOKING = frozenset({
    "status", "diff", "log", "show", "rev-parse", "ls-files", "ls-tree", "rev-list", "describe", "blame", "shortlog", "show-ref", "grep",
    "cat-file", "merge-base", "for-each-ref",
})  # fmt: skip
_BESIDE = frozenset({"cd", "echo", "printf", "true", ":", "pwd", "ls", "cat", "head", "tail", "wc", "test", "["})
"""Programs that change nothing and run nothing, which models put between git commands."""
_RUNS = ("--exec", "--upload-pack", "--receive-pack", "--config", "--template", "--exec-path", "--separate-git-dir", "--git-dir", "ext::")
_SHORT_RUNS = {"clone": ("-c", "-u"), "rebase": ("-x",), "fetch": (), "push": ()}


def changes_repository(command: str) -> bool:
    """Whether a command line is made of git's ordinary commands and of what changes nothing, with nothing that git would run or obey."""
    commands = simple_commands(command)
    kinds = [_kind(simple) for simple in commands]
    return all(kinds) and "changing" in kinds


def _kind(simple: SimpleCommand) -> str:
    """`changing`, `harmless`, or nothing for what may be anything."""
    # An assignment or a wrapper in front could turn git to another repository, or to other settings.
    if simple.opaque or simple.words != simple.core or any(target != os.devnull for target in simple.writes):
        return ""
    program, *rest = simple.core or ("",)
    if program in _BESIDE:
        return "harmless"
    if program != "git":
        return ""
    while rest and rest[0] in ("-C", "--no-pager", "-P"):
        rest = rest[2:] if rest[0] == "-C" else rest[1:]
    if not rest or any(_runs(word) for word in rest[1:]):
        return ""
    subcommand, *words = rest
    if any(word.startswith(option) for option in _SHORT_RUNS.get(subcommand, ()) for word in words):
        return ""
    return "changing" if subcommand in _CHANGING else "harmless" if subcommand in _LOOKING else ""


def _runs(word: str) -> bool:
    """Whether a word names something to run, as git understands it: options may be abbreviated."""
    given = word.partition("=")[0]
    return word.startswith(_RUNS) or (word.startswith("--") and len(given) > 2 and any(option.startswith(given) for option in _RUNS))
