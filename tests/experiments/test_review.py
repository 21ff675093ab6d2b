"""What a person is told before deciding, checked against scipy and against projects with a history."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy import stats
from tests.experiments.conftest import OPTIM, TRAIN, Project
from tests.experiments.test_refusals import compare_on_paper

from mltui.core.experiment import Guardrail, Metric, ProposalRequest
from mltui.experiments.power import detectable, needed_pairs, t_quantile
from mltui.experiments.review import by_risk
from mltui.experiments.statistics import needed_pairs as exact_pairs
from mltui.experiments.statistics import paired_t_power


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 7, 10, 29, 30, 59, 60, 61, 100, 999])
@pytest.mark.parametrize("p", [0.8, 0.975])
def test_quantiles_are_those_of_scipy(p: float, df: int) -> None:
    assert t_quantile(p, df) == pytest.approx(float(stats.t.ppf(p, df)), rel=1e-6)


@pytest.mark.parametrize("n", [4, 6, 8, 12, 30, 100])
def test_what_is_detectable_is_found_four_times_in_five(n: int) -> None:
    assert paired_t_power(n, detectable(n, 0.5) / 0.5) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("effect", [0.1, 0.3, 0.7, 1.2])
def test_needed_pairs_are_those_of_the_noncentral_t(effect: float) -> None:
    found, exact = needed_pairs(effect, 1.0), exact_pairs(effect, 1.0)
    assert found is not None and exact is not None and abs(found - max(exact, 6)) <= 1
    assert needed_pairs(0.0, 1.0) is None and needed_pairs(1e-9, 1.0) is None


def _warned(project: Project, proposal_id: str) -> str:
    return "\n".join(project.experiments.get(proposal_id).proposal.review.warnings)


def test_without_a_history_what_is_not_known_is_said(project: Project) -> None:
    review = project.experiments.get(project.propose(seeds=(0, 1, 2))).proposal.review
    assert review.baseline is None and review.power is None
    assert review.estimate is not None and review.estimate.minutes is None and review.estimate.runs == 6
    said = "\n".join(review.warnings)
    assert "3 seeds can never be significant: at least 6" in said
    assert "The baseline was never measured here" in said
    assert "self-reported" in said and "No methodology" in said and "not committed" not in said


async def test_a_measured_baseline_says_what_the_seeds_can_show(project: Project) -> None:
    baseline = project.experiments.start_baseline(by="ann")
    _ = [event async for event in project.experiments.follow(baseline.id, poll=0.05)]
    proposal = project.experiments.get(project.propose(methodology="Six seeds, paired")).proposal
    review = proposal.review
    values = [run.metrics["accuracy"] for run in project.experiments.get(baseline.id).runs]
    assert review.baseline is not None and review.baseline.source == baseline.id and review.baseline.n == 6
    assert review.baseline.mean == pytest.approx(sum(values) / 6)
    assert review.power is not None and review.power.std == pytest.approx(math.sqrt(2) * review.baseline.std)
    assert review.power.detectable == pytest.approx(detectable(6, review.power.std)) and "√2" in review.power.basis
    assert review.estimate is not None and review.estimate.reused == 6 and review.estimate.runs == 12
    assert review.estimate.minutes is not None and review.estimate.minutes > 0
    assert "never measured" not in "\n".join(review.warnings)
    # Once pairs were compared, their own spread counts.
    await project.finish(proposal.id)
    later = project.experiments.get(project.propose(lr=0.3)).proposal.review
    assert later.baseline is not None and later.baseline.n == 6
    differences = {round(after - before, 9) for _, before, after in project.experiments.get(proposal.id).comparison.pairs}  # type: ignore[union-attr]
    assert later.power is not None and later.power.basis.startswith("paired differences" if len(differences) > 1 else "√2")


def test_a_spread_that_hides_the_effect_is_said(project: Project) -> None:
    project.reopen(primary=Metric(name="accuracy", direction="maximize", min_effect=0.001))
    compare_on_paper(project, project.propose(lr=0.2))
    review = project.experiments.get(project.propose(lr=0.3)).proposal.review
    assert review.power is not None and review.power.detectable > 0.001 and review.power.needed_n is not None
    assert f"about {review.power.needed_n} seeds would find it" in "\n".join(review.warnings)


def test_what_the_change_holds_is_said(project: Project) -> None:
    project.write("README.md", "Changed and not committed.\n")
    draft = project.experiments.draft("s")
    draft.write(Path("requirements.txt"), b"numpy==2\n")
    draft.write(Path("explore.ipynb"), b'{"cells": []}')
    draft.write(Path("notes.txt"), b"n\n" * 500)
    draft.write(Path("data/rows.csv"), b"1\n")
    said = _warned(project, project.propose_script(TRAIN.replace("0.5 +", "0.6 +")))
    for words in (
        "It changes the data",
        "It changes dependencies (requirements.txt)",
        "It changes a notebook (explore.ipynb)",
        "It also changes files that are not under experiment: notes.txt.",
        "The diff is large",
        "changes that are not committed",
    ):
        assert words in said, words


def test_what_was_said_and_seen_before_is_remembered(project: Project) -> None:
    first = project.propose(lr=0.9)
    project.experiments.decide(first, answer="reject", by="ann", reason="far too high")
    assert "The same hypothesis was rejected before (P-0001): far too high" in _warned(project, project.propose(lr=0.8))
    assert "The same change was rejected before (P-0001)" in _warned(project, project.propose(lr=0.9, seeds=(0, 1)))
    for step in range(5):
        compare_on_paper(project, project.propose(lr=0.2 + step / 100))
    assert "5 experiments were compared on this data already" in _warned(project, project.propose(lr=0.3))
    project.write("data/rows.csv", "1\n2\n")
    project.reopen(guardrails=(Guardrail(name="loss", margin="5%"),))
    said = _warned(project, project.propose(lr=0.31))
    assert "The data is not that of" in said and "The guardrails are not those of" in said and "compared on this data" not in said


def test_pending_proposals_are_sorted_by_risk(project: Project) -> None:
    cheap, dear = project.propose(lr=0.2, minutes=1), project.propose(lr=0.3, minutes=4)
    draft = project.experiments.draft("s")
    draft.write(Path("data/rows.csv"), b"1\n")
    asked = ProposalRequest(title="Less data", hypothesis="One row is enough")
    data = project.experiments.propose(asked, session_id="s", author="model").id
    assert [item.id for item in by_risk(project.experiments.list())] == [data, dear, cheap]
    project.experiments.decide(data, answer="hold", by="ann")
    project.experiments.decide(dear, answer="reject", by="ann")
    assert [item.id for item in by_risk(project.experiments.list())] == [data, cheap]
    assert (project.root / "conf/optim.yaml").read_text() == OPTIM
