"""MLflow's web interface starts without a network, and its server takes the same synchronisation."""

from __future__ import annotations

import math
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.experiments.tracked_project import Tracked, proposal
from tests.servers.faulty_proxy import FaultyProxy, faulty_proxy
from tests.servers.leashed import leashed

from mltui.config.schema import Config, Tracking
from mltui.core.errors import ExperimentError, UsageError
from mltui.experiments.tracking.backlog import backlogs
from mltui.experiments.tracking.place import tracking_uri
from mltui.experiments.tracking.sync import catch_up
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


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, mlflow_schema: Path) -> Iterator[str]:
    """A real MLflow server."""
    root = tmp_path_factory.mktemp("server")
    (root / ".mltui").mkdir()
    shutil.copy(mlflow_schema, root / ".mltui" / "mlflow.db")
    port = free_port(0)
    log = root / "server.log"
    with leashed(ui_command(root, Config(), port), log, ui_environment()) as server:
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


@pytest.fixture
def project(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Tracked, FaultyProxy]]:
    """A project with one experiment of its own name, whose tracking server is behind a proxy that can fail."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    root = tmp_path / f"digits-{uuid4().hex[:8]}"
    (root / ".mltui").mkdir(parents=True)
    with faulty_proxy(address) as proxy:
        tracked = Tracked(root, Config(tracking=Tracking(uri=proxy.address)))
        tracked.run_experiment(proposal().model_copy(update={"seeds": (0, 1)}))
        yield tracked, proxy


def everything_is_there_once(tracked: Tracked) -> None:
    runs = tracked.runs()
    assert len(runs) == len({run.data.tags["mltui.event_id"] for run in runs}) == 5
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert [backlog.experiments for backlog in backlogs(tracked.root, tracked.config.tracking)] == [()]
    state = tracked.state()
    (tracked.root / ".mltui" / "tracking.json").unlink()
    assert tracked.sync().sent == ("P-0007",)
    assert tracked.state() == state


@pytest.mark.slow
def test_it_serves_the_page_and_takes_a_synchronisation(address: str, project: tuple[Tracked, FaultyProxy]):
    assert "<title>MLflow</title>" in httpx.get(address).text
    tracked, proxy = project
    left = tracked.root / ".mltui" / "runs" / "P-0007-candidate-1"
    lines = [f'{{"step": {step}, "accuracy": {step / 500 if step else "NaN"}}}\n' for step in range(500)]
    (left / "metrics.jsonl").write_text("".join(lines))
    (left / ".hydra").mkdir()
    (left / ".hydra" / "config.yaml").write_text("lr: 0.5\n")
    (left / "curve.png").write_bytes(b"\x89PNG")
    (left / "stolen.png").symlink_to("/etc/passwd")
    assert tracked.sync().sent == ("P-0007",)
    assert proxy.seen.count("/api/2.0/mlflow/runs/log-batch") == 5, "a run and its history go at once"
    everything_is_there_once(tracked)
    runs = tracked.runs()
    candidate = next(run for run in runs if run.info.run_name == "P-0007 candidate seed 1")
    history = tracked.client.get_metric_history(candidate.info.run_id, "accuracy")
    assert [point.step for point in history] == [*range(500), 499]
    assert math.isnan(history[0].value)
    assert candidate.data.metrics["accuracy"] == pytest.approx(0.924), "the metric that counts has the last word"
    names = {item.path for folder in ("", ".hydra") for item in tracked.client.list_artifacts(candidate.info.run_id, folder or None)}
    assert names == {".hydra", ".hydra/config.yaml", "curve.png", "logs", "mltui"}
    parent = next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert parent.data.metrics["compare/bbbbbbbb/accuracy/p_adjusted"] == pytest.approx(
        parent.data.metrics["compare/bbbbbbbb/accuracy/p_value"]
    )
    report = httpx.get(f"{address}/get-artifact", params={"path": "mltui/report.md", "run_uuid": parent.info.run_id})
    assert report.text.startswith("# P-0007 Raise the learning rate")


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "after"), [(403, 0), (500, 9), ("lost", 4), ("hang", 16)])
def test_what_a_server_refuses_or_never_answers_is_sent_later_once(project: tuple[Tracked, FaultyProxy], fault: int | str, after: int):
    tracked, proxy = project
    proxy.fail(fault, after)
    with pytest.raises(ExperimentError, match="MLflow at http") as failure:
        tracked.sync()
    assert "Nothing is lost" in str(failure.value)
    (left,) = backlogs(tracked.root, tracked.config.tracking)
    assert (left.experiments, left.runs, left.failures) == (("P-0007",), 4, 1)
    assert "1 experiment (4 runs) waits since" in left.line()
    assert "the next by itself in" in left.line()
    if fault == "lost":
        assert proxy.seen.count("/api/2.0/mlflow/runs/create") == 1, "a run was made that nobody knows of"
    proxy.mend()
    assert catch_up(tracked.root, tracked.config.tracking) == [], "it failed just now"
    assert tracked.sync().sent == ("P-0007",)
    everything_is_there_once(tracked)


@pytest.mark.slow
def test_a_synchronisation_that_is_killed_is_caught_up_with(project: tuple[Tracked, FaultyProxy]):
    tracked, proxy = project
    proxy.fail("hang", 14)
    (process,) = catch_up(tracked.root, tracked.config.tracking)
    assert proxy.hung.wait(60)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    proxy.mend()
    (process,) = catch_up(tracked.root, tracked.config.tracking)
    os.waitpid(process, 0)
    everything_is_there_once(tracked)
