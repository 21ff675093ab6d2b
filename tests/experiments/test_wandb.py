"""Experiments in W&B: written by W&B's own client offline, read back by W&B's own upload to a server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.experiments.tracked_project import BEGUN, Tracked, proposal
from tests.servers.wandb_server import WandbServer, wandb_server

from mltui.config.schema import Config, Tracking
from mltui.core.errors import ExperimentError
from mltui.core.experiment import Conclusion
from mltui.experiments.records import ExperimentAccepted, ExperimentConcluded, ProposalCreated
from mltui.experiments.tracking.backlog import backlogs
from mltui.experiments.tracking.sinks import MLFLOW, WANDB
from mltui.experiments.tracking.sync import run_sync

KEY = "k" * 40


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    for name in ("WANDB_MODE", "WANDB_PROJECT", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    with wandb_server() as found:
        monkeypatch.setenv("WANDB_BASE_URL", found.address)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield found


def offline_runs(root: Path) -> list[str]:
    return sorted(path.name.split("-", 3)[3] for path in (root / ".mltui" / "wandb").glob("offline-run-*"))


@pytest.mark.slow
def test_offline_then_online_everything_is_there_once(tmp_path: Path, server: WandbServer):
    project = Tracked(tmp_path / "digits", Config())
    plan = proposal().model_copy(update={"seeds": (1,)})
    project.run_experiment(plan)
    left = project.root / ".mltui" / "runs" / "P-0007-candidate-1"
    (left / "metrics.jsonl").write_text("".join(f'{{"step": {step}, "loss": {1 / (step + 1)}}}\n' for step in range(50)))
    project.write(ProposalCreated(proposal=proposal(8)))  # nothing has run: W&B would have nothing to show

    offline = Tracking(enabled=False, wandb="offline")
    assert run_sync(project.root, offline, WANDB).sent == ("P-0007",)
    names = offline_runs(project.root)
    assert [name.rsplit("-", 1)[0] for name in names] == [f"p-0007-{arm}-1" for arm in ("baseline", "candidate")]
    assert server.runs == {}

    online = Tracking(enabled=False, wandb="online", wandb_project="vision", wandb_entity="ada")
    assert run_sync(project.root, online, WANDB).sent == ("P-0007",)
    assert sorted(server.runs) == names == offline_runs(project.root)
    run = server.runs[next(name for name in names if name.startswith("p-0007-candidate-1"))]
    assert [round(1 / row["loss"]) for row in run.history] == [*range(1, 51)]
    assert [row["_step"] for row in run.history] == [*range(50)]
    bucket = run.bucket
    assert (bucket["groupName"], bucket["jobType"]) == ("P-0007 Raise the learning rate", "candidate")
    assert bucket["notes"].startswith("Training stops before it has converged.")
    assert set(bucket["tags"]) == {"hparam", "compared", "inconclusive"}
    assert (run.config["lr"], run.config["seed"], run.config["mltui"]["commit"]) == (0.5, 1, "c" * 40)
    assert run.summary["accuracy"] == pytest.approx(0.924)
    assert run.summary["compare/bbbbbbbb/accuracy/diff"] == pytest.approx(0.021)
    assert run.summary["compare/verdict"] == "inconclusive"
    assert {"mltui/diff.patch", "mltui/report.md", "logs/stdout.log"} <= {name.partition("/")[2] for name in server.uploads}

    conclusion = Conclusion(interpretation="Too few seeds.", recommendation="inconclusive", by="claude", at=BEGUN + 300)
    project.write(ExperimentConcluded(proposal_id=plan.id, conclusion=conclusion))
    project.write(ExperimentAccepted(proposal_id=plan.id, by="ada"))
    server.status = 403
    with pytest.raises(ExperimentError, match="W&B did not take"):
        run_sync(project.root, online, WANDB)
    assert next(backlogs(project.root, online)).experiments == ("P-0007",)
    server.status = 200
    assert run_sync(project.root, online, WANDB).sent == ("P-0007",)
    assert sorted(server.runs) == names == offline_runs(project.root)
    assert len(run.history) == 50
    assert "accepted" in run.bucket["tags"]
    assert not next(backlogs(project.root, online)).experiments


@pytest.mark.slow
def test_without_a_key_one_line_says_what_to_do(tmp_path: Path, server: WandbServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WANDB_API_KEY")
    project = Tracked(tmp_path / "digits", Config())
    project.run_experiment(proposal().model_copy(update={"seeds": (1,)}))
    online = Tracking(enabled=False, wandb="online")
    with pytest.raises(ExperimentError, match=r"W&B has no key.*wandb login"):
        run_sync(project.root, online, WANDB)
    assert len(offline_runs(project.root)) == 2
    assert server.runs == {}


def test_without_the_package_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = Tracked(tmp_path / "digits", Config())
    project.run_experiment(proposal().model_copy(update={"seeds": (1,)}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "wandb.py").write_text("raise ImportError('No module named wandb')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    with pytest.raises(ExperimentError, match=r"W&B cannot be loaded.*pip install 'mltui\[wandb\]'"):
        run_sync(project.root, Tracking(wandb="offline"), WANDB)
    assert run_sync(project.root, Tracking(enabled=False), MLFLOW).sent == ()
