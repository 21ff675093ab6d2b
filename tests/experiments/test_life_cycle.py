"""Propose, decide, run, compare, conclude, keep: with real git repositories and real processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.experiments.conftest import OPTIM, Project

from mltui.core.errors import ProposalError
from mltui.core.events import ExperimentFinished, ExperimentProgressed


async def test_from_proposal_to_accepted_change(project: Project) -> None:
    proposal_id = project.propose(lr=0.2)
    proposal = project.experiments.get(proposal_id).proposal
    assert (proposal.id, proposal.kind, proposal.command) == ("P-0001", "hparam", "python train.py")
    assert [(change.name, change.before, change.after) for change in proposal.parameters] == [("lr", 0.1, 0.2)]
    assert "-lr: 0.1  # found by hand\n+lr: 0.2  # found by hand" in proposal.patch
    assert project.git("rev-parse", "refs/mltui/proposals/P-0001").strip() == proposal.commit
    assert proposal.base_commit == project.git("rev-parse", "HEAD").strip()

    experiment, events = await project.finish(proposal_id)

    assert experiment.state == "compared", experiment.message
    assert experiment.comparison is not None and experiment.comparison.verdict == "better"
    assert experiment.comparison.diff == pytest.approx(0.1, abs=1e-9)
    assert [(run.arm, run.seed) for run in experiment.runs] == [(arm, seed) for seed in range(6) for arm in ("baseline", "candidate")]
    assert all(run.status == "finished" and run.exit_code == 0 for run in experiment.runs)
    assert experiment.runs[1].params == {"seed": 0, "lr": 0.2}
    assert (project.root / experiment.runs[0].folder / "stdout.log").read_text().startswith("accuracy:")
    progressed = [event for event in events if isinstance(event, ExperimentProgressed)]
    assert [event.done for event in progressed if event.metrics] == list(range(1, 13))
    assert isinstance(events[-1], ExperimentFinished) and events[-1].comparison == experiment.comparison
    assert (project.root / "conf/optim.yaml").read_text() == OPTIM
    assert not list((project.root / ".mltui" / "worktrees").glob("*"))
    assert project.git("worktree", "list").count("\n") == 1

    project.experiments.conclude(proposal_id, interpretation="It helps", recommendation="accept", by="model")
    accepted = project.experiments.accept(proposal_id, by="ann")
    assert (accepted.state, accepted.decided_by) == ("accepted", "ann")
    assert (project.root / "conf/optim.yaml").read_text() == OPTIM.replace("0.1", "0.2")
    assert project.git("status", "--porcelain") == " M conf/optim.yaml\n"
    assert project.experiments.verify() > 20


async def test_a_staged_script_runs_and_leaves_the_draft_when_settled(project: Project) -> None:
    draft = project.experiments.draft("s")
    proposal_id = project.propose_script((project.root / "train.py").read_text().replace("0.5 +", "0.4 +"))
    assert project.experiments.get(proposal_id).proposal.kind == "train"
    experiment, _ = await project.finish(proposal_id)
    assert experiment.comparison is not None and experiment.comparison.verdict == "worse"
    assert draft.paths() == ("train.py",)
    assert project.experiments.discard(proposal_id, by="ann").state == "discarded"
    assert draft.paths() == ()
    assert "0.5 +" in (project.root / "train.py").read_text()


def test_rejected_and_held_proposals_stay_and_do_not_run(project: Project) -> None:
    first, second = project.propose(lr=0.2), project.propose(lr=0.3)
    rejected = project.experiments.decide(first, answer="reject", by="ann", reason="too high")
    assert (rejected.state, rejected.message) == ("rejected", "too high")
    assert project.experiments.decide(second, answer="hold", by="ann").state == "held"
    for proposal_id in (first, second):
        with pytest.raises(ProposalError, match="cannot be started"):
            project.experiments.start(proposal_id)
    with pytest.raises(ProposalError, match="cannot be decided on: it is rejected"):
        project.approve(first)
    project.approve(second)
    assert [experiment.state for experiment in project.reopen().list()] == ["rejected", "approved"]


async def test_follow_refuses_what_was_not_started(project: Project) -> None:
    proposal_id = project.propose()
    with pytest.raises(ProposalError, match="is not running"):
        _ = [event async for event in project.experiments.follow(proposal_id)]


@pytest.mark.slow
async def test_the_next_proposal_reuses_the_baseline(project: Project) -> None:
    await project.finish(project.propose(lr=0.2))
    experiment, _ = await project.finish(project.propose(lr=0.3))
    assert experiment.state == "compared"
    assert [run.reused for run in experiment.runs] == [True, False] * 6


@pytest.mark.slow
async def test_accept_refuses_files_that_changed_meanwhile(project: Project) -> None:
    proposal_id = project.propose(lr=0.2)
    with pytest.raises(ProposalError, match="cannot be accepted: it is proposed"):
        project.experiments.accept(proposal_id, by="ann")
    await project.finish(proposal_id)
    project.write("conf/optim.yaml", OPTIM + "epochs: 3\n")
    with pytest.raises(ProposalError, match=r"changed since it was proposed: conf/optim\.yaml.*git checkout"):
        project.experiments.accept(proposal_id, by="ann")
    assert project.experiments.get(proposal_id).state == "compared"
    project.write("conf/optim.yaml", OPTIM)
    assert project.experiments.accept(proposal_id, by="ann").state == "accepted"


async def test_a_dirty_tree_is_the_baseline_and_stays_as_it_is(project: Project) -> None:
    project.write("README.md", "Changed.\n")
    project.write("notes.txt", "untracked\n")
    project.write("staged.txt", "staged\n")
    project.git("add", "staged.txt")
    before = (project.git("status", "--porcelain"), project.git("rev-parse", "HEAD"), project.git("branch", "-a"))
    proposal_id = project.propose(seeds=(0, 1))
    proposal = project.experiments.get(proposal_id).proposal
    assert "notes.txt" in project.git("ls-tree", "--name-only", proposal.base_commit)
    assert [file.path for file in proposal.files] == ["conf/optim.yaml"]
    experiment, _ = await project.finish(proposal_id)
    assert experiment.state == "compared", experiment.message
    assert (project.git("status", "--porcelain"), project.git("rev-parse", "HEAD"), project.git("branch", "-a")) == before


async def test_large_ignored_data_is_linked_and_watched(project: Project) -> None:
    (project.root / "data" / "weights.bin").write_bytes(b"x" * 6_000_000)
    script = "import os\nassert os.path.getsize('data/weights.bin') == 6_000_000\n" + (project.root / "train.py").read_text()
    project.write("train.py", script)
    project.reopen(data=("data/**",))
    proposal_id = project.propose(seeds=(0, 1))
    assert [item.name for item in project.experiments.get(proposal_id).proposal.data] == ["data/rows.csv", "data/weights.bin"]
    assert "weights.bin" not in project.git("ls-tree", "-r", "--name-only", project.experiments.get(proposal_id).proposal.commit)
    experiment, _ = await project.finish(proposal_id)
    assert experiment.state == "compared", experiment.message


async def test_a_run_that_changes_its_data_fails(project: Project) -> None:
    vandal = (project.root / "train.py").read_text() + "\nPath('data/rows.csv').write_text('')\n"
    experiment, _ = await project.finish(project.propose_script(vandal))
    assert experiment.state == "failed"
    assert "the run changed its data: data/rows.csv changed" in experiment.message


def test_an_unknown_id_names_the_nearest(project: Project) -> None:
    with pytest.raises(ProposalError, match="None has been proposed"):
        project.experiments.get("P-0001")
    project.propose()
    with pytest.raises(ProposalError, match="Did you mean P-0001"):
        project.experiments.get("p-1")


def test_the_project_is_found_from_a_folder_below(project: Project) -> None:
    from mltui.experiments.service import Experiments

    below = project.root / "conf"
    assert Experiments.open(below, project.config).root == project.root.resolve()
    assert Experiments.open(Path(project.root.parent), project.config).root == project.root.parent.resolve()


async def test_edits_staged_after_the_proposal_stay_in_the_draft(project: Project) -> None:
    draft = project.experiments.draft("s")
    draft.write(Path("prompts/a.txt"), b"first\n")
    proposal_id = project.propose_script((project.root / "train.py").read_text().replace("0.5 +", "0.6 +"), seeds=(0, 1))
    project.reopen(parallel=3)
    experiment, _ = await project.finish(proposal_id)
    assert len(experiment.runs) == 4 and experiment.state == "compared", experiment.message
    draft.write(Path("train.py"), b"the next idea\n")
    project.experiments.accept(proposal_id, by="ann")
    assert draft.paths() == ("train.py",) and draft.read(Path("train.py")) == b"the next idea\n"
    assert (project.root / "prompts/a.txt").read_text() == "first\n"


def test_a_change_is_applied_whole_or_not_at_all(project: Project) -> None:
    from mltui.experiments.git_tree import GitTree
    from mltui.experiments.keeping import apply_change

    draft = project.experiments.draft("s")
    draft.write(Path("zoo/new.txt"), b"new\n")
    draft.delete(Path("data/rows.csv"))
    proposal = project.experiments.get(project.propose_script("print(1)\n")).proposal
    git = GitTree(project.root, project.experiments.state)
    project.write("zoo", "a file where a folder is needed\n")
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file() and ".git" not in path.parts}
    with pytest.raises(ProposalError, match=r"could not be written.*nothing was changed"):
        apply_change(proposal, git)
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file() and ".git" not in path.parts} == before
    (project.root / "zoo").unlink()
    assert apply_change(proposal, git) == ("data/rows.csv", "train.py", "zoo/new.txt")
    assert not (project.root / "data/rows.csv").exists() and (project.root / "zoo/new.txt").read_text() == "new\n"
    # Once more changes nothing: every file is as proposed.
    assert apply_change(proposal, git) == ("data/rows.csv", "train.py", "zoo/new.txt")


def test_a_torn_journal_heals_when_an_experiment_starts(project: Project) -> None:
    project.approve(project.propose(seeds=(0, 1)))
    journal = project.root / ".mltui" / "journal.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"seq": 3, "torn')
    experiments = project.reopen()
    experiments._ledger.check()  # pyright: ignore[reportPrivateUsage]
    assert experiments.verify() == 3 and experiments.get("P-0001").state == "approved"
    assert (project.root / ".mltui" / "journal.torn").read_bytes() == b'{"seq": 3, "torn\n'
