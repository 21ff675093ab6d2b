"""What is loaded only when it comes to it: git, and the libraries of numbers and of trackers, which take seconds."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from mltui.config.schema import Config
from mltui.core.errors import NotARepositoryError
from mltui.core.experiment import Comparison, Proposal, Run
from mltui.experiments.examples import Source

if TYPE_CHECKING:
    from mltui.experiments.workbench import Workbench


class _Comparing(Protocol):
    def compare(self, proposal: Proposal, runs: Sequence[Run], examples: Source) -> tuple[Comparison, tuple[Comparison, ...]]: ...


class _Syncing(Protocol):
    def preload(self) -> None: ...

    def sync_project(self, root: Path, config: Config) -> None: ...

    def start_others(self, root: Path, config: Config) -> None: ...


def comparing() -> _Comparing:
    """The comparison, with the numerical libraries behind it."""
    return cast(_Comparing, importlib.import_module("mltui.experiments.comparison"))


def syncing() -> _Syncing:
    """The tracker's side, with the tracking library behind it."""
    return cast(_Syncing, importlib.import_module("mltui.experiments.tracking.sync"))


def workbench() -> type[Workbench]:
    """What makes proposals of a working tree, with git behind it. Raises: NotARepositoryError: git is not installed."""
    try:
        return cast("type[Workbench]", importlib.import_module("mltui.experiments.workbench").Workbench)
    except ImportError as error:
        if "git executable" not in str(error).lower():
            raise
        raise NotARepositoryError("git is not installed, and experiments run from commits", hint="Install git.") from error
