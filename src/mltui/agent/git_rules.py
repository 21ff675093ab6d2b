"""What git commands ask or are refused whatever is allowed: those that lose work, rewrite what others have, or step over hooks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from mltui.tools.shell_syntax import simple_commands

_VALUED = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--super-prefix", "--config-env"})
"""Options before the subcommand whose value is a word of its own."""
_SETTING = re.compile(
    r"(core\.hookspath|alias\..*|core\.sshcommand|core\.editor|sequence\.editor|core\.pager|pager\..*)(=.*)?", re.IGNORECASE
)
_FORCED = re.compile(r"\bgit\b[^|;&\n]*\bpush\b[^|;&\n]*\s(--force|--mirror|-[a-zA-Z]*f|\+[\w/])")
FORCE_PUSH = "a forced push replaces what others have; push to a new branch, or force it yourself in a terminal of your own"
NARROW = frozenset({
    "add", "am", "apply", "branch", "checkout", "cherry-pick", "commit", "fetch", "merge", "mv", "notes", "pull", "push", "rebase", "reset",
    "restore", "revert", "rm", "stash", "switch", "tag", "worktree",
})  # fmt: skip
"""Subcommands that a rule with a star may admit: what is dangerous of them asks nevertheless."""


class GitVerdict(NamedTuple):
    answer: Literal["ask", "deny"]
    reason: str


def judge_git(command: str) -> GitVerdict | None:
    """The strictest verdict on the git commands of a simple command, or None where there is nothing to say."""
    found: list[GitVerdict] = []
    for simple in simple_commands(command):
        if simple.opaque and _FORCED.search(simple.text):
            found.append(GitVerdict("deny", FORCE_PUSH))
        words = simple.core
        if words and words[0].rpartition("/")[2] == "git" and (verdict := _judge(words[1:])) is not None:
            found.append(verdict)
    return min(found, key=lambda verdict: verdict.answer != "deny", default=None)


def _judge(words: Sequence[str]) -> GitVerdict | None:
    settings: list[str] = []
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] in ("-c", "--config-env") and at + 1 < len(words):
            settings.append(words[at + 1])
        elif words[at].startswith("--config-env="):
            settings.append(words[at].partition("=")[2])
        at += 2 if words[at] in _VALUED else 1
    if any(_SETTING.fullmatch(setting) for setting in settings):
        return GitVerdict("ask", "it changes what git runs")
    if at >= len(words):
        return None
    return _judge_subcommand(words[at], words[at + 1 :])


def _judge_subcommand(name: str, words: Sequence[str]) -> GitVerdict | None:
    options = [word for word in words[: words.index("--") if "--" in words else len(words)] if word.startswith("-")]
    names = [word for word in words if not word.startswith("-")]

    def has(long: str, short: str) -> bool:
        """Whether an option is given, abbreviated or in a cluster too."""
        return any(
            (len(word) > 4 and long.startswith(word.partition("=")[0]) if word.startswith("--") else bool(short) and short in word[1:])
            for word in options
        )

    if name == "push":
        if any(word.startswith("--force") for word in options) or has("--force", "f") or has("--mirror", ""):
            return GitVerdict("deny", FORCE_PUSH)
        if any(word.startswith("+") for word in names):
            return GitVerdict("deny", FORCE_PUSH)
        if has("--delete", "d") or has("--prune", "") or any(word.startswith(":") for word in names):
            return GitVerdict("ask", "it deletes a branch that others have")
    if name in ("commit", "push", "merge", "rebase", "am", "pull", "cherry-pick", "revert"):
        if has("--no-verify", "") or (name == "commit" and has("--no-verify", "n")):
            return GitVerdict("ask", "it steps over the project's hooks")
        if name == "rebase" and has("--exec", "x"):
            return GitVerdict("ask", "it runs a command for each commit")
    return GitVerdict("ask", reason) if (reason := _loses(name, words, names, has)) else None


def _loses(name: str, words: Sequence[str], names: Sequence[str], has: Callable[[str, str], bool]) -> str:
    """What a command loses, or empty."""
    everything = any(word in (".", "./", ":/", ":/*", "*") for word in names)
    match name:
        case "reset" if has("--hard", ""):
            return "it throws away changes that are not committed"
        case "clean" if has("--force", "f"):
            return "it deletes files that git does not know"
        case "checkout" | "restore" | "switch" if (
            everything and (name != "restore" or not has("--staged", "S") or has("--worktree", "W"))
        ) or has("--discard-changes", ""):
            return "it throws away changes that are not committed"
        case "checkout" | "switch" if has("--force", "f"):
            return "it throws away changes that are not committed"
        case "branch" if (
            "-D" in words or (has("--force", "f") and has("--delete", "d")) or any("D" in word[1:] for word in words if _short(word))
        ):
            return "it deletes a branch that may not be merged"
        case "stash" if names[:1] in (["drop"], ["clear"]):
            return "it deletes what was stashed"
        case "filter-branch" | "filter-repo":
            return "it rewrites the history"
        case "update-ref" if has("--delete", "d") or has("--stdin", ""):
            return "it moves or deletes references"
        case "reflog" if names[:1] in (["expire"], ["delete"]):
            return "it forgets where branches were"
        case "gc" | "prune" if name == "prune" or has("--prune", ""):
            return "it deletes objects that nothing refers to"
        case "worktree" if names[:1] == ["remove"] and has("--force", "f"):
            return "it deletes a worktree with its changes"
        case "config" if any(_SETTING.fullmatch(word) for word in names) and not (has("--get", "") or has("--list", "l")):
            return "it changes what git runs"
        case _:
            return ""


def _short(word: str) -> bool:
    return word.startswith("-") and not word.startswith("--")
