"""Programs that wait for a person at a terminal, where there is none.

A pager or a REPL without arguments is none of them: it reads an empty input here, and ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from mltui.tools.shell_syntax import simple_commands

_EDITORS = frozenset(["vim", "vi", "nvim", "nano", "emacs", "pico", "ed"])
_MONITORS = frozenset(["htop", "btop", "nvtop", "watch"])
_OWN_EDITOR = ("GIT_SEQUENCE_EDITOR=", "GIT_EDITOR=")
_SSH_VALUES = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
_COMMIT_SAYS = ("--message", "--file", "--no-edit", "--reuse-message", "--fixup", "--squash", "--dry-run")
_GIT_VALUES = frozenset(["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"])
_BATCH = frozenset(["-es", "-Es", "--batch", "-batch", "--headless", "-s", "--script", "-x", "--eval"])


def interactive(command: str) -> str | None:
    """What to do instead of a command line that would wait for a person; None for one that would not, as far as can be told."""
    if "|" in command or "<" in command:
        return None  # something may feed it, and this is advice: no guard rests on it
    for simple in simple_commands(command):
        if simple.opaque or not simple.core or any(word.startswith(_OWN_EDITOR) for word in simple.words):
            continue
        name, *rest = simple.core
        if advice := _advice(PurePath(name).name, rest):
            return advice
    return None


def _advice(name: str, rest: Sequence[str]) -> str | None:
    informs = any(word in ("--version", "--help", "-h", "-V") for word in rest)
    if informs:
        return None
    if name in _EDITORS and _BATCH.isdisjoint(rest):
        return f"{name} needs a person at a terminal: change files with Edit or Write"
    if name in _MONITORS or (name == "top" and not any(word.startswith("-") and "b" in word for word in rest)):
        return f"{name} never ends: use ps, nvidia-smi or `top -b -n 1`"
    if name == "git":
        return _git(rest)
    if name == "ssh":
        return _ssh(rest)
    return None


def _git(words: Sequence[str]) -> str | None:
    words = list(words)
    while words and words[0].startswith("-"):
        del words[: 2 if words[0] in _GIT_VALUES else 1]
    sub, *rest = words or [""]
    short = "".join(word[1:] for word in rest if word.startswith("-") and not word.startswith("--"))
    if sub == "rebase" and ("i" in short or "--interactive" in rest):
        return "git rebase -i opens an editor: set GIT_SEQUENCE_EDITOR to a command, or use git reset --soft or cherry-pick"
    if sub in ("add", "checkout", "reset", "stash", "restore") and ({"-p", "--patch", "-i", "--interactive"} & set(rest)):
        return f"git {sub} -p asks at a terminal: name the files, or use git apply --cached with a patch"
    if sub == "commit" and not any(letter in short for letter in "mFC") and not any(word.startswith(_COMMIT_SAYS) for word in rest):
        return "git commit without a message opens an editor: say it with -m, -F FILE or --no-edit"
    return None


def _ssh(words: Sequence[str]) -> str | None:
    plain: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-") and not plain:
            if word[1:2] in ("N", "G", "V", "Q", "T", "f"):
                return None
            skip = len(word) == 2 and word[1] in _SSH_VALUES
        else:
            plain.append(word)
    return "ssh without a command opens a shell for a person: give it the command to run" if len(plain) == 1 else None
