"""The journal in MLflow, through a real store: everything once, whatever happened on the way."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.tracked_project import BEGUN, Tracked, proposal

from mltui.config.schema import Config, Tracking
from mltui.core.errors import ConfigError, ExperimentError
from mltui.core.experiment import Approval, Conclusion
from mltui.experiments.journal import Journal
from mltui.experiments.records import ExperimentAccepted, ExperimentConcluded, ProposalCreated, ProposalDecided
from mltui.experiments.tracking.history import histories
from mltui.experiments.tracking.mapping import compared
from mltui.experiments.tracking.sync import run_sync, start_sync


@pytest.fixture
def tracked(tmp_path: Path, mlflow_schema: Path) -> Tracked:
    root = tmp_path / "digits"
    (root / ".mltui").mkdir(parents=True)
    shutil.copy(mlflow_schema, root / ".mltui" / "mlflow.db")
    return Tracked(root, Config())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, mlflow_schema: Path) -> Tracked:
    """Two experiments, the second with the first one's baseline, synchronised once."""
    root = tmp_path_factory.mktemp("finished") / "digits"
    (root / ".mltui").mkdir(parents=True)
    shutil.copy(mlflow_schema, root / ".mltui" / "mlflow.db")
    project = Tracked(root, Config())
    project.run_experiment(proposal(7))
    project.run_experiment(proposal(8), reused=True)
    result = project.sync()
    assert result.sent == ("P-0007", "P-0008")
    return project


def of_parent(runs: list[Any], parent: Any) -> list[Any]:
    return [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]


@pytest.mark.slow
def test_a_colleague_finds_the_proposal(finished: Tracked):
    runs = finished.runs()
    parent = next(run for run in runs if run.info.run_name == "P-0007 Raise the learning rate")
    assert parent.info.status == "FINISHED"
    tags = parent.data.tags
    assert "Training stops before it has converged." in tags["mlflow.note.content"]
    assert (tags["mltui.proposal_id"], tags["mltui.kind"], tags["mltui.state"]) == ("P-0007", "hparam", "compared")
    assert (tags["mltui.approved_by"], tags["mltui.verdict"]) == ("ada", "better")
    assert len(tags["mltui.journal_head"]) == 64
    metrics = parent.data.metrics
    assert metrics["compare/bbbbbbbb/accuracy/diff"] == pytest.approx(0.0225)
    assert metrics["compare/bbbbbbbb/accuracy/p_value"] == 0.03125
    assert metrics["compare/bbbbbbbb/accuracy/n_paired"] == 6
    assert {"ci_low", "ci_high", "effect_size"} <= {name.rsplit("/")[-1] for name in metrics}
    assert metrics["compare/bbbbbbbb/latency ms/diff"] == 0
    note = finished.client.get_experiment_by_name("digits").tags["mlflow.note.content"]
    assert note.startswith("maximize accuracy, by at least 0.005")


def test_the_corrected_p_says_for_how_many_comparisons(tracked: Tracked):
    for number in (7, 8):
        tracked.run_experiment(proposal(number))
    found, _ = histories(tracked.root / ".mltui" / "journal.jsonl")
    for logged in map(compared, found):
        assert [logged[f"compare/bbbbbbbb/accuracy/{name}"] for name in ("p_adjusted", "family_size")] == [0.0625, 2]


@pytest.mark.slow
def test_each_seed_of_each_arm_is_a_child_with_commit_data_and_log(finished: Tracked):
    runs = finished.runs()
    parent = next(run for run in runs if run.data.tags.get("mltui.proposal_id") == "P-0007" and "mlflow.parentRunId" not in run.data.tags)
    children = of_parent(runs, parent)
    assert sorted((run.data.params["arm"], run.data.params["seed"]) for run in children) == [
        (arm, str(seed)) for arm in ("baseline", "candidate") for seed in range(6)
    ]
    child = next(run for run in children if run.data.params == {"arm": "candidate", "seed": "3", "lr": "0.5"})
    assert child.info.status == "FINISHED"
    assert (child.info.start_time, child.info.end_time) == ((BEGUN + 103) * 1000, (BEGUN + 108) * 1000)
    assert child.data.tags["mlflow.source.git.commit"] == "c" * 40
    assert set(child.data.metrics) == {"accuracy", "latency ms", "weird_name_"}
    data = {one.dataset.name: (one.dataset.digest, one.tags[0].value) for one in child.inputs.dataset_inputs}
    assert data == {"data/train.csv": ("d" * 36, "training"), "data/test.csv": ("e" * 36, "test")}
    assert Path(finished.client.download_artifacts(child.info.run_id, "logs/stdout.log")).read_text() == "seed 3\nepoch 1\n"
    baseline = next(run for run in children if run.data.params["arm"] == "baseline")
    assert baseline.data.params["lr"] == "0.1"
    assert baseline.data.tags["mlflow.source.git.commit"] == "b" * 40


