"""The project that a command is about: its configuration and its experiments, without opening a session."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mltui.config.loader import LoadedConfig
    from mltui.experiments.service import Experiments

cd_option = click.option(
    "-C", "--cd", "cwd", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".", help="The project's folder."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")


def load_config(cwd: Path) -> LoadedConfig:
    from mltui.config import loader, trust

    folder = cwd.resolve()
    return loader.load(folder, os.environ, {}, trust.is_trusted(folder, os.environ) or not trust.what_needs_trust(folder))


def open_experiments(cwd: Path) -> Experiments:
    from mltui.experiments.service import Experiments

    loaded = load_config(cwd)
    experiments = Experiments.open(loaded.project_root, loaded.config)
    experiments.settle()
    return experiments


def person() -> str:
    """Who decides, for the journal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid:{os.getuid()}"
