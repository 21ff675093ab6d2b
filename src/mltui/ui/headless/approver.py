"""Answers where no one can be asked: what would ask is denied, an experiment is deferred or decided by a written policy."""

from __future__ import annotations

from pathlib import Path

from mltui.core.approval import ApprovalRequest, Decision, ExperimentRequest, KeepRequest, PermissionRequest, TrustRequest
from mltui.ui.headless.policy_file import ApprovalPolicy, load, objections


class HeadlessApprover:
    """`deny` rejects proposals, `defer` leaves them in the log, a file decides by its rules and defers the rest.

    Attributes:
        permissions: rules of the policy file, for the session's policy.
        obeyed: the policy file, if there is one.
    """

    def __init__(self, approval_policy: str) -> None:
        """Raises: PolicyFileError: the file is missing or wrong."""
        self._rest = "reject" if approval_policy == "deny" else "hold"
        self._policy = ApprovalPolicy()
        self._by = "headless"
        self.obeyed: tuple[Path, ...] = ()
        if approval_policy not in ("deny", "defer"):
            path = Path(approval_policy)
            self._policy = load(path)
            self.obeyed = (path.resolve(),)
            self._by = f"policy:{path.name}"

    @property
    def permissions(self) -> tuple[str, ...]:
        return self._policy.permissions

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        match request:
            case TrustRequest():
                return Decision(answer="stop", by="headless")
            case ExperimentRequest():
                return self._experiment(request)
            case KeepRequest():
                return self._keep(request)
            case PermissionRequest():
                why = f"{request.reason}, and no one is there to ask; allow it by a permission rule or --allowed-tools"
                return Decision(answer="reject", by="headless", reason=why)
            case _:
                return Decision(
                    answer="reject", by="headless", reason="no one is there to answer; decide by what you know and say what you assumed"
                )

    def _experiment(self, request: ExperimentRequest) -> Decision:
        reasons: list[str] = []
        for number, rule in enumerate(self._policy.approve, 1):
            objection = objections(rule, request.proposal)
            if not objection:
                return Decision(answer="approve", by=self._by, reason=f"rule {number}")
            reasons.append(f"rule {number}: {objection}")
        if self._rest == "reject":
            return Decision(answer="reject", by="headless", reason="--approval-policy deny")
        why = f"no rule of the approval policy covers it ({'; '.join(reasons)})" if reasons else "no one is there to decide"
        return Decision(answer="hold", by=self._by, reason=why)

    def _keep(self, request: KeepRequest) -> Decision:
        comparison = request.experiment.comparison
        # A guardrail that could not be shown to hold is not one that holds.
        guards = all(guard.verdict in ("better", "equivalent") for guard in request.experiment.guardrails)
        if self._policy.keep.when == "better" and comparison is not None and comparison.verdict == "better" and guards:
            return Decision(answer="approve", by=self._by, reason="the verdict is better")
        return Decision(answer="hold", by=self._by, reason="a person keeps or discards it: mltui experiments accept|discard")