@pytest.mark.slow
def test_artifacts_of_the_proposal_lie_in_the_project(finished: Tracked):
    parent = next(run for run in finished.runs() if "mltui.journal_seq" in run.data.tags)
    names = {item.path for item in finished.client.list_artifacts(parent.info.run_id, "mltui")}
    assert names == {f"mltui/{name}" for name in ("proposal.md", "diff.patch", "report.md", "comparison.json", "guardrails.json")}
    assert parent.info.artifact_uri.startswith((finished.root / ".mltui" / "mlartifacts").as_uri())
    assert not (Path.cwd() / "mlruns").exists()


@pytest.mark.slow
def test_a_reused_baseline_names_the_run_that_was_made(finished: Tracked):
    runs = finished.runs()
    made = next(run for run in runs if run.info.run_name == "P-0007 baseline seed 2")
    reused = next(run for run in runs if run.info.run_name == "P-0008 baseline seed 2")
    assert reused.data.tags["mltui.reused_from"] == made.data.tags["mltui.event_id"]
    assert reused.data.tags["mltui.reused_from_proposal"] == "P-0007"
    assert "mltui.reused_from" not in made.data.tags


@pytest.mark.slow
def test_twice_is_once_also_when_progress_was_lost(finished: Tracked):
    before = finished.state()
    assert len(finished.runs()) == 26
    assert finished.sync().sent == ()
    (finished.root / ".mltui" / "tracking.json").unlink()
    assert finished.sync().sent == ("P-0007", "P-0008")
    assert finished.state() == before


@pytest.mark.slow
def test_what_a_crash_left_is_adopted(tracked: Tracked):
    tracked.run_experiment(proposal())
    (history,), _ = histories(tracked.root / ".mltui" / "journal.jsonl")
    client = tracked.client
    experiment = client.create_experiment("digits", artifact_location=(tracked.root / ".mltui" / "mlartifacts").as_uri())
    parent = client.create_run(experiment, tags={"mltui.event_id": history.event_id}, run_name="half")
    tags = {"mltui.event_id": history.runs[4].event_id, "mlflow.parentRunId": parent.info.run_id}
    client.log_metric(
        client.create_run(experiment, tags=tags).info.run_id, "accuracy", 0.5, timestamp=int(history.runs[4].run.ended * 1000)
    )
    tracked.sync()
    runs = tracked.runs()
    assert len(runs) == 13
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len({run.data.tags["mltui.event_id"] for run in runs}) == 13
    assert client.get_run(parent.info.run_id).data.tags["mltui.journal_seq"] == str(history.seq)


@pytest.mark.slow
def test_a_later_decision_updates_the_same_run(tracked: Tracked):
    plan = proposal()
    tracked.write(ProposalCreated(proposal=plan))
    tracked.sync()
    assert [run.info.status for run in tracked.runs()] == ["SCHEDULED"]
    approval = Approval(proposal_id=plan.id, proposal_hash=plan.hash, answer="reject", by="grace", at=BEGUN + 60, reason="too bold")
    tracked.write(ProposalDecided(approval=approval))
    assert tracked.sync().sent == ("P-0007",)
    (run,) = tracked.runs()
    assert (run.info.status, run.data.tags["mltui.state"], run.data.tags["mltui.reason"]) == ("KILLED", "rejected", "too bold")


@pytest.mark.slow
def test_conclusion_and_acceptance_become_tags(tracked: Tracked):
    tracked.run_experiment(proposal())
    tracked.sync()
    conclusion = Conclusion(interpretation="It converges now.", recommendation="accept", by="claude", at=BEGUN + 300)
    tracked.write(ExperimentConcluded(proposal_id="P-0007", conclusion=conclusion))
    tracked.write(ExperimentAccepted(proposal_id="P-0007", by="ada"))
    before = tracked.state()
    tracked.sync()
    assert tracked.state() == before
    tags = next(run for run in tracked.runs() if "mltui.journal_seq" in run.data.tags).data.tags
    assert (tags["mltui.state"], tags["mltui.accepted_by"], tags["mltui.recommendation"]) == ("accepted", "ada", "accept")
    assert tags["mltui.interpretation"] == "It converges now."


