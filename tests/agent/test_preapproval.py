"""What was approved in advance is not asked about; all else is."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mltui.agent.preapproval import PolicyFile, PreApprover
from mltui.config.schema import Config
from mltui.core.approval import ApprovalRequest, Decision, ExperimentRequest, KeepRequest, PermissionRequest, TrustRequest
from mltui.core.effects import Effect
from mltui.core.experiment import Exchange, Experiment
from mltui.core.messages import ToolCall
from mltui.experiments.policy import ApproveRule
from mltui.experiments.service import Experiments
from mltui.ui.headless.approver import HeadlessApprover
from tests.experiments.test_fold import comparison
from tests.experiments.test_policy import plan

POLICY = "[[approve]]\nkinds = ['hparam']\nparameters = ['lr']\nmax_minutes = 30\nmax_runs = 16\n"
CALL = ToolCall(id="c", name="ProposeExperiment", arguments={})


class Person:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[ApprovalRequest | TrustRequest] = []

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        self.asked.append(request)
        return Decision(answer="hold", by="ann")


@pytest.fixture
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiments:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    return Experiments(tmp_path / "project", Config())


@pytest.fixture
def policy(tmp_path: Path) -> PolicyFile:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return PolicyFile(path)


def request(**changes: object) -> ExperimentRequest:
    return ExperimentRequest(id="r", call=CALL, proposal=plan().model_copy(update=changes))


async def test_a_covered_proposal_is_approved_without_asking(experiments: Experiments, policy: PolicyFile) -> None:
    person = Person()
    decision = await PreApprover(person, experiments, policy).decide(request())
    assert (decision.answer, decision.by, decision.reason) == ("approve", "policy:policy.toml", "rule 1")
    assert decision.rule["parameters"] == ["lr"]  # its totals are counted again where it is recorded
    assert person.asked == []


async def test_what_is_not_covered_was_asked_about_or_is_doubted_goes_to_the_person(experiments: Experiments, policy: PolicyFile) -> None:
    person = Person()
    approver = PreApprover(person, experiments, policy)
    await approver.decide(request(kind="train"))
    await approver.decide(request().model_copy(update={"exchanges": (Exchange(question="why?", by="ann"),)}))
    await approver.decide(PermissionRequest(id="p", call=CALL, effects=(Effect(kind="exec", target="x"),), reason="r"))
    approver.doubted = lambda: frozenset({plan().id})
    await approver.decide(request())
    assert len(person.asked) == 4


async def test_a_standing_grant_covers_until_the_agents_command_may_have_given_it(experiments: Experiments) -> None:
    person = Person()
    approver = PreApprover(person, experiments)
    rule = ApproveRule(kinds=("hparam",), parameters=("lr",), max_minutes=30, max_runs=16)
    experiments.preapprovals().give(rule, expires=time.time() + 60, by="ann", reason="")
    assert (await approver.decide(request())).by == "grant:G-0001"
    approver.doubted = lambda: frozenset({"G-0001"})
    await approver.decide(request())
    assert len(person.asked) == 1


async def test_the_file_is_read_again_and_a_broken_one_approves_nothing(experiments: Experiments, policy: PolicyFile) -> None:
    person = Person()
    approver = PreApprover(person, experiments, policy)
    policy.path.write_text(POLICY.replace("lr", "batch"))
    os.utime(policy.path, ns=(1, 1))
    assert (await approver.decide(request())).answer == "hold"
    policy.path.write_text("[[approve")
    assert (await approver.decide(request())).answer == "hold"
    policy.path.unlink()
    assert (await approver.decide(request())).answer == "hold"
    assert len(person.asked) == 3


async def test_what_a_running_command_wrote_into_the_file_approves_nothing(experiments: Experiments, policy: PolicyFile) -> None:
    person = Person()
    approver = PreApprover(person, experiments, policy)

    @asynccontextmanager
    async def quiet() -> AsyncGenerator[None]:
        policy.path.write_text("")  # the command has ended, and its guard put the file back
        yield

    approver.quiet = quiet
    assert (await approver.decide(request())).answer == "hold"
    policy.path.write_text(f'{POLICY}[keep]\nwhen = "better"\n')
    result = comparison().model_copy(update={"verdict": "better"})
    keep = KeepRequest(id="k", call=CALL, experiment=Experiment(proposal=plan(), state="compared", comparison=result))
    assert (await approver.decide(keep)).answer == "hold"
    assert len(person.asked) == 2


async def test_headless_says_why_no_rule_covers_it(experiments: Experiments, policy: PolicyFile) -> None:
    decision = await PreApprover(HeadlessApprover(), experiments, policy).decide(request(kind="train"))
    assert decision.answer == "hold" and decision.by == "policy:policy.toml"
    assert "rule 1: kind train is not among hparam" in decision.reason
    denied = await PreApprover(HeadlessApprover("deny"), experiments, grants=False).decide(request())
    assert denied.answer == "reject"


@pytest.mark.parametrize(
    ("when", "verdict", "answer"), [("better", "better", "approve"), ("better", "inconclusive", "hold"), ("never", "better", "hold")]
)
async def test_a_policy_keeps_what_is_better(experiments: Experiments, policy: PolicyFile, when: str, verdict: str, answer: str) -> None:
    policy.path.write_text(f'{POLICY}[keep]\nwhen = "{when}"\n')
    result = comparison().model_copy(update={"verdict": verdict})
    experiment = Experiment(proposal=plan(), state="compared", comparison=result)
    asked = KeepRequest(id="k", call=CALL, experiment=experiment)
    assert (await PreApprover(Person(), experiments, policy).decide(asked)).answer == answer
