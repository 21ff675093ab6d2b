"""What was approved in advance, by policy files and by standing grants, and how much of it is left: all from the journal."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mltui.core.data import JsonObject
from mltui.core.errors import ProposalError
from mltui.core.experiment import Origin, Proposal
from mltui.experiments.journal import plain
from mltui.experiments.ledger import Ledger
from mltui.experiments.policy import ApprovalPolicy, ApproveRule, Spent, as_rule, objections
from mltui.experiments.records import GrantGiven, GrantRevoked, ProposalDecided
from mltui.experiments.storage import file_lock, make_state_folder


@dataclass(frozen=True, slots=True)
class StandingGrant:
    """A grant as it stands. `state`: `active`, `expired` or `revoked`."""

    given: GrantGiven
    rule: ApproveRule
    spent: Spent
    state: str

    @property
    def id(self) -> str:
        return self.given.id


@dataclass(frozen=True, slots=True)
class Covered:
    """Who approves in advance (`policy:FILE`, `grant:G-0001`) and by which rule; `by` is empty when nobody does.

    Attributes:
        reason: the rule, or why none covers it.
        rule: of a policy file, what it says; a grant's is in the journal.
    """

    by: str
    reason: str
    rule: ApproveRule | None = None


class Preapprovals:
    """What may run without asking, in one project."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def grants(self, now: float | None = None) -> list[StandingGrant]:
        """All grants ever given, oldest first. Those that say what no grant may say are left out."""
        now = time.time() if now is None else now
        revoked = {GrantRevoked.model_validate(record.payload).id for record in self._ledger.of_type(GrantRevoked.type)}
        found: list[StandingGrant] = []
        for record in self._ledger.of_type(GrantGiven.type):
            given = GrantGiven.model_validate(record.payload)
            rule = as_rule(given.rule)
            if rule is not None:
                state = "revoked" if given.id in revoked else "expired" if given.expires <= now else "active"
                found.append(StandingGrant(given, rule, self.spent(f"grant:{given.id}"), state))
        return found

    def give(self, rule: ApproveRule, *, expires: float, by: str, reason: str, origin: Origin | None = None) -> GrantGiven:
        """Journals a grant. Raises: JournalError: it could not be written."""
        make_state_folder(self._ledger.journal.path.parent)
        with file_lock(self._ledger.journal.path.with_name("grants.lock")):
            given = GrantGiven(id=self._ledger.next_id("G"), rule=plain(rule), by=by, expires=expires, reason=reason, origin=origin)
            self._ledger.record(given, by)
        return given

    def revoke(self, grant_id: str, *, by: str, origin: Origin | None = None) -> None:
        """Raises: ProposalError: there is no such grant, or it ended."""
        known = {grant.id: grant for grant in self.grants()}
        if grant_id not in known:
            raise ProposalError(f"there is no grant {grant_id}", hint=f"Given are: {', '.join(known) or 'none'}.")
        if known[grant_id].state != "active":
            raise ProposalError(f"{grant_id} is {known[grant_id].state} already")
        self._ledger.record(GrantRevoked(id=grant_id, by=by, origin=origin), by)

    def spent(self, by: str, reason: str | None = None) -> Spent:
        """What was approved by a policy or a grant so far; `reason` names one of its rules."""
        total = Spent()
        for record in self._ledger.of_type(ProposalDecided.type):
            approval = ProposalDecided.model_validate(record.payload).approval
            if approval.answer == "approve" and approval.by == by and (reason is None or approval.reason == reason):
                total = total.and_(self._ledger.get(approval.proposal_id).proposal)
        return total

    def confirm(self, proposal: Proposal, by: str, reason: str, rule: JsonObject) -> None:
        """Counts once more, under the lock of all writers, whether what approves in advance has this much left.

        Args:
            by, reason: as `covers` said them.
            rule: of a policy file, as JSON; empty: nothing of it is counted.

        Raises: ProposalError: another session used it up, or somebody revoked it, meanwhile.
        """
        objection = ""
        if by.startswith("grant:"):
            grant = next((found for found in self.grants() if f"grant:{found.id}" == by), None)
            if grant is None or grant.state != "active":
                objection = f"it is {grant.state}" if grant else "there is no such grant"
            else:
                objection = objections(grant.rule, proposal, grant.spent)
        elif by.startswith("policy:") and (kept := as_rule(rule)) is not None:
            objection = objections(kept, proposal, self.spent(by, reason))
        if objection:
            raise ProposalError(f"{by} does not approve {proposal.id} any more: {objection}", hint="A person decides.")

    def covers(
        self,
        proposal: Proposal,
        policy: ApprovalPolicy | None,
        policy_name: str,
        doubted: frozenset[str] = frozenset(),
        *,
        grants: bool = True,
    ) -> Covered:
        """Whether the policy file or a grant approves a proposal.

        Args:
            policy_name: the file's name, by which its approvals are counted.
            doubted: grants that the agent's own command may have given.
            grants: let standing grants count.
        """
        reasons: list[str] = []
        by = f"policy:{policy_name}"
        for number, rule in enumerate(policy.approve if policy else (), 1):
            assert policy is not None
            label = policy.label(number)
            spent = self.spent(by, label) if _has_total(rule) else Spent()
            objection = objections(rule, proposal, spent)
            if not objection:
                return Covered(by, label, rule)
            reasons.append(f"{label}: {objection}")
        for grant in self.grants() if grants else ():
            if grant.state == "active" and grant.id not in doubted:
                objection = objections(grant.rule, proposal, grant.spent)
                if not objection:
                    return Covered(f"grant:{grant.id}", grant.given.reason or "standing grant")
                reasons.append(f"{grant.id}: {objection}")
        return Covered("", "; ".join(reasons))


def _has_total(rule: ApproveRule) -> bool:
    return rule.total_minutes is not None or rule.total_runs is not None or rule.max_experiments is not None
