"""Deciding from a terminal: every answer, several at once, and what a mistake says."""

from __future__ import annotations

import getpass
import json
import platform
from pathlib import Path

import pytest

from mltui.config.schema import Config
from mltui.core.edits import parse_edits
from mltui.core.errors import UsageError
from mltui.core.experiment import ProposalEdits, ProposalRequest
from mltui.experiments.orphans import Orphans
from mltui.experiments.records import UnplannedSettled, UnplannedTraining
from mltui.experiments.service import Experiments
from tests.agent.test_desk import CONFIG
from tests.e2e.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path)


def _propose(project: Project, lr: float, config: Config = CONFIG) -> str:
    asked = ProposalRequest(title=f"Rate {lr}", hypothesis="a higher rate helps", changes={"lr": lr})
    return Experiments.open(project.root, config).propose(asked, session_id=None, author="model:m").id


@pytest.mark.slow
def test_several_are_decided_by_one_command_and_a_wrong_one_stops_no_other(project: Project) -> None:
    first, second, third = (_propose(project, lr) for lr in (0.1, 0.2, 0.3))
    listed = json.loads(project.mltui("experiments", "pending", "--json").out)
    assert [row["id"] for row in listed] == [first, second, third] and listed[0]["changes"]["lr"][1] == 0.1
    assert "Rate 0.2" in project.mltui("experiments", "pending").out
    done = project.mltui("experiments", "approve", first, "P-0077", second)
    assert done.code == 1 and "no experiment P-0077" in done.err and f"{second} is approved" in done.err
    assert project.mltui("experiments", "reject", third, "--reason", "too high").code == 0
    log = Experiments.open(project.root, CONFIG)
    assert [item.state for item in log.list()] == ["approved", "approved", "rejected"]
    approval = log.get(first).approval
    assert approval is not None and approval.origin is not None and approval.origin.via == "cli" and approval.origin.os_user
    assert "Nothing waits" in project.mltui("experiments", "pending").err
    again = project.mltui("experiments", "approve", third)
    assert again.code == 1 and "it is rejected" in again.err and "Traceback" not in again.err
    assert project.mltui("experiments", "reopen", third, "--reason", "after all").code == 0
    assert log.get(third).state == "proposed"


@pytest.mark.slow
def test_approve_with_edits(project: Project) -> None:
    first = _propose(project, 0.1)
    done = project.mltui("experiments", "approve", first, "--seeds", "1,2", "--minutes", "3", "--set", "lr=0.2")
    assert done.code == 0, done.err
    assert "approved with edits, as P-0002" in done.err
    proposal = Experiments.open(project.root, CONFIG).get("P-0002").proposal
    assert (proposal.seeds, proposal.budget.minutes, proposal.parameters[0].after) == ((1, 2), 3, 0.2)
    for wrong in (("--seeds", "a,b"), ("--set", "lr"), ("--minutes", "0")):
        assert project.mltui("experiments", "approve", "P-0002", *wrong).code == 2


@pytest.mark.slow
def test_ask_hold_and_maintenance(project: Project) -> None:
    first, second = _propose(project, 0.1), _propose(project, 0.2)
    assert project.mltui("experiments", "ask", first, "--question", "Why?").code == 0
    assert project.mltui("experiments", "hold", second).code == 0
    log = Experiments.open(project.root, CONFIG)
    assert log.get(first).exchanges[0].question == "Why?" and log.get(second).state == "held"
    assert project.mltui("experiments", "maintenance", second).code == 2
    done = project.mltui("experiments", "maintenance", second, "--reason", "the documented default")
    assert done.code == 0, done.err
    assert "lr: 0.2" in (project.root / "conf/train.yaml").read_text()
    refreshed = project.mltui("experiments", "refresh", first)
    assert refreshed.code == 0 and "takes the place of" in refreshed.err, refreshed.err
    nothing = project.mltui("experiments", "metric", "confirm", "--reason", "x")
    assert nothing.code == 1 and "nothing to confirm" in nothing.err
    no_terminal = project.mltui("experiments", "review")
    assert no_terminal.code == 2 and "no terminal" in no_terminal.err


