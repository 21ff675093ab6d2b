"""Where a project's experiments are tracked."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from mltui.config.schema import Tracking
from mltui.core.errors import ExperimentError

STATE = ".mltui"

KEPT = "Nothing is lost: the journal has it, and it is sent later"
"""What to say when a tracker does not take something."""

CONNECT_SECONDS = 5.0

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


def wandb_folder(root: Path) -> Path:
    """Returns: where W&B's runs lie, before they are uploaded and where they are not."""
    return root.absolute() / STATE / "wandb"


def wandb_place(root: Path, tracking: Tracking) -> str:
    """Returns: the folder as a URI, or the server when runs are uploaded."""
    if tracking.wandb == "online":
        return os.environ.get("WANDB_BASE_URL") or "the W&B server"
    return wandb_folder(root).as_uri()


def without_password(uri: str) -> str:
    """Returns: the URI as it may be shown."""
    parts = urlsplit(uri)
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri


def check_reachable(uri: str) -> None:
    """Raises: ExperimentError: nothing listens where the URI points to. Cheap, so that no library is loaded for a server that is down."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"}:
        return
    try:
        address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        socket.create_connection(address, timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ExperimentError(f"the tracking server {without_password(uri)} does not answer ({error})", hint=KEPT) from error
