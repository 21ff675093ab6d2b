"""Options and settings of the whole suite."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/*.txt again")


@pytest.fixture(scope="session", autouse=True)
def nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or writes what the person who runs it has: mltui's state and settings, git's and MLflow's configuration.

    Commits have an author, also on a machine whose git knows nobody. Caches stay the person's: they change no result,
    and tools would fill new ones for seconds.
    """
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text("[user]\n\tname = Nobody\n\temail = nobody@example.org\n")
    caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", caches)
        patch.setenv("HOME", str(home))
        patch.setenv("MLTUI_HOME", str(home / "mltui"))
        for name, folder in {"CONFIG": ".config", "STATE": ".local/state", "DATA": ".local/share"}.items():
            patch.setenv(f"XDG_{name}_HOME", str(home / folder))
        yield home


@pytest.fixture(scope="session")
def mlflow_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with MLflow's tables, made once for all workers: a test takes a copy."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    database = folder / "mlflow-schema.db"
    file_lock = importlib.import_module("filelock").FileLock
    with file_lock(folder / "mlflow-schema.lock", timeout=100):
        if not database.exists():
            begun = folder / "mlflow-schema.begun.db"
            # MLflow makes the tables when it is first asked for something.
            connect = importlib.import_module("mltui.experiments.tracking.mlflow_sink").connect
            connect(f"sqlite:///{begun}", folder / "mlartifacts").search_experiments()
            begun.rename(database)
    return database
