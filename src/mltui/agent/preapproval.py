"""Between the gate and whoever answers: what a person approved in advance is not asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from mltui.core.approval import ApprovalRequest, Approver, Decision, ExperimentRequest, KeepRequest, TrustRequest
from mltui.core.errors import PolicyFileError
from mltui.experiments.grants import Covered, Preapprovals
from mltui.experiments.journal import plain
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
        grants: let standing grants count.
        quiet: entered when no command of the agent runs: what such a one does to file and journal is undone when it ends.
    """

    inner: Approver
    experiments: Experiments
    policy: PolicyFile | None = None
    doubted: Callable[[], frozenset[str]] = frozenset
    grants: bool = True
    quiet: Callable[[], AbstractAsyncContextManager[object]] = nullcontext

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        match request:
            case ExperimentRequest():
                return await self._experiment(request)
            case KeepRequest() if self.policy is not None and await self._sure(request):
                return Decision(answer="approve", by=f"policy:{self.policy.name}", reason="the verdict is better")
            case _:
                return await self.inner.decide(request)

    async def _experiment(self, request: ExperimentRequest) -> Decision:
        name = self.policy.name if self.policy else ""
        policy, covered = await self._covered(request, name)
        if covered.by:
            async with self.quiet():
                policy, covered = await self._covered(request, name)
        if covered.by and not request.exchanges and request.proposal.id not in self.doubted():
            rule = plain(covered.rule) if covered.rule else {}
            return Decision(answer="approve", by=covered.by, reason=covered.reason, rule=rule)
        decision = await self.inner.decide(request)
        if decision.answer == "hold" and decision.by == "headless" and covered.reason:
            why = f"no rule of the approval policy covers it ({covered.reason})"
            return decision.model_copy(update={"reason": why, "by": f"policy:{name}" if policy else decision.by})
        return decision

    async def _covered(self, request: ExperimentRequest, name: str) -> tuple[ApprovalPolicy | None, Covered]:
        policy, wrong = self._current()
        preapprovals = Preapprovals(self.experiments.ledger)
        covered = await asyncio.to_thread(preapprovals.covers, request.proposal, policy, name, self.doubted(), grants=self.grants)
        return policy, covered if covered.by else replace(covered, reason="; ".join(filter(None, (wrong, covered.reason))))

    async def _sure(self, request: KeepRequest) -> bool:
        if not self._keeps(request, self._current()[0]):
            return False
        async with self.quiet():
            return self._keeps(request, self._current()[0])

    def _current(self) -> tuple[ApprovalPolicy | None, str]:
        """What the policy file says now; None, and why, when it approves nothing since it cannot be read (any more)."""
        try:
            return (self.policy.current() if self.policy else None), ""
        except PolicyFileError as error:
            return None, str(error.args[0])

    def _keeps(self, request: KeepRequest, policy: ApprovalPolicy | None) -> bool:
        if policy is None:
            return False
        comparison = request.experiment.comparison
        # A guardrail that could not be shown to hold is not one that holds.
        guards = all(guard.verdict in ("better", "equivalent") for guard in request.experiment.guardrails)
        return policy.keep.when == "better" and comparison is not None and comparison.verdict == "better" and guards


def _signature(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
