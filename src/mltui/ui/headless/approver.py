"""Answers where no one can be asked: what would ask is denied, an experiment is rejected or deferred.

What a policy file or a standing grant approves in advance never comes here (`agent.preapproval`).
"""

from __future__ import annotations

from typing import Literal

from mltui.core.approval import ApprovalRequest, Decision, ExperimentRequest, KeepRequest, PermissionRequest, TrustRequest


class HeadlessApprover:
    """`deny` rejects proposals, `defer` leaves them in the log."""

    def __init__(self, rest: Literal["deny", "defer"] = "defer") -> None:
        self._rest = rest

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        match request:
            case TrustRequest():
                return Decision(answer="stop", by="headless")
            case ExperimentRequest():
                if self._rest == "deny":
                    return Decision(answer="reject", by="headless", reason="--approval-policy deny")
                return Decision(answer="hold", by="headless", reason="no one is there to decide")
            case KeepRequest():
                return Decision(answer="hold", by="headless", reason="a person keeps or discards it: mltui experiments accept|discard")
            case PermissionRequest():
                why = f"{request.reason}, and no one is there to ask; allow it by a permission rule or --allowed-tools"
                return Decision(answer="reject", by="headless", reason=why)
            case _:
                return Decision(
                    answer="reject", by="headless", reason="no one is there to answer; decide by what you know and say what you assumed"
                )
