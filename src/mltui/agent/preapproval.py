"""Between the gate and whoever answers: what a person approved in advance is not asked about."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mltui.core.approval import ApprovalRequest, Approver, Decision, ExperimentRequest, KeepRequest, TrustRequest
from mltui.experiments.grants import Preapprovals
from mltui.experiments.policy import ApprovalPolicy, load
from mltui.experiments.service import Experiments


class PolicyFile:
    """A policy file that is read again when it changes.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        """Raises: PolicyFileError: it cannot be read or is wrong."""
        self.path = path
        self._signature = _signature(path)
        self._policy = load(path)

    @property
    def name(self) -> str:
        return self.path.name

    def current(self) -> ApprovalPolicy:
        """What it says now. Raises: PolicyFileError: it cannot be read any more, or is wrong."""
        signature = _signature(self.path)
        if signature != self._signature:
            self._policy = load(self.path)
            self._signature = signature
        return self._policy


@dataclass(slots=True)
class PreApprover:
    """Implements `Approver`: approves what the policy file or a standing grant covers, and hands on the rest.

    Attributes:
        inner: whoever is asked.
        policy: None without a file.
        doubted: ids of what the agent's own command may have decided; such a grant does not count.
    """

    inner: Approver
    experiments: Experiments
    policy: PolicyFile | None = None
    doubted: Callable[[], frozenset[str]] = frozenset

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        match request:
            case ExperimentRequest():
                return await self._experiment(request)
            case KeepRequest() if self.policy is not None and self._keeps(request, self.policy.current()):
                return Decision(answer="approve", by=f"policy:{self.policy.name}", reason="the verdict is better")
            case _:
                return await self.inner.decide(request)

    async def _experiment(self, request: ExperimentRequest) -> Decision:
        policy = self.policy.current() if self.policy else None
        name = self.policy.name if self.policy else ""
        preapprovals = Preapprovals(self.experiments.ledger)
        covered = await asyncio.to_thread(preapprovals.covers, request.proposal, policy, name, self.doubted())
        if covered.by and not request.exchanges and request.proposal.id not in self.doubted():
            return Decision(answer="approve", by=covered.by, reason=covered.reason)
        decision = await self.inner.decide(request)
        if decision.answer == "hold" and decision.by == "headless" and covered.reason:
            why = f"no rule of the approval policy covers it ({covered.reason})"
            return decision.model_copy(update={"reason": why, "by": f"policy:{name}" if policy else decision.by})
        return decision

    def _keeps(self, request: KeepRequest, policy: ApprovalPolicy) -> bool:
        comparison = request.experiment.comparison
        # A guardrail that could not be shown to hold is not one that holds.
        guards = all(guard.verdict in ("better", "equivalent") for guard in request.experiment.guardrails)
        return policy.keep.when == "better" and comparison is not None and comparison.verdict == "better" and guards


def _signature(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
