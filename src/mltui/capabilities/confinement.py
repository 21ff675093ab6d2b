"""What each command of the agent may see and change: files under experiment, `.git` and `.mltui` read-only, the workspace writable."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from mltui.capabilities.git_commands import changes_repository
from mltui.capabilities.hard_links import other_names
from mltui.capabilities.protected_paths import fold
from mltui.config.paths import ensure_project_state
from mltui.experiments.listing import git_folder
from mltui.sandbox.confinement import Confinement
from mltui.tools.base import Workspace

_REFUSED = re.compile(r"Read-only file system|Permission denied|Device or resource busy|Invalid cross-device link|EROFS|EACCES|EBUSY")
_SETTINGS_REFUSED = re.compile(r"could not (?:lock|write) config file")
_KEPT_BY_GIT = ("hooks", "config", "config.worktree", "info", "refs/mltui", "logs/refs/mltui", "modules")
"""What not even git commands change: what git obeys, and mltui's own marks."""
_NAMED = 5
"""Files that a note names at most."""


class Confining(Protocol):
    """Says how a command is confined, and afterwards what the model must know about that."""

    def confinement(self, command: str) -> Confinement: ...

    def notes(self, command: str, output: str, exit_code: int | None) -> list[str]: ...


class OnlyFolder:
    """A folder that can be written to, and nothing protected in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def confinement(self, command: str) -> Confinement:
        return Confinement(self._folder, (self._folder,))

    def notes(self, command: str, output: str, exit_code: int | None) -> list[str]:
        return []


class ProjectConfining:
    """The confinement of commands in a project.

    Args:
        files: the files under experiment that exist now.
        network: whether commands may reach the network.
        writable: further files and folders that commands may change, also inside `.mltui`.
    """

    def __init__(
        self,
        workspace: Workspace,
        root: Path,
        files: Callable[[], Sequence[Path]],
        *,
        network: bool = True,
        writable: Sequence[Path] = (),
    ) -> None:
        self._workspace = workspace
        self._root = root
        self._files = files
        self._network = network
        self._writable = tuple(writable)
        self._protected: tuple[Path, ...] = ()
        self._links: dict[Path, Path] = {}

    def confinement(self, command: str) -> Confinement:
        roots = self._workspace.roots
        # A state folder that a command could make would be one that mltui believes.
        state = ensure_project_state(self._root)
        files = self._files()
        self._links = other_names(files, roots)
        self._protected = tuple(files)
        kept = [*fold([*files, *self._links], roots), state]
        writable = [*roots, *self._writable]
        for repository in dict.fromkeys(_repositories(roots)):
            if changes_repository(command):
                writable.append(repository)
                kept += [repository / name for name in _KEPT_BY_GIT if (repository / name).exists()]
            else:
                kept.append(repository)
        kept += [root / ".git" for root in roots if (root / ".git").is_file()]
        return Confinement(self._workspace.cwd, tuple(dict.fromkeys(writable)), tuple(dict.fromkeys(kept)), network=self._network)

    def notes(self, command: str, output: str, exit_code: int | None) -> list[str]:
        """What the model must know when the system refused something, so that it does not try again by other means."""
        if _SETTINGS_REFUSED.search(output):
            return [
                "git could not write .git/config, which commands cannot change, as git runs programs that it names; what the command did "
                "before that is done. Name remote and branch each time (git push origin BRANCH, git pull origin BRANCH), or let the person "
                "run what sets them up in a terminal of theirs (git push -u, git branch --set-upstream-to, git remote add)"
            ]
        lines = [line for line in output.splitlines() if _REFUSED.search(line)]
        if not lines:
            return []
        said = "\n".join([*lines, command])
        named = [path for path in (*self._protected, *self._links) if _names(said, path, self._workspace)]
        if named:
            listed = ", ".join(self._workspace.relative(path) for path in named[:_NAMED]) + (" and others" if named[_NAMED:] else "")
            verb = "is" if len(named) == 1 else "are"
            also = "".join(
                f" ({self._workspace.relative(link)} is the same file as {self._workspace.relative(path)})"
                for link, path in self._links.items()
                if link in named
            )
            return [f"{listed} {verb} under experiment and read-only to commands: change by Edit or Write, which stage it{also}"]
        if exit_code == 0:
            return []
        if ".git/" in said or ".git'" in said:
            return ["commands cannot change .git, except a line of nothing but git's own add, commit, switch, merge, stash and the like"]
        return [
            "commands can write to the workspace, temporary folders and caches, not to files under experiment, nor to what is beside them "
            "in a folder of such files; the person may add folders in sandbox.write"
        ]


def _names(said: str, path: Path, workspace: Workspace) -> bool:
    words = (re.escape(workspace.relative(path)), re.escape(path.name))
    return any(re.search(rf"(?<![\w.-]){word}(?![\w-])", said) for word in words)


def _repositories(roots: Sequence[Path]) -> list[Path]:
    """The folders of the repositories of the workspace; those that linked worktrees share included."""
    found: list[Path] = []
    for root in roots:
        folder = git_folder(root)
        if folder is None or not folder.is_dir():
            continue
        found.append(folder)
        try:
            shared = (folder / (folder / "commondir").read_text(encoding="utf-8").strip()).resolve()
        except (OSError, UnicodeDecodeError):
            continue
        if (shared / "objects").is_dir():
            found.append(shared)
    return found
