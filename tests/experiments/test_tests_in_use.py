"""The test of a plan, from its proposal to its verdict: stated, approved, run, shown, and corrected for what else was tried."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from tests.experiments.conftest import Project
from tests.experiments.test_comparison import arms

from mltui.cli.app import root
from mltui.core.errors import ProposalError
from mltui.core.experiment import ComparisonPlan, ProposalEdits, Run
from mltui.experiments.comparison import compare
from mltui.experiments.examples import source_of
from mltui.experiments.records import ExperimentCompared, JobStarted, RunFinished
from mltui.experiments.report import experiment_report
from mltui.ui.plain.experiments import proposal_lines

TRAIN = """\
import json, os, pathlib
wrong = 20
guesses = [1 - at % 2 if at < wrong else at % 2 for at in range(60)]
(pathlib.Path(os.environ["MLTUI_RUN_DIR"]) / "guesses.json").write_text(json.dumps(guesses))
"""
EVALUATE = """\
import json, sys
guesses = json.load(open(sys.argv[1]))
rows = [{"id": at, "label": at % 2, "prediction": guess} for at, guess in enumerate(guesses)]
right = sum(row["label"] == row["prediction"] for row in rows)
json.dump({"accuracy": right / len(rows), "per_example": rows}, open(sys.argv[2], "w"))
"""


@pytest.fixture
def judged(project: Project) -> Project:
    """A deterministic script, and an evaluator that says of each example what was predicted."""
    project.write("train.py", TRAIN)
    project.write("evaluate.py", EVALUATE)
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "Evaluate")
    project.reopen(evaluate="python evaluate.py {run}/guesses.json {out}", test="predictions")
    return project


def on_paper(project: Project, proposal_id: str, runs: list[Run]) -> None:
    """Takes an experiment to its comparison without running anything."""
    project.approve(proposal_id)
    ledger = project.experiments.ledger
    ledger.record(JobStarted(proposal_id=proposal_id, job=f"job-{proposal_id}", runs=len(runs)), "supervisor")
    for at, run in enumerate(runs):
        ledger.record(RunFinished(proposal_id=proposal_id, run=run, key=f"{proposal_id}{at}", done=at, total=len(runs)), "supervisor")
    found, _ = compare(ledger.get(proposal_id).proposal, runs)
    ledger.record(ExperimentCompared(proposal_id=proposal_id, comparison=found), "supervisor")


def shown(project: Project, *words: str) -> Any:
    done = CliRunner().invoke(root, ["experiments", *words, "--json", "-C", str(project.root)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def test_predictions_decide_with_one_seed_and_are_not_believed_once_changed(judged: Project) -> None:
    asked = judged.propose_script(TRAIN.replace("wrong = 20", "wrong = 4"), seeds=(7,))
    proposal = judged.experiments.get(asked).proposal
    assert proposal.test == ComparisonPlan(design="predictions") and not any("seed" in said for said in proposal.review.warnings)
    stated = "on the same examples, McNemar or paired bootstrap"
    assert f"  Test: {stated}" in [*proposal_lines(proposal)]
    experiment, _ = await judged.finish(asked)
    found = experiment.comparison
    assert found is not None, experiment.message
    assert (found.design, found.verdict, found.n, found.test) == ("predictions", "better", 60, "McNemar exact")
    assert len({run.per_example for run in experiment.runs}) == 2 and all(len(run.per_example) == 64 for run in experiment.runs)
    report = experiment_report(experiment, judged.experiments.standing(asked))
    assert f"- Test: {stated}" in report and "0 examples only the baseline has right, 16 only the candidate" in report
    # As the gate of a promotion recomputes it, from the journal and what the evaluator left.
    again, _ = compare(proposal, experiment.runs, source_of(judged.root, evaluated=True))
    assert again == found
    # What was changed since is not believed.
    kept = next((judged.root / ".mltui" / "jobs").glob("*/evaluations/candidate-7/per_example.json"))
    kept.write_text(kept.read_text().replace('"label": 0', '"label": 1'))
    changed, _ = compare(proposal, experiment.runs, source_of(judged.root, evaluated=True))
    assert changed.verdict == "inconclusive"


def test_sizes_of_a_split_say_that_seeds_are_splits(project: Project) -> None:
    project.reopen(n_train=90, n_test=10)
    proposal = project.experiments.get(project.propose(seeds=(0, 1, 2, 3, 4))).proposal
    assert proposal.test == ComparisonPlan(design="folds", n_train=90, n_test=10)
    assert "corrected resampled t (90 examples to train, 10 to test)" in "\n".join(proposal_lines(proposal))
    assert not any("never be significant" in warning for warning in proposal.review.warnings)
    # An edit of the plan keeps the test that was proposed; a new plan takes that of now.
    project.reopen(n_train=0, n_test=0, test="unpaired")
    edited = project.experiments.revise(proposal.id, ProposalEdits(seeds=(0, 1, 2, 3, 4, 5)), by="ann")
    assert edited.test == proposal.test
    other = project.experiments.get(project.propose(lr=0.3)).proposal
    assert other.test == ComparisonPlan(design="unpaired")
    with pytest.raises(ProposalError, match="1 seed cannot show"):
        project.propose(lr=0.4, seeds=(1,))


def test_every_try_is_counted_and_shown(project: Project) -> None:
    gain = [0.90, 0.91, 0.92, 0.90, 0.93, 0.91], [0.92, 0.925, 0.945, 0.925, 0.95, 0.93]
    first = project.propose(lr=0.2)
    on_paper(project, first, arms(*gain))
    alone = project.experiments.standing(first)
    assert alone is not None and (alone.p_adjusted, alone.family, alone.tries) == (0.03125, 1, 1)
    # The same change with other seeds is another chance to win by luck: it is said before, and counted after.
    again = project.propose(lr=0.2, seeds=(10, 11, 12, 13, 14, 15))
    assert "The same change was compared before (P-0001: better, p = 0.031): another try counts with it." in (
        project.experiments.get(again).proposal.review.warnings
    )
    on_paper(project, again, arms(*gain))
    standing = project.experiments.standing(first)
    assert standing is not None and (standing.p_adjusted, standing.family, standing.tries) == (0.0625, 2, 2)
    assert "p 0.0625 by Holm, for 2 comparisons of this project, 2 of them of this same change; significant alone" in experiment_report(
        project.experiments.get(first), standing
    )
    one = shown(project, "show", first)
    assert (one["p_adjusted"], one["family_size"], one["tries"]) == (0.0625, 2, 2)
    listed = shown(project, "list")
    assert [row["p_adjusted"] for row in listed] == [0.0625, 0.0625] and listed[0]["q_value"] == 0.03125
    assert [row["family_size"] for row in shown(project, "list", "--limit", "1")] == [2]
    assert shown(project, "compare", first)["p_adjusted"] == 0.0625


def test_another_test_after_a_result_is_told(project: Project) -> None:
    on_paper(project, project.propose(lr=0.2), arms([0.9] * 6, [0.91] * 6))
    project.reopen(test="unpaired")
    said = project.experiments.get(project.propose(lr=0.3)).proposal.review.warnings
    assert any(warning.startswith("The test is not that of P-0001: paired by seed") for warning in said)


def test_what_six_seeds_can_show_among_many_is_told(project: Project) -> None:
    for step in range(5):
        on_paper(project, project.propose(lr=0.2 + step / 100), arms([0.9] * 6, [0.91] * 6))
    said = "\n".join(project.experiments.get(project.propose(lr=0.3)).proposal.review.warnings)
    assert "Corrected for 6, the least p of 6 seeds is 0.19; 8 seeds could be below 0.05." in said
