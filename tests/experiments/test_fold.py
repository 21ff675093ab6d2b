"""Only legal histories become experiments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mltui.core.errors import JournalError, ProposalError
from mltui.core.experiment import Approval, Arm, Budget, Comparison, Conclusion, Metric, Proposal, Run
from mltui.experiments.fold import BEFORE, advance
from mltui.experiments.journal import Journal, plain
from mltui.experiments.ledger import Ledger
from mltui.experiments.records import (
    AnyEntry,
    ExperimentAccepted,
    ExperimentCompared,
    ExperimentConcluded,
    ExperimentDiscarded,
    ExperimentFailed,
    ExperimentStopped,
    JobStarted,
    ProposalCreated,
    ProposalDecided,
    RunFinished,
    RunStarted,
)

METRIC = Metric(name="accuracy")


def proposal(proposal_id: str = "P-0001") -> Proposal:
    return Proposal(
        id=proposal_id, title="t", kind="hparam", hypothesis="h", methodology="", metric=METRIC, base_commit="b", base_tree="bt",
        commit="c", tree="ct", patch="", command="python train.py", seeds=(0, 1), budget=Budget(), author="model", created=0.0, hash="abc",
    )  # fmt: skip


def comparison() -> Comparison:
    return Comparison(
        metric=METRIC, test="t", n=2, baseline_mean=0, candidate_mean=0, baseline_std=0, candidate_std=0, diff=0, ci_low=0, ci_high=0,
        ci_method="t", p_value=1, effect_size=None, effect_name="d", verdict="inconclusive", summary="",
    )  # fmt: skip


def decided(answer: str, proposal_id: str = "P-0001", of: str = "abc") -> ProposalDecided:
    return ProposalDecided(
        approval=Approval.model_validate({"proposal_id": proposal_id, "proposal_hash": of, "answer": answer, "by": "ann", "at": 0.0})
    )


def finished(arm: Arm, seed: int, proposal_id: str = "P-0001") -> RunFinished:
    run = Run(arm=arm, seed=seed, status="finished", started=0, ended=1)
    return RunFinished(proposal_id=proposal_id, run=run, key="k", done=1, total=4)


def entries(name: str) -> st.SearchStrategy[AnyEntry]:
    return st.one_of(
        st.sampled_from(["approve", "reject", "hold"]).map(lambda answer: decided(answer, name)),
        st.just(JobStarted(proposal_id=name, job="j", runs=4)),
        st.just(RunStarted(proposal_id=name, arm="baseline", seed=0, done=0, total=4)),
        st.builds(finished, st.sampled_from(["baseline", "candidate"]), st.integers(0, 2), st.just(name)),
        st.just(ExperimentCompared(proposal_id=name, comparison=comparison())),
        st.just(ExperimentFailed(proposal_id=name, message="m")),
        st.just(ExperimentStopped(proposal_id=name, message="m")),
        st.just(ExperimentConcluded(proposal_id=name, conclusion=Conclusion(interpretation="i", recommendation="accept", by="m", at=0.0))),
        st.just(ExperimentAccepted(proposal_id=name, by="ann")),
        st.just(ExperimentDiscarded(proposal_id=name, by="ann")),
    )


class Histories(RuleBasedStateMachine):
    """Any order of attempts, refused or not, leaves a journal whose fold is legal and the same for every reader."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.ledger = Ledger(Path(self.folder.name))
        self.count = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule()
    def propose(self) -> None:
        self.count += 1
        self.ledger.record(ProposalCreated(proposal=proposal(f"P-{self.count:04d}")), "model")

    @rule(data=st.data(), number=st.integers(1, 3))
    def attempt(self, data: st.DataObject, number: int) -> None:
        name = f"P-{number:04d}"
        entry = data.draw(entries(name))
        before = self.ledger.refresh().get(name)
        try:
            after = self.ledger.record(entry, "ann")
        except ProposalError:
            assert self.ledger.refresh().get(name) == before
        else:
            assert before is not None and after is not None
            assert before.state in BEFORE[entry.type]

    @invariant()
    def legal(self) -> None:
        experiments = self.ledger.refresh()
        assert Ledger(Path(self.folder.name)).refresh() == experiments
        for experiment in experiments.values():
            decided_states = {"approved", "running", "failed", "stopped", "compared", "interpreted", "accepted", "discarded"}
            if experiment.state in decided_states:
                assert experiment.approval is not None and experiment.approval.answer == "approve"
            if experiment.runs:
                assert experiment.state not in ("proposed", "held", "rejected", "approved")
            if experiment.state in ("compared", "interpreted", "accepted"):
                assert experiment.comparison is not None
            assert (experiment.state in ("accepted", "discarded")) == (experiment.decided_by is not None)
            assert len({(run.arm, run.seed) for run in experiment.runs}) == len(experiment.runs)


Histories.TestCase.settings = settings(max_examples=15, stateful_step_count=14, deadline=None)
TestHistories = Histories.TestCase


def test_a_decision_about_another_version_does_not_count() -> None:
    experiment = advance(None, ProposalCreated(proposal=proposal()))
    with pytest.raises(ProposalError, match="another version"):
        advance(experiment, decided("approve", of="other"))


def test_an_impossible_history_is_named(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.jsonl").append("experiment.accepted", "mallory", {"proposal_id": "P-0001", "by": "mallory"})
    with pytest.raises(JournalError, match=r"record 1 \(experiment.accepted\) makes no sense: there is no experiment P-0001"):
        Ledger(tmp_path).refresh()


def test_records_of_later_versions_are_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("proposal.created", "model", plain(ProposalCreated(proposal=proposal())))
    journal.append("promotion.made", "ann", {"proposal_id": "P-0001"})
    assert Ledger(tmp_path).refresh()["P-0001"].state == "proposed"


def test_opening_the_service_loads_nothing_heavy() -> None:
    heavy = ("git", "ruamel.yaml", "tomlkit", "psutil", "scipy", "mlflow", "filelock")
    code = f"import sys, mltui.experiments.service; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
