"""MLflow's web interface on the project's store: the command, its environment, its address."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from mltui.config.schema import Config
from mltui.core.errors import UsageError
from mltui.experiments.tracking.place import QUIET, artifact_root, tracking_uri

HOST = "127.0.0.1"
DEFAULT_PORT = 5000


def server_address(config: Config) -> str | None:
    """Returns: the address to open when the tracking URI is a server already, else None."""
    uri = config.tracking.uri.strip()
    return uri if uri.startswith(("http://", "https://")) else None


def ui_command(root: Path, config: Config, port: int) -> list[str]:
    """Returns: the command that serves the project's store at `http://127.0.0.1:PORT`, for this machine only.

    Run `sync.run_sync` before it: that makes the database's schema under a lock, and refuses a
    database of another MLflow version, which the server would migrate without asking.

    Raises:
        UsageError: tracking is off, or is a server already.
    """
    if not config.tracking.enabled:
        raise UsageError("tracking is switched off", hint="Set enabled = true under [tracking]")
    address = server_address(config)
    if address:
        raise UsageError("the project is tracked by a server already", hint=f"Open {address}")
    store = ["--backend-store-uri", tracking_uri(root, config.tracking), "--default-artifact-root", artifact_root(root).as_uri()]
    return [sys.executable, "-m", "mlflow", "server", *store, "--host", HOST, "--port", str(port), "--workers", "1"]


def ui_environment() -> dict[str, str]:
    """Returns: this process's environment with what lets the server start without a network, and as one process rather than ten."""
    return {**os.environ, **QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def free_port(wanted: int = DEFAULT_PORT) -> int:
    """Returns: the wanted port, or any free one when another program listens there."""
    for port in (wanted, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except (OSError, OverflowError):
                continue
            return int(listener.getsockname()[1])
    raise UsageError("no port is free on this machine", hint="Name one with --port")
