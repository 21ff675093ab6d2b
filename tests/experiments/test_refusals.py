"""Plans that nobody is asked about, each with what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.experiments.conftest import TRAIN, Project

from mltui.core.errors import ProposalError
from mltui.core.experiment import Comparison, Metric, ProposalRequest
from mltui.experiments.records import ExperimentCompared, JobStarted
from mltui.experiments.refusals import check_command, check_seed_change, check_words


@pytest.mark.parametrize("hypothesis", ["", "  ", "x", "test", "better", "it works", "TODO TBD TODO", "test test test test", "?!… ---"])
def test_a_hypothesis_that_says_nothing(project: Project, hypothesis: str) -> None:
    with pytest.raises(ProposalError, match="hypothesis"):
        project.propose(hypothesis=hypothesis)
    assert project.experiments.list() == []


@pytest.mark.parametrize("hypothesis", ["It learns faster", "Übung macht Meister", "学习率更高收敛更快", "loss falls by 2 %"])
def test_a_hypothesis_in_any_language(hypothesis: str) -> None:
    check_words("Title", hypothesis)


@pytest.mark.parametrize(
    "command",
    [
        "jupyter nbconvert --execute explore.ipynb",
        "papermill in.ipynb out.ipynb",
        "python -m nbconvert --execute x",
        "bash -c 'runipy notebook'",
        "python run.py notebooks/Train.IPYNB",
        "/opt/venv/bin/jupyter-execute train",
    ],
)
def test_a_notebook_is_no_run_command(project: Project, command: str) -> None:
    with pytest.raises(ProposalError, match="notebook is no run command"):
        project.propose(entrypoint=command)
    project.reopen(entrypoints=(command,))
    with pytest.raises(ProposalError, match="notebook is no run command"):
        project.propose()


@pytest.mark.parametrize(
    "command", ["python train.py", "python papermill_free.py", "make train-jupyterless", "python src/notebook_utils.py"]
)
def test_commands_that_only_sound_like_notebooks(command: str) -> None:
    check_command(command)


def test_evaluation_and_training_together_need_a_reason(project: Project) -> None:
    draft = project.experiments.draft("s")
    draft.write(Path("evaluate.py"), b"print('score')\n")
    with pytest.raises(ProposalError, match=r"the evaluation \(evaluate.py\) changes together with what it evaluates \(train.py\)"):
        project.propose_script(TRAIN.replace("0.5 +", "0.6 +"))
    assert project.experiments.list() == []
    proposal_id = project.propose_script(TRAIN.replace("0.5 +", "0.6 +"), evaluation_reason="the metric file moved")
    proposal = project.experiments.get(proposal_id).proposal
    assert proposal.kind == "eval" and proposal.evaluation_reason == "the metric file moved"
    assert any("the metric file moved" in warning for warning in proposal.review.warnings)


def test_declared_data_that_is_not_there(project: Project) -> None:
    project.reopen(data=("corpus/**", "!corpus/tmp/**"))
    with pytest.raises(ProposalError, match=r"the declared data corpus/\*\* matches no file"):
        project.propose()
    with pytest.raises(ProposalError, match=r"the declared data corpus/\*\* matches no file"):
        project.experiments.start_baseline(by="ann")
    project.write("corpus/a.txt", "a\n")
    assert [item.name for item in project.experiments.get(project.propose()).proposal.data] == ["corpus/a.txt", "data/rows.csv"]


def test_a_seed_alone_is_no_candidate(project: Project) -> None:
    project.write("train.py", "import random\nSEED = 41\nrandom.seed(SEED)\n" + TRAIN)
    text = (project.root / "train.py").read_text()
    with pytest.raises(ProposalError, match="only the seed would change"):
        project.propose_script(text.replace("SEED = 41", "SEED = 42"))
    # With anything else it is a change like any other.
    assert project.propose_script(text.replace("SEED = 41", "SEED = 42").replace("0.5 +", "0.6 +")) == "P-0001"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("torch.manual_seed(41)", "torch.manual_seed(42)"),
        ("split(x, random_state=0)", "split(x, random_state=7)"),
        ('"seed": 1,', '"seed": 2,'),
    ],
)
def test_seeds_are_known_by_their_names(before: str, after: str) -> None:
    with pytest.raises(ProposalError, match="A/A"):
        check_seed_change((), f"--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-{before}\n+{after}\n")


def test_other_numbers_are_no_seeds() -> None:
    check_seed_change((), "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-epochs = 41\n+epochs = 42\n")
    check_seed_change((), "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-run(lr=0.1, seed=1)\n+run(lr=0.2, seed=1)\n")


def compare_on_paper(project: Project, proposal_id: str) -> None:
    """As if its runs had been made: the journal's records, without the processes."""
    project.approve(proposal_id)
    experiments = project.experiments
    metric = experiments.get(proposal_id).proposal.metric
    ledger = experiments._ledger  # pyright: ignore[reportPrivateUsage]
    ledger.record(JobStarted(proposal_id=proposal_id, job="j", runs=2), "test")
    numbers = {"baseline_mean": 0.6, "candidate_mean": 0.7, "baseline_std": 0.001, "candidate_std": 0.001, "diff": 0.1}
    interval = {"confidence": 0.95, "ci_low": 0.09, "ci_high": 0.11, "ci_method": "t", "p_value": 0.03, "effect_size": 3.0}
    words = {"test": "sign-flip", "effect_name": "d_z", "alpha": 0.05, "verdict": "better", "summary": "better"}
    pairs = tuple((seed, 0.6, 0.7 + seed / 1000) for seed in range(6))
    comparison = Comparison.model_validate({"metric": metric, "n": 6, **numbers, **interval, **words, "pairs": pairs})
    ledger.record(ExperimentCompared(proposal_id=proposal_id, comparison=comparison, guardrails=()), "test")


