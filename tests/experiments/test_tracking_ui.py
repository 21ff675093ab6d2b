"""MLflow's web interface starts without a network, and its server takes the same synchronisation."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.experiments.tracked_project import Tracked, proposal
from tests.servers.leashed import leashed

from mltui.config.schema import Config, Tracking
from mltui.core.errors import UsageError
from mltui.experiments.tracking.place import tracking_uri
from mltui.experiments.tracking.ui import free_port, server_address, ui_command, ui_environment


def test_a_taken_port_is_replaced():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        other = free_port(taken)
        assert other != taken
    assert free_port(other) == other


def test_a_server_needs_no_other_server(tmp_path: Path):
    config = Config(tracking=Tracking(uri="https://mlflow.example.org"))
    assert server_address(config) == "https://mlflow.example.org"
    with pytest.raises(UsageError, match=r"Open https://mlflow\.example\.org"):
        ui_command(tmp_path, config, 5000)
    with pytest.raises(UsageError, match="switched off"):
        ui_command(tmp_path, Config(tracking=Tracking(enabled=False)), 5000)


@pytest.mark.parametrize(
    ("uri", "resolved"),
    [
        ("", "sqlite:///{root}/.mltui/mlflow.db"),
        ("sqlite:///runs.db", "sqlite:///{root}/runs.db"),
        ("sqlite:////data/runs.db", "sqlite:////data/runs.db"),
        ("mlruns", "file://{root}/mlruns"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("databricks", "databricks"),
    ],
)
def test_tracking_uris(tmp_path: Path, uri: str, resolved: str):
    assert tracking_uri(tmp_path, Tracking(uri=uri)) == resolved.format(root=tmp_path)


@pytest.fixture
def address(tmp_path: Path, mlflow_schema: Path) -> Iterator[str]:
    config = Config()
    (tmp_path / ".mltui").mkdir()
    shutil.copy(mlflow_schema, tmp_path / ".mltui" / "mlflow.db")
    port = free_port(0)
    log = tmp_path / "server.log"
    with leashed(ui_command(tmp_path, config, port), log, ui_environment()) as server:
        address = f"http://127.0.0.1:{port}"
        for _ in range(400):
            if server.poll() is not None:
                pytest.fail(log.read_text())
            try:
                httpx.get(f"{address}/health").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield address


@pytest.mark.slow
def test_it_serves_the_page_and_takes_a_synchronisation(address: str, tmp_path: Path):
    assert "<title>MLflow</title>" in httpx.get(address).text
    elsewhere = tmp_path / "digits"
    (elsewhere / ".mltui").mkdir(parents=True)
    project = Tracked(elsewhere, Config(tracking=Tracking(uri=address)))
    project.run_experiment(proposal())
    assert project.sync().sent == ("P-0007",)
    runs = project.runs()
    assert len(runs) == 13
    state = project.state()
    (elsewhere / ".mltui" / "tracking.json").unlink()
    project.sync()
    assert project.state() == state
    report = httpx.get(f"{address}/get-artifact", params={"path": "mltui/report.md", "run_uuid": parent_of(runs).info.run_id})
    assert report.text.startswith("# P-0007 Raise the learning rate")


def parent_of(runs: list[Any]) -> Any:
    return next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