@pytest.mark.parametrize(
    "args",
    [
        ("approve", "P-0001"), ("reject", "P-0001"), ("hold", "P-0001"), ("ask", "P-0001", "--question", "q"), ("review",),
        ("maintenance", "P-0001", "--reason", "r"), ("refresh", "P-0001"), ("reopen", "P-0001", "--reason", "r"), ("accept", "P-0001"),
        ("metric", "confirm", "--reason", "r"), ("discard", "P-0001"),
    ],
)  # fmt: skip
def test_the_agents_shell_decides_nothing(project: Project, args: tuple[str, ...]) -> None:
    _propose(project, 0.1)
    done = project.mltui("experiments", *args, MLTUI_SHELL_CALL="1")
    assert done.code == 1 and "decides nothing" in done.err
    assert Experiments.open(project.root, CONFIG).get("P-0001").state == "proposed"


def test_a_report_says_who_proposed_and_decided_and_from_where(project: Project) -> None:
    first = _propose(project, 0.1)
    assert project.mltui("experiments", "refresh", first).code == 0
    assert project.mltui("experiments", "maintenance", "P-0002", "--reason", "the documented default").code == 0
    shown = project.mltui("experiments", "show", "P-0002")
    assert shown.code == 0, shown.err
    host, user = platform.node(), getpass.getuser()
    lines = shown.out.splitlines()
    proposed, decided = (next(line for line in lines if line.startswith(start)) for start in ("- Proposed", "- Let through"))
    assert f"by {user} (login {user}" in proposed and f"on {host}, by cli)" in proposed
    assert f"by {user} (login {user}" in decided and f"on {host}, by cli)" in decided and "the documented default" in decided
    assert "- Evaluator: none, the metrics are self-reported" in shown.out


@pytest.mark.parametrize("outcome", ["adopt", "discard"])
def test_what_is_said_of_training_outside_a_proposal_has_an_origin(project: Project, outcome: str) -> None:
    orphans = Orphans(project.root / ".mltui")
    orphans.record(UnplannedTraining(id="", session_id="s", command="python x.py"))
    done = project.mltui("experiments", "orphans", outcome, "U-0001")
    assert done.code == 0, done.err
    (row,) = [row for row in json.loads(project.mltui("experiments", "export").out) if row["type"] == UnplannedSettled.type]
    assert (row["os_user"], row["via"], row["what"]) == (getpass.getuser(), "cli", outcome)


def test_what_must_be_confined_does_not_start_without_a_sandbox(project: Project) -> None:
    first = _propose(project, 0.1)
    assert project.mltui("experiments", "approve", first).code == 0
    project.home.mkdir(exist_ok=True)
    (project.home / "config.toml").write_text("[sandbox]\nenabled = false\nrequire = true\n")
    journal = project.root / ".mltui" / "journal.jsonl"
    before = journal.read_bytes()
    for command in (("run", first), ("baseline",)):
        done = project.mltui("experiments", *command)
        assert done.code == 44 and "sandbox is required" in done.err and "Traceback" not in done.err
    assert journal.read_bytes() == before
    assert not (project.root / ".mltui" / "jobs").exists()


def test_what_a_person_types_as_edits() -> None:
    assert parse_edits(["lr=1e-3", "name=adam", "seeds=1,2", "minutes=2.5", "flag=true"]) == ProposalEdits(
        seeds=(1, 2), minutes=2.5, changes={"lr": 1e-3, "name": "adam", "flag": True}
    )
    for wrong in ("lr", "=1", "lr=", "seeds=1;2", "minutes=soon", "minutes=nan", "minutes=inf"):
        with pytest.raises(UsageError):
            parse_edits([wrong])