@pytest.mark.parametrize(
    "metric",
    [
        Metric(name="loss", direction="minimize", min_effect=0.01),
        Metric(name="accuracy", direction="minimize", min_effect=0.01),
        Metric(name="accuracy", direction="maximize", min_effect=0.0001),
    ],
)
def test_the_metric_is_not_changed_after_results_unless_a_person_says_so(project: Project, metric: Metric) -> None:
    compare_on_paper(project, project.propose(lr=0.2))
    former = project.config.experiments.primary
    project.reopen(primary=metric)
    with pytest.raises(ProposalError, match=r"the primary metric was changed after results were seen: P-0001.*metric confirm"):
        project.propose(lr=0.3)
    with pytest.raises(ProposalError, match="needs a reason"):
        project.experiments.confirm_metric(by="ann", reason=" ")
    confirmed = project.experiments.confirm_metric(by="ann", reason="the customer wants it")
    assert confirmed.before == "accuracy, maximize, min_effect 0.01"
    second = project.propose(lr=0.3)
    with pytest.raises(ProposalError, match="nothing to confirm"):
        project.experiments.confirm_metric(by="ann", reason="again")
    # Results by the confirmed metric bind as well: there is no way back without another word.
    compare_on_paper(project, second)
    project.reopen(primary=former)
    with pytest.raises(ProposalError, match="changed after results were seen: P-0002"):
        project.propose(lr=0.4)
    assert project.experiments.verify() > 0


def test_before_any_result_the_metric_is_free(project: Project) -> None:
    project.propose(lr=0.2)
    project.reopen(primary=Metric(name="loss", direction="minimize"))
    assert project.propose(lr=0.3) == "P-0002"


def test_supersedes_names_an_open_proposal(project: Project) -> None:
    asked = ProposalRequest(title="T", hypothesis="It learns faster", changes={"lr": 0.2}, supersedes="P-0009")
    with pytest.raises(ProposalError, match="there is no experiment P-0009"):
        project.experiments.propose(asked, session_id=None, author="model")
    first = project.propose(lr=0.3)
    project.experiments.decide(first, answer="reject", by="ann")
    with pytest.raises(ProposalError, match="cannot be replaced: it is rejected"):
        project.propose(lr=0.4, supersedes=first)
