"""Commits what a person looked at, as the person would: their identity, their hooks, no credentials."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from mltui.capabilities.guarded_shell import Found, to_its_end
from mltui.core.commits import PendingCommit
from mltui.core.errors import ExperimentError, UsageError

if TYPE_CHECKING:
    from mltui.capabilities.secret_scan import FoundSecret

LONGEST_HOOK = 600.0
"""Seconds that a commit with its hooks may take."""
_MOST_NAMED = 5


class Committing:
    """The commits of one project, for the command that a person types.

    Args:
        root: the project.
        environ: what git and the hooks see.
        acting: what stands around the commit: hooks of the repository are files that a command may have written.
    """

    def __init__(self, root: Path, environ: Mapping[str, str], acting: Callable[[], AbstractAsyncContextManager[Found]]) -> None:
        self._root = root
        self._acting = acting
        self._environ = {**environ, "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}

    async def pending(self) -> PendingCommit:
        """What is staged, or if nothing is, all changes of tracked files.

        Raises: UsageError: there is no repository, a merge is not resolved, nothing changed, or it holds what must not be committed.
        """
        return await asyncio.to_thread(self._pending)

    async def commit(self, pending: PendingCommit, message: str) -> str:
        """Commits exactly that. Returns: what git said.

        Raises: UsageError: it changed meanwhile. ExperimentError: git or a hook refused, with what was said.
        """
        async with self._acting() as found:
            said = await to_its_end(lambda: self._commit(pending, message))
        return "\n".join([said, *found.notes])

    async def recent(self) -> str:
        """The first lines of the last commits, or empty."""
        said = await asyncio.to_thread(self._git, "log", "-8", "--no-merges", "--format=%s", check=False)
        return said.decode("utf-8", "replace").strip()[:2000]

    def _pending(self) -> PendingCommit:
        pending = self._look()
        if not pending.paths:
            hint = "Stage what is to be committed: git add FILE" if pending.untracked else "There is nothing to commit"
            raise UsageError("No tracked file changed and nothing is staged", hint=hint)
        own = [path for path in pending.paths if ".mltui" in path.split("/")]
        if own:
            raise UsageError(f"{own[0]} belongs to mltui and is not committed", hint=f"Take it out: git rm --cached {own[0]}")
        secrets = self._secrets(pending)
        if secrets:
            first = secrets[0]
            more = f" and {len(secrets) - 1} more" if len(secrets) > 1 else ""
            raise UsageError(
                f"{first.path}:{first.line} looks like a credential ({first.kind}){more}, so nothing is committed",
                hint="Take it out, or mark the line with `# pragma: allowlist secret` if it is none",
            )
        return pending

    def _look(self) -> PendingCommit:
        if self._git("rev-parse", "--is-inside-work-tree", check=False).strip() != b"true":
            raise UsageError(f"{self._root} is no git repository", hint="Run: git init")
        if unmerged := _names(self._git("diff", "--name-only", "-z", "--diff-filter=U")):
            raise UsageError(f"{unmerged[0]} has conflicts that are not resolved", hint="Resolve them and stage the file: git add FILE")
        untracked = _names(self._git("ls-files", "-z", "--others", "--exclude-standard"))
        staged = bool(_names(self._git("diff", "--staged", "--name-only", "-z")))
        against = ("--staged",) if staged else ("HEAD",) if self._git("rev-parse", "--verify", "-q", "HEAD", check=False) else ("--staged",)
        shown = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short")
        patch = self._git("diff", *against, *shown).decode("utf-8", "replace")
        paths = _names(self._git("diff", *against, "--name-only", "-z"))
        return PendingCommit(staged=staged, patch=patch, paths=tuple(paths), untracked=tuple(untracked[:_MOST_NAMED]))

    def _secrets(self, pending: PendingCommit) -> tuple[FoundSecret, ...]:
        """Only in what is new: a credential that was committed before does not become one by a change beside it."""
        scan = importlib.import_module("mltui.capabilities.secret_scan")
        added = _added(pending.patch)
        found: list[FoundSecret] = list(scan.find_secrets({path: "\n".join(text for _, text in lines) for path, lines in added.items()}))
        placed = [scan.FoundSecret(item.path, added[item.path][item.line - 1][0], item.kind) for item in found]
        return tuple(placed)

    def _commit(self, pending: PendingCommit, message: str) -> str:
        if not message.strip():
            raise UsageError("A commit needs a message")
        if self._look().patch != pending.patch:
            raise UsageError("The changes are not what you looked at any more", hint="Look again: /commit")
        arguments = ["commit", "--file=-", "--cleanup=strip", *([] if pending.staged else ["--all"])]
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self._root,
                env=self._environ,
                input=message.encode("utf-8", "replace"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=LONGEST_HOOK,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise ExperimentError(
                f"the commit's hooks took more than {LONGEST_HOOK:g} s", hint="Commit in a terminal of your own"
            ) from None
        said = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode != 0:
            raise ExperimentError(f"git or a hook refused the commit:\n{said[-4000:]}", hint="Nothing was committed")
        return said

    def _git(self, *arguments: str, check: bool = True) -> bytes:
        try:
            done = subprocess.run(
                ["git", "-c", "core.quotePath=false", *arguments],
                cwd=self._root,
                env={**self._environ, "GIT_OPTIONAL_LOCKS": "0"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"git cannot be started: {error.strerror}") from None
        if check and done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ExperimentError(f"git {arguments[0]} failed: {said[-1] if said else done.returncode}")
        return done.stdout if done.returncode == 0 else b""


def _names(listed: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _added(patch: str) -> dict[str, list[tuple[int, str]]]:
    """The added lines of a unified diff, by path, with their numbers."""
    found: dict[str, list[tuple[int, str]]] = {}
    path, number, inside = "", 0, False
    for line in patch.split("\n"):
        if line.startswith("diff --git "):
            inside = False
        elif line.startswith("+++ ") and not inside:
            path = line.removeprefix("+++ ").removeprefix("b/").rstrip("\t")
        elif line.startswith("@@ "):
            number, inside = int(line.split("+", 1)[1].split(" ", 1)[0].split(",", 1)[0]), True
        elif inside and line.startswith("+"):
            found.setdefault(path, []).append((number, line[1:]))
            number += 1
        elif inside and line.startswith(" "):
            number += 1
    return found
