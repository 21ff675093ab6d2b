"""Every answer that a person may give, what voids it, and that nothing is asked or done twice."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.experiments.conftest import OPTIM, TRAIN, Project
from tests.experiments.test_refusals import compare_on_paper

from mltui.cli.experiments_list import list_
from mltui.core.approval import Decision
from mltui.core.errors import ApprovalVoidError, JournalError, ProposalError
from mltui.core.experiment import Origin, ProposalEdits, ProposalRequest
from mltui.experiments.git_tree import GitTree
from mltui.experiments.keeping import apply_change
from mltui.experiments.origin import origin
from mltui.experiments.records import ProposalCreated, ProposalSuperseded
from mltui.experiments.service import Experiments
from mltui.runtime import Options, open_session

WHO = Origin(os_user="ann", identity="Ann <ann@example.org>", host="desk", via="cli")


def test_the_origin_is_the_systems_and_gits_own_word(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "mallory")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    found = origin(project.root, "cli")
    assert found.identity == "Ann <ann@example.org>" and found.os_user != "mallory" and found.host and found.via == "cli"
    project.experiments.decide(project.propose(), answer="hold", by="ann", origin=found)
    approval = project.reopen().get("P-0001").approval
    assert approval is not None and approval.origin == found


def test_approved_with_edits_is_a_proposal_of_the_persons_own(project: Project) -> None:
    first = project.propose(lr=0.2)
    revised = project.experiments.revise(first, ProposalEdits(seeds=(7, 8, 9), minutes=2, changes={"lr": 0.05}), by="ann", origin=WHO)
    now = project.experiments.get(revised.id)
    assert (now.state, revised.id, revised.author, revised.supersedes) == ("approved", "P-0002", "ann", "P-0001")
    assert (revised.seeds, revised.budget.minutes, revised.budget.runs) == ((7, 8, 9), 2, 6)
    assert [(change.name, change.before, change.after) for change in revised.parameters] == [("lr", 0.1, 0.05)]
    assert "-lr: 0.1  # found by hand\n+lr: 0.05  # found by hand" in revised.patch
    assert revised.base_commit == project.experiments.get(first).proposal.base_commit
    old = project.experiments.get(first)
    assert (old.state, old.superseded_by, old.decided_by) == ("superseded", "P-0002", "ann")
    with pytest.raises(ProposalError, match=r"cannot be decided on: it is superseded.*Another proposal took its place"):
        project.approve(first)


async def test_edits_of_a_staged_change_run_as_edited_and_settle_the_draft(project: Project) -> None:
    first = project.propose_script(TRAIN.replace("0.5 +", "0.6 +"), changes={"lr": 0.2})
    revised = project.experiments.revise(first, ProposalEdits(seeds=(3, 4), changes={"batch": 64}), by="ann")
    assert {change.name: change.after for change in revised.parameters} == {"lr": 0.2, "batch": 64} and revised.session_id == "s"
    project.experiments.start(revised.id)
    _ = [event async for event in project.experiments.follow(revised.id, poll=0.05)]
    experiment = project.experiments.get(revised.id)
    assert experiment.state == "compared", experiment.message
    assert {run.seed for run in experiment.runs} == {3, 4}
    project.experiments.accept(revised.id, by="ann", origin=WHO)
    assert (project.root / "conf/optim.yaml").read_text() == OPTIM.replace("0.1", "0.2").replace("32", "64")
    assert project.experiments.draft("s").paths() == ()


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        (ProposalEdits(changes={"lr": 9}), "lr = 9 is out of range"),
        (ProposalEdits(changes={"rate": 1}), "no parameter 'rate'"),
        (ProposalEdits(changes={"lr": 0.1}), "nothing would change with these edits"),
        (ProposalEdits(seeds=(1,)), "1 seed cannot show"),
        (ProposalEdits(minutes=-1), "more than 0 minutes"),
        (ProposalEdits(minutes=float("nan")), "more than 0 minutes"),
    ],
)
def test_edits_that_are_not_possible_change_nothing(project: Project, edits: ProposalEdits, words: str) -> None:
    first = project.propose(lr=0.2)
    with pytest.raises(ProposalError, match=words):
        project.experiments.revise(first, edits, by="ann")
    assert [(item.id, item.state) for item in project.experiments.list()] == [(first, "proposed")]


def test_a_question_and_its_answer(project: Project) -> None:
    first = project.propose()
    with pytest.raises(ProposalError, match="a question needs words"):
        project.experiments.decide(first, answer="ask", by="ann", reason=" ")
    with pytest.raises(ProposalError, match="cannot be answered for: it is proposed"):
        project.experiments.answer(first, "because", by="model")
    held = project.experiments.decide(first, answer="ask", by="ann", reason="Why so high?")
    assert held.state == "held" and held.exchanges[0].question == "Why so high?"
    with pytest.raises(ProposalError, match="an answer needs words"):
        project.experiments.answer(first, "", by="model")
    open_again = project.experiments.answer(first, "It is far below the limit.", by="model")
    assert open_again.state == "proposed" and open_again.exchanges[0].answer == "It is far below the limit."
    project.approve(first)


def test_maintenance_changes_the_tree_with_a_reason_and_without_a_run(project: Project) -> None:
    first = project.propose_script(TRAIN + "\n# done\n")
    for by, reason, words in (("ann", " ", "needs a reason"), ("policy:p", "x y", "only a person"), ("model:m", "x y", "only a person")):
        with pytest.raises(ProposalError, match=words):
            project.experiments.decide(first, answer="maintenance", by=by, reason=reason)
    done = project.experiments.decide(first, answer="maintenance", by="ann", reason="a comment", origin=WHO)
    assert (done.state, done.decided_by, done.runs) == ("accepted", "ann", ())
    assert (project.root / "train.py").read_text().endswith("# done\n")
    assert project.experiments.draft("s").paths() == ()
    assert done.approval is not None and (done.approval.answer, done.approval.reason) == ("maintenance", "a comment")
    with pytest.raises(ProposalError, match="it is accepted"):
        project.experiments.start(first)


def test_maintenance_of_what_measures_is_said_twice(project: Project) -> None:
    project.experiments.draft("s").write(Path("evaluate.py"), b"print(1)\n")
    first = project.experiments.propose(_asked("Other evaluation"), session_id="s", author="model").id
    with pytest.raises(ProposalError, match=r"changes the evaluation: earlier results would be invalid.*--confirm"):
        project.experiments.decide(first, answer="maintenance", by="ann", reason="a typo")
    assert not (project.root / "evaluate.py").exists()
    assert project.experiments.decide(first, answer="maintenance", by="ann", reason="a typo", confirmed=True).state == "accepted"
    assert (project.root / "evaluate.py").exists()


def test_maintenance_cut_between_word_and_deed_is_finished_later(project: Project) -> None:
    first = project.propose_script("print('better words')\n")
    project.write("train.py", "print('changed meanwhile')\n")
    with pytest.raises(ProposalError, match=r"changed since it was proposed: train\.py"):
        project.experiments.decide(first, answer="maintenance", by="ann", reason="words")
    experiments = project.reopen()
    assert experiments.get(first).state == "maintenance"
    project.write("train.py", TRAIN)
    # As if killed after the files were written and before the record was.
    apply_change(experiments.get(first).proposal, GitTree(project.root, experiments.state))
    assert experiments.decide(first, answer="maintenance", by="ann", reason="words").state == "accepted"
    assert (project.root / "train.py").read_text() == "print('better words')\n" and experiments.verify() > 0


def test_maintenance_that_cannot_be_done_may_be_let_go(project: Project) -> None:
    first = project.propose_script("print('better words')\n")
    project.write("train.py", "print('changed meanwhile')\n")
    with pytest.raises(ProposalError):
        project.experiments.decide(first, answer="maintenance", by="ann", reason="words")
    assert project.experiments.discard(first, by="ann").state == "discarded"
    assert (project.root / "train.py").read_text() == "print('changed meanwhile')\n"


def test_other_data_voids_an_approval_and_opens_it_again(project: Project) -> None:
    first = project.propose()
    project.approve(first)
    project.write("data/rows.csv", "1\n2\n3\n4\n")
    with pytest.raises(ApprovalVoidError, match=r"the data of P-0001 is not what was proposed: data/rows\.csv changed.*refresh P-0001"):
        project.experiments.start(first)
    again = project.reopen().get(first)
    assert again.state == "proposed" and again.approval is None and "data/rows.csv changed" in again.message
    # As it is it cannot be approved: what would run is not what is shown.
    for answer in (lambda: project.approve(first), lambda: project.experiments.revise(first, ProposalEdits(seeds=(1, 2)), by="ann")):
        with pytest.raises(ApprovalVoidError, match="the data of P-0001"):
            answer()
    renewed = project.experiments.refresh(first, by="ann")
    assert (renewed.id, renewed.supersedes, renewed.patch) == ("P-0002", first, again.proposal.patch)
    assert renewed.commit != "" and renewed.tree == again.proposal.tree and renewed.data != again.proposal.data
    project.approve(renewed.id)
    assert project.experiments.get(first).state == "superseded"


def test_another_package_voids_an_approval(project: Project) -> None:
    first = project.propose()
    assert project.experiments.get(first).proposal.environment
    project.approve(first)
    python = project.root / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text('#!/bin/sh\necho \'{"version": "9.9 x", "path": [], "packages": ["numpy==9"]}\'\n')
    python.chmod(0o755)
    with pytest.raises(ApprovalVoidError, match="the environment of P-0001 is not what was proposed"):
        project.experiments.start(first)
    assert project.experiments.get(first).state == "proposed"


def test_what_was_approved_cannot_be_swapped(project: Project) -> None:
    first = project.propose_script(TRAIN.replace("0.5 +", "0.6 +"))
    proposal = project.experiments.get(first).proposal
    project.approve(first)
    project.experiments.draft("s").write(Path("train.py"), b"print('swapped')\n")
    project.git("replace", "-f", proposal.commit, proposal.base_commit)
    project.git("update-ref", "refs/mltui/proposals/P-0001", proposal.base_commit)
    (project.root / ".git" / "info").mkdir(exist_ok=True)
    (project.root / ".git" / "info" / "grafts").write_text(f"{proposal.commit}\n")
    git = GitTree(project.root, project.experiments.state)
    assert git.tree_of(proposal.commit) == proposal.tree and b"0.6 +" in git.read(proposal.commit, "train.py")
    git.add_worktree(project.root.parent / "out", proposal.commit, git.entries(proposal.tree))
    assert "0.6 +" in (project.root.parent / "out" / "train.py").read_text()


def test_an_edited_journal_starts_nothing(project: Project) -> None:
    first = project.propose()
    project.approve(first)
    journal = project.experiments.state / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"minutes":5', b'"minutes":9'))
    with pytest.raises(JournalError):
        project.reopen().start(first)


def test_nothing_is_asked_twice(project: Project) -> None:
    first = project.propose()
    assert project.propose() == first
    project.experiments.decide(first, answer="hold", by="ann", reason="later")
    assert project.propose() == first and project.experiments.get(first).state == "held"
    project.experiments.decide(first, answer="reject", by="ann", reason="no")
    assert project.propose() == first and project.experiments.get(first).message == "no"
    # A person may want to think again; the agent may not.
    assert project.experiments.reopen(first, by="ann", reason="after all").state == "proposed"
    compare_on_paper(project, first)
    assert project.propose() == first and project.experiments.get(first).state == "compared"
    assert len(project.experiments.list()) == 1


def test_the_same_change_planned_otherwise_takes_the_place_of_the_open_one(project: Project) -> None:
    first = project.propose(lr=0.2)
    second = project.propose(lr=0.2, seeds=(0, 1, 2, 3, 4, 5, 6))
    other = project.propose(lr=0.3)
    states = {item.id: (item.state, item.superseded_by) for item in project.experiments.list()}
    assert states == {first: ("superseded", second), second: ("proposed", None), other: ("proposed", None)}
    third = project.propose(lr=0.4, supersedes=other)
    assert project.experiments.get(other).superseded_by == third


def in_a_list(project: Project) -> None:
    done = CliRunner().invoke(list_, ["-C", str(project.root), "--json"])
    assert done.exit_code == 0, done.output


def in_a_session(project: Project) -> None:
    class Nobody:
        async def decide(self, request: object) -> Decision:
            raise AssertionError(f"asked about {request}")

    async def opened() -> None:
        script = project.root / "script.json"
        script.write_text('["hello"]')
        environ = {"MLTUI_HOME": str(project.root.parent / "home"), "PATH": "/usr/bin:/bin"}
        session = await open_session(Options(cwd=project.root, model=f"scripted:{script}", trusted=True), Nobody(), environ)
        await session.close()

    asyncio.run(opened())


@pytest.mark.parametrize("look", [in_a_list, in_a_session, lambda project: project.reopen().list()])
def test_a_crash_before_the_old_one_is_closed_is_finished_by_looking(project: Project, look: Callable[[Project], object]) -> None:
    first = project.propose(lr=0.2)
    ledger = project.experiments._ledger  # pyright: ignore[reportPrivateUsage]
    second = project.experiments.get(project.propose(lr=0.3)).proposal
    third = second.model_copy(update={"id": "P-0003", "supersedes": first})
    ledger.record(ProposalCreated(proposal=third), "model")
    look(project)
    assert [row.state for row in project.reopen().rows()] == ["superseded", "proposed", "proposed"]
    with pytest.raises(ProposalError):
        ledger.record(ProposalSuperseded(proposal_id=first, successor="P-0003", by="x"), "x")


def test_of_two_that_touch_one_file_the_second_is_refused(project: Project) -> None:
    first, second = project.propose(lr=0.2), project.propose(lr=0.3)
    for proposal_id in (first, second):
        compare_on_paper(project, proposal_id)
    project.experiments.accept(first, by="ann")
    with pytest.raises(ProposalError, match=r"P-0002 cannot be accepted: changed since it was proposed: conf/optim\.yaml"):
        project.experiments.accept(second, by="ann")
    with pytest.raises(ProposalError, match="It was accepted already"):
        project.experiments.accept(first, by="bob")
    assert (project.root / "conf/optim.yaml").read_text() == OPTIM.replace("0.1", "0.2")


def _asked(title: str) -> ProposalRequest:
    return ProposalRequest(title=title, hypothesis="It measures the same")


def _decide(root: Path, project: Project, answer: str, start: float, results: multiprocessing.Queue[str]) -> None:
    experiments = Experiments.open(root, project.config)
    experiments.get("P-0001")
    time.sleep(max(0.0, start - time.monotonic()))
    try:
        experiments.decide("P-0001", answer=answer, by=f"{answer}er")  # type: ignore[arg-type]
        results.put(f"done {answer}")
    except ProposalError as error:
        results.put(str(error))


def test_of_two_processes_that_decide_at_once_one_wins_and_the_other_is_told(project: Project) -> None:
    project.propose()
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[str] = context.Queue()
    start = time.monotonic() + 0.5
    processes = [context.Process(target=_decide, args=(project.root, project, answer, start, results)) for answer in ("approve", "reject")]
    for process in processes:
        process.start()
    said = sorted(results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    state = project.reopen().get("P-0001").state
    assert said[1] == ("done approve" if state == "approved" else "done reject")
    assert f"it is {state}" in said[0] and project.experiments.verify() == 2


def test_whoever_decides_on_what_was_decided_meanwhile_is_told_by_whom(project: Project) -> None:
    first = project.propose()
    seen = project.experiments.get(first)
    project.reopen().decide(first, answer="reject", by="bob", reason="no")
    with pytest.raises(ProposalError, match="P-0001 was decided meanwhile by bob: it is rejected"):
        project.experiments._decisions._record(seen, "approve", "ann", "", None, {})  # pyright: ignore[reportPrivateUsage]


def _accept(root: Path, project: Project) -> None:
    Experiments.open(root, project.config).accept("P-0001", by="ann")


def test_killed_while_it_is_accepted_nothing_is_lost_or_applied_twice(project: Project) -> None:
    compare_on_paper(project, project.propose())
    context = multiprocessing.get_context("fork")
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1):
        process = context.Process(target=_accept, args=(project.root, project))
        process.start()
        time.sleep(delay)
        if process.is_alive() and process.pid:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        text = (project.root / "conf/optim.yaml").read_text()
        assert text in (OPTIM, OPTIM.replace("0.1", "0.2"))
        project.reopen()._ledger.check()  # pyright: ignore[reportPrivateUsage]
        if project.experiments.get("P-0001").state == "accepted":
            break
    else:
        project.experiments.accept("P-0001", by="ann")
    assert (project.root / "conf/optim.yaml").read_text() == OPTIM.replace("0.1", "0.2")
    assert [record.type for record in project.experiments._ledger.records("P-0001")].count("experiment.accepted") == 1  # pyright: ignore[reportPrivateUsage]


async def test_an_edited_diff_is_what_runs(project: Project) -> None:
    first = project.propose(lr=0.2)
    patch = project.experiments.get(first).proposal.patch
    # A person writes another value and adds a line; that the counts of lines are wrong now does not matter.
    edited = patch.replace("+lr: 0.2", "+note: edited\n+lr: 0.3")
    revised = project.experiments.revise(first, ProposalEdits(patch=edited), by="ann")
    former = project.experiments.get(first).proposal
    assert revised.hash != former.hash and revised.tree != former.tree
    assert [(change.name, change.before, change.after) for change in revised.parameters] == [("lr", 0.1, 0.3)]
    assert "+note: edited" in revised.patch and project.experiments.get(revised.id).state == "approved"
    project.experiments.start(revised.id)
    _ = [event async for event in project.experiments.follow(revised.id, poll=0.05)]
    assert project.experiments.get(revised.id).state == "compared"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda patch: patch.replace("-lr: 0.1", "-lr: 7"), "the edited diff does not apply.*change only those with"),
        (lambda _: "no diff at all", "the edited diff does not apply"),
        (lambda _: "", "nothing would change with these edits"),
        (lambda patch: patch.replace("conf/optim.yaml", "../outside.yaml"), "the edited diff does not apply"),
    ],
)
def test_an_edited_diff_that_does_not_fit_changes_nothing(project: Project, edit: Callable[[str], str], words: str) -> None:
    first = project.propose(lr=0.2)
    with pytest.raises(ProposalError, match=words):
        project.experiments.revise(first, ProposalEdits(patch=edit(project.experiments.get(first).proposal.patch)), by="ann")
    assert [(item.id, item.state) for item in project.experiments.list()] == [(first, "proposed")]