@pytest.mark.slow
def test_what_a_person_deleted_stays_deleted(tracked: Tracked):
    tracked.write(ProposalCreated(proposal=proposal()))
    tracked.sync()
    tracked.client.delete_run(tracked.runs()[0].info.run_id)
    (tracked.root / ".mltui" / "tracking.json").unlink()
    tracked.sync()
    assert tracked.runs() == []
    tracked.client.delete_experiment(tracked.client.get_experiment_by_name("digits").experiment_id)
    (tracked.root / ".mltui" / "tracking.json").unlink()
    with pytest.raises(ConfigError, match=r"was deleted.*mlflow experiments restore"):
        tracked.sync()


def set_schema(database: Path, version: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()


@pytest.mark.slow
def test_another_schema_is_not_migrated(tracked: Tracked):
    database = tracked.root / ".mltui" / "mlflow.db"
    set_schema(database, "0a8213491aaa")
    tracked.write(ProposalCreated(proposal=proposal()))
    before = database.read_bytes()
    with pytest.raises(ConfigError, match=r"schema 0a8213491aaa of another MLflow version.*mlflow db upgrade"):
        tracked.sync()
    assert database.read_bytes() == before


@pytest.mark.slow
def test_what_is_no_mlflow_database_is_left_alone(tracked: Tracked):
    tracked.write(ProposalCreated(proposal=proposal()))
    with sqlite3.connect(tracked.root / "other.db") as connection:
        connection.execute("CREATE TABLE trials (id INTEGER)")
    connection.close()
    with pytest.raises(ConfigError, match="is not a database of MLflow"):
        tracked.sync(uri="sqlite:///other.db")
    (tracked.root / "notes.db").write_text("not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(ConfigError, match=r"cannot be opened as a tracking database: .*not a database"):
        tracked.sync(uri="sqlite:///notes.db")


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.slow
def test_a_server_that_is_down_is_said_once_and_caught_up_with(tracked: Tracked):
    tracked.write(ProposalCreated(proposal=proposal()))
    uri = f"http://ada:secret@127.0.0.1:{closed_port()}"
    for _ in range(2):
        with pytest.raises(ExperimentError, match="does not answer") as failure:
            tracked.sync(uri=uri)
        assert "secret" not in str(failure.value)
    records = Journal(tracked.root / ".mltui" / "journal.jsonl").read()
    assert [record.type for record in records] == ["proposal.created", "sync.failed"]
    assert tracked.sync().sent == ("P-0007",)
    assert len(tracked.runs()) == 1


@pytest.mark.slow
def test_two_detached_processes_at_once_send_everything_once(tracked: Tracked):
    (tracked.root / ".mltui" / "mlflow.db").unlink()
    tracked.run_experiment(proposal())
    processes = [start_sync(tracked.root, tracked.config.tracking) for _ in range(2)]
    result = run_sync(tracked.root, tracked.config.tracking)
    assert (result.experiment_id, list(result.runs)) == ("1", ["P-0007"])
    for (process,) in processes:
        os.waitpid(process, 0)
    assert len(tracked.runs()) == 13


def test_nothing_to_send_loads_nothing(tmp_path: Path):
    script = f"""
import sys
from pathlib import Path
from mltui.config.schema import Config, Tracking
from mltui.experiments.tracking.sync import sync_project
root = Path({str(tmp_path)!r})
assert sync_project(root, Config()).sent == ()
assert sync_project(root, Config(tracking=Tracking(enabled=False))).experiment_id == ""
assert not {{"mlflow", "numpy", "scipy", "litellm"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    assert start_sync(tmp_path, Tracking(enabled=False)) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_mlflow_is_loaded_without_pandas_which_others_may_still_load():
    script = """
import sys
from mltui.experiments.tracking.sync import preload
preload()
assert "mlflow" in sys.modules and "pandas" not in sys.modules
import pandas
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path):
    (tmp_path / ".mltui").mkdir()
    (tmp_path / ".mltui" / "journal.jsonl").write_text("not a journal\n")
    command = [sys.executable, "-m", "mltui.experiments.tracking.sync", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "record 1" in done.stderr
    with pytest.raises(ExperimentError, match="record 1"):
        run_sync(tmp_path, Tracking())
