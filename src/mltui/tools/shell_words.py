"""The words of a shell command: their values, and the command inside its wrappers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh", "ash", "fish"})

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")

# A wrapper runs the command that follows it. Each with its options that take a value, and with the
# number of its own operands.
_WRAPPERS: dict[str, tuple[frozenset[str], int]] = {
    "timeout": (frozenset({"-k", "--kill-after", "-s", "--signal"}), 1),
    "nice": (frozenset({"-n", "--adjustment"}), 0),
    "ionice": (frozenset({"-c", "--class", "-n", "--classdata"}), 0),
    "chrt": (frozenset(), 1),
    "taskset": (frozenset(), 1),
    "nohup": (frozenset(), 0),
    "setsid": (frozenset(), 0),
    "stdbuf": (frozenset({"-i", "-o", "-e", "--input", "--output", "--error"}), 0),
    "time": (frozenset({"-f", "--format", "-o", "--output"}), 0),
    "command": (frozenset(), 0),
    "builtin": (frozenset(), 0),
    "exec": (frozenset({"-a"}), 0),
    "env": (frozenset({"-u", "--unset", "-C", "--chdir", "-S", "--split-string"}), 0),
    "sudo": (frozenset({"-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-D", "--chdir", "-R", "-T"}), 0),
    "doas": (frozenset({"-u", "-C"}), 0),
    "xargs": (
        frozenset({"-I", "-i", "-n", "-P", "-L", "-d", "-E", "-s", "-a", "--max-args", "--max-procs", "--max-lines", "--delimiter"}),
        0,
    ),
}
TRANSPARENT = frozenset({"timeout", "nice", "ionice", "nohup", "setsid", "stdbuf", "time", "command"})
"""Wrappers that change nothing about what the command may do."""


@dataclass(frozen=True, slots=True)
class Word:
    """Attributes: source: as it is written; value: what it stands for, or None when only the running shell knows."""

    source: str
    value: str | None

    @property
    def text(self) -> str:
        return self.source if self.value is None else self.value


def unescape(text: str) -> str:
    """An unquoted word without its backslashes."""
    return re.sub(r"\\(\n|.)", lambda match: "" if match[1] == "\n" else match[1], text, flags=re.DOTALL)


def unescape_quoted(text: str) -> str:
    """The inside of double quotes without the backslashes that mean something there."""
    return re.sub(r'\\([$`"\\\n])', lambda match: "" if match[1] == "\n" else match[1], text)


def program(word: Word) -> str:
    """The name of the program that a word calls, without its folder."""
    return word.text.rsplit("/", 1)[-1]


def unwrapped(words: Sequence[Word]) -> int:
    """Where the command begins behind assignments and wrappers; the number of words when there is none."""
    index = 0
    while index < len(words):
        if _ASSIGNMENT.match(words[index].source):
            index += 1
        elif (wrapper := _WRAPPERS.get(program(words[index]))) is not None:
            after = _behind_options(words, index + 1, *wrapper)
            if after >= len(words):
                return index
            index = after
        else:
            return index
    return index


def _behind_options(words: Sequence[Word], index: int, valued: frozenset[str], operands: int) -> int:
    while index < len(words) and len(option := words[index].text) > 1 and option.startswith("-"):
        index += 1
        if option == "--":
            break
        if option in valued:
            index += 1
    while index < len(words) and _ASSIGNMENT.match(words[index].source):
        index += 1
    return index + operands


@dataclass(frozen=True, slots=True)
class ShellCall:
    """A shell that is called as a program.

    Attributes:
        script: the text behind `-c`, when it is known; None when it is not, or when the shell reads standard input.
        file: it runs a script file, as any program does.
        plain: no option changes what the script means.
    """

    script: str | None = None
    file: bool = False
    plain: bool = True


def shell_call(words: Sequence[Word]) -> ShellCall:
    """What a shell is called for; `words` begin with its name."""
    script = False
    plain = True
    index = 1
    while index < len(words) and len(option := words[index].text) > 1 and option[0] in "-+":
        if words[index].value is None:
            return ShellCall()
        index += 1
        if option == "--":
            break
        if option.startswith("--"):
            plain = False
            index += option in {"--rcfile", "--init-file"}
            continue
        script = script or ("c" in option and option[0] == "-")
        plain = plain and set(option[1:]) <= set("celux")
        if option.endswith(("o", "O")):
            index += 1
        if "s" in option:
            return ShellCall()
    if index >= len(words) or words[index].value is None or words[index].value in {"-", "/dev/stdin", "/dev/fd/0"}:
        return ShellCall()
    return ShellCall(script=words[index].value, plain=plain) if script else ShellCall(file=True)
