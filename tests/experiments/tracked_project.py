"""A project with a journal, and MLflow as it stands. Not a test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mltui.config.schema import Config, Tracking
from mltui.core.experiment import (
    Approval,
    Arm,
    Budget,
    ControlledChange,
    DataVersion,
    Guardrail,
    Metric,
    ParameterChange,
    Proposal,
    Run,
)
from mltui.experiments.comparison import compare
from mltui.experiments.journal import Journal, plain
from mltui.experiments.records import AnyEntry, ExperimentCompared, JobStarted, ProposalCreated, ProposalDecided, RunFinished
from mltui.experiments.tracking.place import tracking_uri
from mltui.experiments.tracking.sync import sync_project

BEGUN = 1_750_000_000.0


def proposal(number: int = 7) -> Proposal:
    return Proposal(
        id=f"P-{number:04d}",
        title="Raise the learning rate",
        kind="hparam",
        hypothesis="Training stops before it has converged.",
        methodology="Six seeds an arm, the same seeds.",
        metric=Metric(name="accuracy", min_effect=0.005),
        guardrails=(Guardrail(name="latency ms", margin="5%"),),
        files=(ControlledChange(path="conf/optim.yaml", kind="hparam", reason="conf/** is under experiment"),),
        parameters=(ParameterChange(name="lr", key="conf/optim.yaml:lr", before=0.1, after=0.5),),
        base_commit="b" * 40,
        base_tree="1" * 40,
        commit="c" * 40,
        tree="2" * 40,
        patch="--- a/conf/optim.yaml\n+++ b/conf/optim.yaml\n-lr: 0.1\n+lr: 0.5\n",
        command="python train.py --seed {seed}",
        seeds=(0, 1, 2, 3, 4, 5),
        budget=Budget(),
        data=(DataVersion(name="data/train.csv", digest="d" * 64, size=1234), DataVersion(name="data/test.csv", digest="e" * 64, size=99)),
        author="claude",
        created=BEGUN,
        hash="f" * 64,
    )


@dataclass
class Tracked:
    """A project with a journal, and MLflow as it stands."""

    root: Path
    config: Config

    def write(self, entry: AnyEntry) -> None:
        Journal(self.root / ".mltui" / "journal.jsonl").append(entry.type, "test", plain(entry))

    def run_experiment(self, plan: Proposal, reused: bool = False) -> None:
        """Journals everything up to the comparison; one candidate run of a seed that is not planned fails."""
        self.write(ProposalCreated(proposal=plan))
        approval = Approval(proposal_id=plan.id, proposal_hash=plan.hash, answer="approve", by="ada", at=BEGUN + 60, reason="go")
        self.write(ProposalDecided(approval=approval))
        self.write(JobStarted(proposal_id=plan.id, job="job-1", runs=12))
        runs = [self._run(plan, arm, seed, reused and arm == "baseline") for seed in plan.seeds for arm in ("baseline", "candidate")]
        for done, run in enumerate(runs, start=1):
            key = f"{plan.base_tree if run.arm == 'baseline' else plan.tree}-{run.seed}"
            self.write(RunFinished(proposal_id=plan.id, run=run, key=key, done=done, total=12))
        comparison, guardrails = compare(plan, runs)
        self.write(ExperimentCompared(proposal_id=plan.id, comparison=comparison, guardrails=guardrails))

    def _run(self, plan: Proposal, arm: Arm, seed: int, reused: bool) -> Run:
        folder = self.root / ".mltui" / "runs" / f"{plan.id}-{arm}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "stdout.log").write_text(f"seed {seed}\nepoch 1\n")
        gain = 0.0 if arm == "baseline" else 0.02 + seed * 0.001
        metrics = {"accuracy": 0.9 + seed * 0.003 + gain, "latency ms": 10.0 + seed, "weird[name]": 1.0}
        begun = BEGUN + 100 + seed
        return Run(
            arm=arm, seed=seed, status="finished", metrics=metrics, started=begun, ended=begun + 5, folder=str(folder), reused=reused
        )

    def sync(self, **tracking: Any) -> Any:
        return sync_project(self.root, self.config.model_copy(update={"tracking": Tracking(**tracking)}) if tracking else self.config)

    @property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=tracking_uri(self.root, self.config.tracking))

    def runs(self) -> list[Any]:
        experiment = self.client.get_experiment_by_name(self.root.name)
        return list(self.client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"]))

    def state(self) -> list[tuple[Any, ...]]:
        """All that must not change when a synchronisation is repeated."""
        points = [
            (run.info.run_id, name, len(self.client.get_metric_history(run.info.run_id, name)))
            for run in self.runs()
            for name in run.data.metrics
        ]
        inputs = [(run.info.run_id, len(run.inputs.dataset_inputs)) for run in self.runs()]
        return sorted(points) + sorted(inputs)
