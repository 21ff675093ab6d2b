"""A baseline by itself: measured, never compared or kept, and used again."""

from __future__ import annotations

import pytest
from tests.experiments.conftest import Project

from mltui.core.errors import ProposalError
from mltui.core.events import ExperimentFinished


async def measure(project: Project, seeds: tuple[int, ...] | None = None) -> ExperimentFinished:
    plan = project.experiments.start_baseline(by="ann", seeds=seeds)
    *_, last = [event async for event in project.experiments.follow(plan.id, poll=0.05)]
    assert isinstance(last, ExperimentFinished)
    return last


async def test_a_baseline_says_its_spread_and_is_no_proposal_to_decide_on(project: Project) -> None:
    end = await measure(project)

    experiment = project.experiments.get("B-0001")
    assert (end.state, experiment.state) == ("measured", "measured")
    assert "6 seeds" in end.message
    assert [run.arm for run in experiment.runs] == ["baseline"] * 6
    assert experiment.approval is not None
    assert experiment.approval.by == "ann"
    with pytest.raises(ProposalError, match="it is measured"):
        project.experiments.accept("B-0001", by="ann")
    with pytest.raises(ProposalError, match="it is measured"):
        project.experiments.conclude("B-0001", interpretation="x", recommendation="accept", by="ann")


@pytest.mark.slow
async def test_its_runs_stand_in_for_the_baseline_of_a_proposal(project: Project) -> None:
    await measure(project)
    experiment, _ = await project.finish(project.propose(lr=0.2))

    assert experiment.id == "P-0001"
    assert [run.reused for run in experiment.runs] == [True, False] * 6
    assert experiment.comparison is not None
    assert experiment.comparison.verdict == "better"


async def test_one_that_does_not_run_fails_with_its_words(project: Project) -> None:
    project.write("train.py", "raise SystemExit('no data here')\n")
    end = await measure(project, (0, 1))

    assert end.state == "failed"
    assert "no data here" in end.message


def test_one_seed_has_no_spread(project: Project) -> None:
    with pytest.raises(ProposalError, match="1 seed"):
        project.experiments.start_baseline(by="ann", seeds=(0,))
    assert project.experiments.list() == []
