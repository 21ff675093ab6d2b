"""What a supervisor loads only when it comes to it: libraries of numbers, of trackers and of samplers take seconds."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from mltui.config.schema import Config
from mltui.core.experiment import Comparison, Proposal, Run
from mltui.experiments.examples import Source


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
