"""The folder that the commands of one agent start in: a `cd` lasts, within the workspace."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mltui.capabilities.putting_back import shown
from mltui.core.errors import ToolError
from mltui.core.messages import Message, ToolMessage
from mltui.tools.base import Workspace

_OWN = frozenset({".git", ".mltui"})
_SAYS = "Commands start in "
_SAID = re.compile(rf"(?:\[|\. ){_SAYS}(.+?)\]?$", re.MULTILINE)


class ShellFolder:
    """Where the next command of an agent starts.

    Only the folder lasts, and only below the workspace's roots: what a command leaves as its folder is no more than its word, so
    it is resolved and looked at, here as it ends and again as the next begins.

    Args:
        workspace: the agent's workspace; commands start in its `cwd` at first.
        closed: further places in which no command is to start.

    Attributes:
        conversation: the messages as the model has them. What they last say of the folder is what the model reckons with.
    """

    def __init__(self, workspace: Workspace, closed: Sequence[Path] = ()) -> None:
        self.conversation: Callable[[], Sequence[Message]] | None = None
        self._workspace = workspace
        self._closed = tuple(closed)
        self._folder = workspace.cwd
        self._refused = ("", "")

    def anew(self) -> ShellFolder:
        """That of another agent in the same workspace."""
        return ShellFolder(self._workspace, self._closed)

    @property
    def workspace(self) -> Workspace:
        """The workspace as the next command finds it."""
        return replace(self._workspace, start=self._folder)

    def check(self) -> None:
        """To be called before a command runs.

        Raises: ToolError: the folder is gone, or is not the one that the model knows of. A command that was meant for one folder
            must not run in another; the next one may.
        """
        if self._folder != self._workspace.cwd and (problem := self._unfit(self._folder)):
            gone, self._folder = self._name(self._folder), self._workspace.cwd
            raise ToolError(f"{gone} {problem}. Nothing was run. {_SAYS}{self._name(self._folder)}")
        if self.conversation is None:
            return
        name = self._name(self._folder)
        known = _last_said(self.conversation()) or self._name(self._workspace.cwd)
        refused, self._refused = self._refused, ("", "")
        if known != name and refused != (known, name):
            # Said once: what cannot be read back out of the conversation must not be refused for ever.
            self._refused = (known, name)
            raise ToolError(f"This was meant for {known}. Nothing was run. {_SAYS}{name}")

    def ended(self, folder: Path | None) -> str:
        """Takes the folder in which a command ended, None where nobody knows. Returns what to say of it, or an empty string."""
        if folder is None or folder == self._folder:
            return ""
        if problem := self._unfit(folder):
            return f"the cd does not last, as {shown(str(folder))} {problem}: the next command starts where this one did"
        self._folder = folder
        return f"{_SAYS}{self._name(folder)}"

    def _unfit(self, folder: Path) -> str:
        """Why no command may start in a folder, or an empty string."""
        if os.path.realpath(folder) != str(folder) or not folder.is_dir():
            return "is gone"
        roots = [root for root in self._workspace.roots if folder == root or root in folder.parents]
        if not roots:
            return "is outside the workspace"
        own = any(_OWN & {part.lower() for part in folder.relative_to(root).parts} for root in roots)
        if own or any(folder == place or place in folder.parents for place in self._closed):
            return "belongs to git or to mltui"
        return "" if os.access(folder, os.X_OK) else "cannot be entered"

    def _name(self, folder: Path) -> str:
        return "the workspace's folder" if folder == self._workspace.cwd else shown(self._workspace.relative(folder))


def _last_said(messages: Sequence[Message]) -> str:
    for message in reversed(messages):
        if isinstance(message, ToolMessage) and _SAYS in message.content and (found := _SAID.findall(message.content)):
            return found[-1]
    return ""
