"""Which commands only look, and only inside the workspace: those run without a question.

Words are judged as bash passes them on, without their quotes and backslashes. What only the running shell knows is not known to look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mltui.core.effects import Effect
from mltui.tools.base import Workspace
from mltui.tools.shell_syntax import simple_commands

# Those with an option that writes or runs something, or reads files that a file names, are named with it below.
_LOOKING = frozenset([
    "basename", "cat", "cut", "date", "df", "diff", "dirname", "du", "echo", "egrep", "false", "fgrep", "file", "find", "grep", "head",
    "hostname", "id", "ls", "nl", "nproc", "nvidia-smi", "printf", "ps", "pwd", "readlink", "realpath", "rg", "seq", "sort", "stat", "tail",
    "test", "tr", "tree", "true", "type", "uname", "uniq", "uptime", "wc", "which", "whoami", "[",
])  # fmt: skip
_LOOKING_GIT = frozenset(["status", "log", "diff", "show", "rev-parse", "ls-files", "blame", "describe", "shortlog"])
_ACTING_OPTIONS = {
    "find": ("-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprintf", "-fls", "-fprint0", "-files0-from"),
    "rg": ("--pre", "--hostname-bin"),
    "sort": ("-o", "--output", "--compress-program", "--files0-from"),
    "wc": ("--files0-from",),
    "du": ("--files0-from",),
    "tree": ("-o", "-R"),
    "git": ("--output", "--ext-diff", "--textconv", "-c", "--exec-path", "--git-dir", "--work-tree", "-O", "--open-files-in-pager"),
    "date": ("--set",),
    "diff": ("--to-file",),
    "file": ("-C", "--compile"),
}
_WHOLE_OPTIONS = frozenset(["find", "rg", "git"])
"""Those that understand no abbreviation of a long option, and whose short ones may be followed by any text."""
_CLUSTERS = frozenset(["sort", "tree", "file"])
_GPU_OPTION = re.compile(
    r"-(L|q|x|i|d|l|lms|u|h|B|-list-gpus|-query|-query-[\w-]+|-xml-format|-id|-display|-loop|-loop-ms|-unit|-format|-help|-version)(=.*)?"
)
_SETS_DATE = re.compile(r"-[uR]*s")

_ATTACHED = re.compile(r"^-\w*(?=/.|~)|(?=\.\.)")
"""What stands before the path that is the value of a short option."""

_SAFE_BRACES = re.compile(r"\{\w(?:[\w.-]*\w)?(?:,\w(?:[\w.-]*\w)?)*\}")
"""Alternatives out of which no path to elsewhere can be put together."""
_DOT_GLOB = re.compile(r"(?:^|/)\.[*?\[]")
"""To some shells, `.*` and its like mean the folder above too."""


def only_looks(effect: Effect, workspace: Workspace) -> bool:
    """Whether a command only reads, and only inside the workspace."""
    if effect.opaque:
        return False
    words, reads = _words(effect.target)
    name = words[0] if words else ""
    if name == "cd":
        return True  # where it may end is seen to as it does
    if name not in _LOOKING and not (name == "git" and words[1:2] and words[1] in _LOOKING_GIT):
        return False
    if _acts(name, words[1:]) or any(_expands(source) for source in effect.target.split()):
        return False
    where = replace(workspace, cwd=Path(effect.folder)) if effect.folder else workspace
    return all(_inside(word, where) for word in (*words[1:], *reads))


def looked_at(effect: Effect, workspace: Workspace) -> Iterator[Path]:
    """The files that a command names which only looks, as far as its words say so."""
    words, reads = _words(effect.target)
    if effect.opaque or not words or words[0] not in _LOOKING:
        return
    where = replace(workspace, cwd=Path(effect.folder)) if effect.folder else workspace
    for word in (*words[1:], *reads):
        value = word.partition("=")[2] if word.startswith("-") else word
        if value and (path := resolved(where, value)) is not None:
            yield path


def resolved(workspace: Workspace, path: str) -> Path | None:
    """The absolute path with symlinks resolved; None for one that loops, or that names an unknown user."""
    try:
        return workspace.resolve(path)
    except (OSError, RuntimeError, ValueError):
        return None


def _words(command: str) -> tuple[Sequence[str], Sequence[str]]:
    """The words of a simple command, and the files that its input comes from, without their quotes."""
    parsed = simple_commands(command)
    if len(parsed) != 1 or parsed[0].words[:1] == (command,):
        return command.split(), ()  # the grammar makes no words of `[ -f x ]`
    return parsed[0].words, parsed[0].reads


def _acts(name: str, arguments: Sequence[str]) -> bool:
    """Whether an option or an operand makes a command that looks write, run or set something."""
    if any(_is_option(name, word, option) for word in arguments for option in _ACTING_OPTIONS.get(name, ())):
        return True
    operands = [word for word in arguments if word == "-" or not word.startswith("-")]
    match name:
        case "date":
            return any(_SETS_DATE.match(word) for word in arguments)
        case "uniq":
            return len(operands) > 1 or "--" in arguments  # its second file is written
        case "hostname":
            return bool(operands) or any(word.startswith(("-b", "-F", "--b", "--f")) for word in arguments)
        case "nvidia-smi":
            return arguments[:1] == operands[:1] != [] or any(
                word.startswith("-") and not _GPU_OPTION.fullmatch(word) for word in arguments
            )
        case _:
            return False


def _is_option(name: str, word: str, option: str) -> bool:
    given = word.partition("=")[0]
    if name in _WHOLE_OPTIONS:
        return given == option or (name == "git" and option == "-O" and word.startswith(option))
    if option.startswith("--"):
        return len(given) > 2 and option.startswith(given)
    if name in _CLUSTERS:
        return word.startswith("-") and not word.startswith("--") and option[1] in word
    return word.startswith(option)


def _expands(source: str) -> bool:
    """Whether the shell may make something else of a word as it is written."""
    if "$" in source or "`" in source:
        return True
    if re.fullmatch(r"'[^']*'|\"[^\"]*\"", source):
        return False
    rest = _SAFE_BRACES.sub("x", source)
    braces = "{" in rest and "}" in rest and ("/" in rest or ".." in rest or "~" in rest)
    return braces or (not {"'", '"', "\\"} & set(source) and _DOT_GLOB.search(source) is not None)


def _inside(word: str, workspace: Workspace) -> bool:
    """Whether a word, if it is a path or an option with one, stays in the workspace."""
    value = word
    if word.startswith("--"):
        value = word.partition("=")[2]
    elif word.startswith("-"):
        found = _ATTACHED.search(word)
        value = word[found.end() :] if found else ""
    if not value:
        return True
    if "/" not in value and not value.startswith(("~", "..")):
        return not (workspace.cwd / value).is_symlink() or _contained(value, workspace)
    return _contained(value, workspace)


def _contained(value: str, workspace: Workspace) -> bool:
    path = resolved(workspace, value)
    return path is not None and workspace.contains(path)
