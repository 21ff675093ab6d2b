"""A project whose experiments could be promoted: real git trees, models on disk, a journal written through the ledger. Not a test."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mltui.config.schema import Config, Promotion, Tracking
from mltui.config.schema import Experiments as Section
from mltui.core.experiment import (
    Approval,
    Arm,
    Budget,
    Conclusion,
    ControlledChange,
    DataVersion,
    ExperimentKind,
    Guardrail,
    Metric,
    Proposal,
    Run,
)
from mltui.experiments.comparison import compare
from mltui.experiments.datasets import Digests, versions
from mltui.experiments.git_tree import GitTree
from mltui.experiments.ledger import Ledger
from mltui.experiments.promotion_plan import Who
from mltui.experiments.proposals import proposal_hash
from mltui.experiments.records import (
    ExperimentAccepted,
    ExperimentCompared,
    ExperimentConcluded,
    JobStarted,
    ProposalCreated,
    ProposalDecided,
    RunFinished,
)
from mltui.experiments.service import Experiments
from mltui.experiments.tracking.place import tracking_uri

BEGUN = 1_750_000_000.0
EVALUATE = "python evaluate.py --predictions {run}/predictions.csv --out {out}"
PROMPT = "prompts/production.md"
ANN = Who("ann")
SETTINGS = Section(
    entrypoints=("python train.py --seed {seed}",),
    training=("train.py",),
    configs=("conf/**",),
    prompts=("prompts/**",),
    data=("data/**",),
    evaluation=("evaluate.py",),
    evaluate=EVALUATE,
    primary=Metric(name="accuracy", min_effect=0.005),
    guardrails=(Guardrail(name="latency_ms", margin="5%"), Guardrail(name="cost", margin="5%")),
    seeds=(0, 1, 2, 3, 4, 5),
)
PROMOTION = Promotion(artifact="model.bin", quality="accuracy", latency="latency_ms", cost="cost")
FILES = {
    "train.py": "lr = 0.1\nprint(lr)\n",
    "evaluate.py": "print('accuracy')\n",
    "conf/optim.yaml": "lr: 0.1\n",
    "data/test.csv": "1,0\n2,1\n",
    PROMPT: "Answer briefly.\n",
    "README.md": "A project.\n",
    ".gitignore": ".mltui/\n",
}


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


@dataclass
class Effects:
    """What the candidate does to each metric, beside the spread over the seeds."""

    accuracy: float = 0.02
    latency_ms: float = 0.0
    cost: float = 0.0


@dataclass
class Promotable:
    root: Path
    config: Config
    effects: Effects = field(default_factory=Effects)

    @classmethod
    def make(cls, root: Path, *, tracking: Tracking | None = None, promotion: Promotion = PROMOTION) -> Promotable:
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        git(root, "init", "-q", "-b", "main")
        git(root, "config", "user.name", "Ann")
        git(root, "config", "user.email", "ann@example.org")
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", "Start")
        return cls(root, Config(experiments=SETTINGS, promotion=promotion, tracking=tracking or Tracking()))

    @property
    def experiments(self) -> Experiments:
        """As another process would see it."""
        return Experiments(self.root, self.config)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.root / ".mltui")

    @property
    def journal(self) -> list[Any]:
        from mltui.experiments.journal import Journal

        return list(Journal(self.root / ".mltui" / "journal.jsonl").read())

    def set(self, **sections: Any) -> None:
        """Changes fields of configuration sections: `set(promotion={"cost": ""})`."""
        changed = {name: getattr(self.config, name).model_copy(update=fields) for name, fields in sections.items()}
        self.config = self.config.model_copy(update=changed)

    def proposal(self, number: int, changes: dict[str, str], kind: ExperimentKind = "hparam", **fields: Any) -> Proposal:
        tree = GitTree(self.root, self.root / ".mltui")
        base = tree.snapshot().tree
        after = tree.apply(base, {path: text.encode() for path, text in changes.items()})
        base_commit = tree.commit(base, tree.head(), "base", f"base/P-{number:04d}")
        kinds: dict[str, ExperimentKind] = {"evaluate.py": "eval", "prompts": "prompt"}
        made = Proposal(
            id=f"P-{number:04d}",
            title="Raise the learning rate",
            kind=kind,
            hypothesis="Training stops before it has converged.",
            methodology="Six seeds an arm, the same seeds.",
            metric=Metric(name="accuracy", min_effect=0.005),
            guardrails=SETTINGS.guardrails,
            files=tuple(
                ControlledChange(path=path, kind=kinds.get(path, kinds.get(path.partition("/")[0], "hparam")), reason="declared")
                for path in changes
            ),
            base_commit=base_commit,
            base_tree=base,
            commit=tree.commit(after, base_commit, "candidate", f"proposals/P-{number:04d}"),
            tree=after,
            patch=tree.diff(base, after),
            command="python train.py --seed {seed}",
            seeds=(0, 1, 2, 3, 4, 5),
            budget=Budget(),
            data=versions(self.root, ("data/test.csv",), Digests(None)),
            evaluate=EVALUATE,
            author="model:m",
            created=BEGUN,
            hash="",
        )
        made = made.model_copy(update=fields)
        return made if "hash" in fields else made.model_copy(update={"hash": proposal_hash(made)})

    def run(self, plan: Proposal, arm: Arm, seed: int, *, reused: bool = False) -> Run:
        gain = self.effects if arm == "candidate" else Effects(0, 0, 0)
        folder = self.root / ".mltui" / "runs" / f"{plan.id}-{arm}-{seed}"
        model: dict[str, str] = {}
        if arm == plan.arms[-1]:
            (folder / "model").mkdir(parents=True, exist_ok=True)
            data = f"weights of {plan.id} seed {seed}".encode()
            (folder / "model" / "model.bin").write_bytes(data)
            model = {
                "path": str((folder / "model" / "model.bin").relative_to(self.root)),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        return Run(
            arm=arm,
            seed=seed,
            status="finished",
            metrics={
                "accuracy": 0.9 + seed * 0.003 + (gain.accuracy + seed * 0.001 if gain.accuracy else 0.0),
                "latency_ms": 10.0 + seed * 0.1 + gain.latency_ms,
                "cost": 5.0 + seed * 0.01 + gain.cost,
            },
            model=model,
            started=BEGUN + 100 + seed,
            ended=BEGUN + 105 + seed,
            folder=str(folder),
            reused=reused,
        )

    def compared(self, plan: Proposal, *, reused: bool = False) -> str:
        """Journals everything up to the comparison."""
        ledger = self.ledger
        ledger.record(ProposalCreated(proposal=plan), "model:m")
        approval = Approval(proposal_id=plan.id, proposal_hash=plan.hash, answer="approve", by="ann", at=BEGUN + 60)
        ledger.record(ProposalDecided(approval=approval), "ann")
        total = plan.planned_runs
        ledger.record(JobStarted(proposal_id=plan.id, job="job-1", runs=total), "ann")
        runs = [self.run(plan, arm, seed, reused=reused and arm == "candidate") for seed in plan.seeds for arm in plan.arms]
        for done, run in enumerate(runs, start=1):
            key = f"{plan.base_tree if run.arm == 'baseline' else plan.tree}-{run.seed}"
            ledger.record(RunFinished(proposal_id=plan.id, run=run, key=key, done=done, total=total), "mltui")
        comparison, guardrails = compare(plan, runs)
        ledger.record(ExperimentCompared(proposal_id=plan.id, comparison=comparison, guardrails=guardrails), "mltui")
        return plan.id

    def conclude(self, id_: str, recommendation: str = "accept") -> None:
        conclusion = Conclusion.model_validate(
            {"interpretation": "It converges now.", "recommendation": recommendation, "by": "model:m", "at": BEGUN + 300}
        )
        self.ledger.record(ExperimentConcluded(proposal_id=id_, conclusion=conclusion), "model:m")

    def accept(self, id_: str, changes: dict[str, str], by: str = "ann") -> None:
        self.ledger.record(ExperimentAccepted(proposal_id=id_, by=by), by)
        for path, text in changes.items():
            (self.root / path).write_text(text)

    def accepted(self, number: int, changes: dict[str, str] | None = None, **fields: Any) -> str:
        """An experiment that everything speaks for. Its change is the working tree."""
        changes = changes or {"conf/optim.yaml": f"lr: 0.{number}5\n"}
        id_ = self.compared(self.proposal(number, changes, **fields))
        self.conclude(id_)
        self.accept(id_, changes)
        return id_

    def client(self) -> Any:
        from mlflow import MlflowClient

        uri = tracking_uri(self.root, self.config.tracking)
        return MlflowClient(tracking_uri=uri, registry_uri=uri)

    def aliases(self, name: str = "digits") -> dict[str, str]:
        found = self.client().get_registered_model(name)
        return {alias: str(version) for alias, version in found.aliases.items()}


def changed_data() -> tuple[DataVersion, ...]:
    return (DataVersion(name="data/test.csv", digest="0" * 64, size=8),)
