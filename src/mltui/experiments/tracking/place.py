"""Where a project's experiments are tracked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mltui.config.schema import Tracking

STATE = ".mltui"

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""For every process that imports mlflow: nothing is reported, nothing is fetched, nothing is printed to stdout."""

IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""With MLflow's own seven retries each call to a server that is down blocks for minutes."""


def set_defaults(variables: Mapping[str, str]) -> None:
    """Sets variables of this process, those left out that the person has set."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def tracking_uri(root: Path, tracking: Tracking) -> str:
    """Returns: the configured tracking URI, relative paths made absolute from the project's root; else the SQLite store in `.mltui`."""
    uri = tracking.uri.strip()
    if not uri:
        return f"sqlite:///{root.absolute() / STATE / 'mlflow.db'}"
    if uri.startswith("sqlite:///"):
        return f"sqlite:///{root.absolute() / uri.removeprefix('sqlite:///')}"
    if "://" in uri or uri.startswith(("databricks", "file:")):
        return uri
    return (root.absolute() / uri).as_uri()


def database_file(uri: str) -> Path | None:
    """Returns: the file of a SQLite store, None for any other store."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def artifact_root(root: Path) -> Path:
    """Returns: where the artifacts of a local store lie."""
    return root.absolute() / STATE / "mlartifacts"


def experiment_name(root: Path, tracking: Tracking) -> str:
    """Returns: the MLflow experiment's name, by default the project folder's."""
    return tracking.experiment.strip() or root.absolute().name or "project"
