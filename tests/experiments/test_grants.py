"""Standing grants and totals: what is left is counted from the journal."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.experiments.test_policy import plan

from mltui.core.errors import ProposalError
from mltui.core.experiment import Approval, Origin, Proposal
from mltui.experiments.grants import Preapprovals
from mltui.experiments.ledger import Ledger
from mltui.experiments.policy import ApprovalPolicy, ApproveRule
from mltui.experiments.records import GrantGiven, ProposalCreated, ProposalDecided

RULE = ApproveRule(kinds=("hparam",), parameters=("lr",), max_minutes=30, max_runs=16, total_runs=8)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    return Ledger(tmp_path / "project" / ".mltui")


def approved(ledger: Ledger, name: str, by: str, reason: str) -> Proposal:
    made = plan().model_copy(update={"id": name})
    ledger.record(ProposalCreated(proposal=made), "model")
    approval = Approval(proposal_id=name, proposal_hash=made.hash, answer="approve", by=by, at=0.0, reason=reason)
    ledger.record(ProposalDecided(approval=approval), by)
    return made


def test_a_grant_covers_until_it_is_used_up(ledger: Ledger) -> None:
    preapprovals = Preapprovals(ledger)
    origin = Origin(os_user="ann", host="desk", via="cli")
    given = preapprovals.give(RULE, expires=time.time() + 60, by="ann", reason="today", origin=origin)
    assert given.id == "G-0001"
    covered = preapprovals.covers(plan(), None, "")
    assert (covered.by, covered.reason) == ("grant:G-0001", "today")
    for number in (1, 2):
        approved(ledger, f"P-{number:04d}", "grant:G-0001", "today")
    (grant,) = Preapprovals(Ledger(ledger.journal.path.parent)).grants()
    assert grant.spent.runs == 8 and grant.spent.experiments == 2 and grant.given.origin == origin
    assert "over its total of 8" in preapprovals.covers(plan(), None, "").reason


def test_a_revoked_an_expired_and_a_doubted_grant_cover_nothing(ledger: Ledger) -> None:
    preapprovals = Preapprovals(ledger)
    preapprovals.give(RULE, expires=time.time() + 60, by="ann", reason="")
    preapprovals.give(RULE, expires=time.time() - 1, by="ann", reason="")
    assert preapprovals.covers(plan(), None, "", frozenset({"G-0001"})).by == ""
    assert preapprovals.covers(plan(), None, "", grants=False).by == ""
    preapprovals.revoke("G-0001", by="ann")
    assert preapprovals.covers(plan(), None, "").by == ""
    assert [grant.state for grant in preapprovals.grants()] == ["revoked", "expired"]
    for name, said in (("G-0001", "revoked already"), ("G-0002", "expired already"), ("G-0009", "Given are: G-0001, G-0002")):
        with pytest.raises(ProposalError, match=said):
            preapprovals.revoke(name, by="ann")


@pytest.mark.parametrize(
    "rule", [{}, {"kinds": ["eval"], "max_minutes": 9, "max_runs": 9}, {"kinds": ["hparam"], "max_minutes": "x", "max_runs": 1}]
)
def test_a_grant_that_says_what_none_may_say_does_not_count(ledger: Ledger, rule: dict[str, object]) -> None:
    ledger.record(GrantGiven.model_validate({"id": "G-0001", "rule": rule, "by": "m", "expires": time.time() + 60}), "m")
    assert Preapprovals(ledger).grants() == []


def test_the_totals_of_a_policy_are_counted_by_file_and_rule(ledger: Ledger) -> None:
    preapprovals = Preapprovals(ledger)
    named = RULE.model_copy(update={"name": "search"})
    policy = ApprovalPolicy(approve=(RULE, named))
    assert preapprovals.covers(plan(), policy, "p.toml").reason == "rule 1"
    for number in (1, 2):
        approved(ledger, f"P-{number:04d}", "policy:p.toml", "rule 1")
    assert preapprovals.covers(plan(), policy, "p.toml").reason == "rule search"
    assert preapprovals.covers(plan(), policy, "other.toml").reason == "rule 1"
    for number in (3, 4):
        approved(ledger, f"P-{number:04d}", "policy:p.toml", "rule search")
    covered = preapprovals.covers(plan(), policy, "p.toml")
    assert covered.by == "" and "rule 1:" in covered.reason and "rule search:" in covered.reason
