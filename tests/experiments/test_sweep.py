"""A sweep from its proposal to the comparison of its winner: real runs, real Optuna, killed and gone on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from tests.experiments.conftest import TRAIN, Project
from tests.experiments.test_bad_runs import gone
from tests.experiments.test_killed import records

from mltui.config.schema import Promotion
from mltui.core.errors import ApprovalVoidError, ProposalError
from mltui.core.experiment import Approval, Experiment, Proposal
from mltui.core.sweep import SweepRequest
from mltui.experiments.heartbeat import read_heartbeat
from mltui.experiments.ledger import Ledger
from mltui.experiments.proposals import sealed
from mltui.experiments.records import ProposalCreated, ProposalDecided
from mltui.experiments.service import Experiments
from mltui.experiments.sweeps.summary import best_so_far

ASKED = {
    "title": "Sweep of lr",
    "hypothesis": "A higher lr learns faster here",
    "space": {"lr": {"low": 0.01, "high": 0.5}, "batch": {"choices": [16, 64]}},
    "trials": 4,
    "confirm_seeds": [7, 8],
}


def propose(project: Project, **asked: object) -> Proposal:
    request = SweepRequest.model_validate({**ASKED, **asked})
    return project.experiments.sweeps.propose(request, session_id=None, author="ann")


async def follow(experiments: Experiments, id_: str) -> Experiment:
    async for _ in experiments.follow(id_, poll=0.05):
        pass
    return experiments.get(id_)


def test_a_sweep_is_not_promoted_not_even_by_an_override(project: Project) -> None:
    # Of a prompt, since this project tracks nothing, and so has no registry of models.
    project.config = project.config.model_copy(update={"promotion": Promotion(prompt="prompts/a.md")})
    project.reopen()
    id_ = propose(project).id
    promotions = project.experiments.promotions()
    plan = promotions.check(id_, promotions.target("prompt"))
    assert "compared" in [clause.name for clause in plan.missing if clause.absolute]
    assert [clause.name for clause in plan.clauses] == ["journal", "compared", "prompt"]


@pytest.mark.slow
async def test_one_approval_runs_the_trials_and_confirms_the_best(project: Project) -> None:
    asked = propose(project, parallel=2, seeds_per_trial=2)
    project.approve(asked.id)
    project.experiments.start(asked.id)
    sweep = await follow(project.experiments, asked.id)
    assert sweep.state == "measured" and "That is no result" in sweep.message and sweep.comparison is None
    assert sorted(trial.number for trial in sweep.trials) == [0, 1, 2, 3]
    assert all(trial.state == "complete" and [run.seed for run in trial.runs] == [0, 1] for trial in sweep.trials)
    best = max(sweep.trials, key=lambda trial: trial.value or 0)
    assert best.value == sum(run.metrics["accuracy"] for run in best.runs) / 2
    # Accuracy rises with lr, so each trial ran with the values that it was given.
    assert best.params["lr"] == max(float(str(trial.params["lr"])) for trial in sweep.trials)

    result = await follow(project.experiments, project.experiments.sweeps.confirm(sweep.id).id)
    assert result.state == "compared" and result.id == project.experiments.get(sweep.id).confirmation
    assert result.approval is not None and result.approval.by == f"sweep:{sweep.id}" and "approved by ann" in result.approval.reason
    chosen = result.proposal.selected
    assert chosen is not None and (chosen.sweep, chosen.trial, chosen.looked_at) == (sweep.id, best.number, 4)
    assert {run.seed for run in result.runs} == {7, 8}
    assert {change.name: change.after for change in result.proposal.parameters}["lr"] == best.params["lr"]
    assert project.experiments.sweeps.confirm(sweep.id).id == result.id  # once, however often it is asked for
    forge(project, project.experiments.get(sweep.id), result.proposal)
    assert project.experiments.accept(result.id, by="ann").state == "accepted"
    assert f"lr: {best.params['lr']!r}"[:8] in (project.root / "conf" / "optim.yaml").read_text()
    assert project.git("worktree", "list").count("\n") == 1 and project.experiments.verify() > 0


def forge(project: Project, sweep: Experiment, real: Proposal) -> None:
    """A sweep approves its winner, on the fresh seeds that it declared, and nothing else."""
    chosen = real.selected
    assert chosen is not None and sweep.proposal.sweep is not None
    other = next(trial.number for trial in sweep.trials if trial.number != chosen.trial)
    by = f"sweep:{sweep.id}"
    forged = {
        "seeds are not the 2 that the sweep declared": {"seeds": (0, 1)},
        "seeds are not the 2": {"seeds": (8, 9)},
        "command is not that of the sweep": {"command": "python train.py --more"},
        "metric is not": {"metric": real.metric.model_copy(update={"min_effect": 0.0})},
        "code is not the base with the best trial's values": {"tree": real.base_tree, "commit": real.base_commit},
        "cost more than is left": {"budget": real.budget.model_copy(update={"minutes": 1e6})},
        "not about the best trial": {"selected": chosen.model_copy(update={"trial": other})},
        "about the best trial": {"selected": chosen.model_copy(update={"looked_at": 1})},
        f"{real.id} confirms {sweep.id} already": {},
        "does not confirm that sweep": {"selected": None},
    }
    ledger = Ledger(project.root / ".mltui")
    for number, (why, changed) in enumerate(forged.items(), 90):
        false = sealed(real.model_copy(update={"id": f"P-00{number}", **changed}))
        ledger.record(ProposalCreated(proposal=false), "model")
        with pytest.raises(ApprovalVoidError, match=why):
            project.experiments.decide(false.id, answer="approve", by=by)
        # Written past the decision, it is refused at the start.
        said = Approval(proposal_id=false.id, proposal_hash=false.hash, answer="approve", by=by, at=0.0)
        ledger.record(ProposalDecided(approval=said), "model")
        with pytest.raises(ApprovalVoidError, match=why):
            project.experiments.start(false.id)
        assert project.experiments.get(false.id).state == "proposed"


@pytest.mark.slow
async def test_two_at_once_one_killed_and_one_stopped_go_on_where_they_were(project: Project) -> None:
    project.write("train.py", TRAIN + "import time\ntime.sleep(1)\n")
    project.git("commit", "-qam", "Slow")
    killed, stopped = propose(project, parallel=2), propose(project, title="Another", sampler="random", trials=3)
    for sweep in (killed, stopped):
        project.approve(sweep.id)
    begun = await asyncio.gather(*(asyncio.to_thread(project.experiments.start, sweep.id) for sweep in (killed, stopped)))
    jobs = {sweep.id: project.root / ".mltui" / "jobs" / job for sweep, job in zip((killed, stopped), begun, strict=True)}
    while any(not project.experiments.get(sweep.id).trials for sweep in (killed, stopped)):
        await asyncio.sleep(0.005)
    supervisor = int(json.loads((jobs[killed.id] / "process.json").read_text())["pid"])
    os.kill(supervisor, signal.SIGKILL)
    project.experiments.stop(stopped.id)
    while not gone(supervisor):
        await asyncio.sleep(0.01)
    project.experiments = Experiments.open(project.root, project.config)
    dead, halted = (project.experiments.get(sweep.id) for sweep in (killed, stopped))
    assert dead.state == "failed" and "the supervisor died (its log: " in dead.message and f"mltui sweep run {killed.id}" in dead.message
    assert halted.state == "stopped" and f"mltui sweep run {stopped.id}" in halted.message
    for sweep in (killed, stopped):
        assert project.experiments.start(sweep.id) == jobs[sweep.id].name
    for before, total in ((dead, 4), (halted, 3)):
        after = await follow(project.experiments, before.id)
        assert after.state == "measured", after.message
        # A kill between a trial's number and its values leaves the number out; two were at work.
        numbers = {trial.number for trial in after.trials}
        assert len(numbers) == len(after.trials) and max(numbers) < len(numbers) + 2
        assert after.trials[: len(before.trials)] == before.trials
        # What was lost is made again, and is none of those that were asked for.
        lost = [trial for trial in after.trials if trial.state == "failed"]
        assert len(after.trials) - len(lost) == total and all("ended before it" in trial.message for trial in lost)
        values = [trial.params for trial in after.trials if trial not in lost]
        assert all(trial.params in values for trial in lost)
        assert f"best of {total} trials" in after.message and best_so_far(after.trials, after.proposal.metric)[-1][0] == total
        confirmed = project.experiments.get(project.experiments.sweeps.confirm(after.id).id).proposal.selected
        assert confirmed is not None and confirmed.looked_at == total
        assert float((jobs[before.id] / "sweep" / "seconds").read_text()) > 0.4
        beat = read_heartbeat(jobs[before.id])
        assert beat is not None and (beat.done, beat.total) == (total, total)
        project.experiments.stop(project.experiments.sweeps.confirm(before.id).id)
    assert records(project, "sweep.confirmed") == 2


def test_what_is_no_sweep_and_what_sweeps_cannot(project: Project) -> None:
    plain = project.propose()
    with pytest.raises(ProposalError, match="is no sweep"):
        project.experiments.sweeps.confirm(plain)
    sweep = propose(project)
    assert propose(project).id == sweep.id  # the same plan is not asked twice
    with pytest.raises(ProposalError, match="are not over"):
        project.experiments.sweeps.confirm(sweep.id)
    with pytest.raises(ProposalError, match="is a sweep: its plan is not edited"):
        project.experiments.refresh(sweep.id, by="ann")
    with pytest.raises(ApprovalVoidError, match="does not confirm that sweep"):
        project.experiments.decide(plain, answer="approve", by=f"sweep:{sweep.id}")
    project.experiments.draft("s").write(Path("train.py"), b"print(1)\n")
    with pytest.raises(ProposalError, match=r"the draft changes train\.py"):
        project.experiments.sweeps.propose(SweepRequest.model_validate(ASKED), session_id="s", author="model")
    project.write("data/split.json", json.dumps({"fold": 1}))
    project.reopen(data=("data/**",))
    with pytest.raises(ProposalError, match="what results are measured by is not swept"):
        propose(project, space={"fold": {"low": 1, "high": 5, "key": "data/split.json:fold"}})
