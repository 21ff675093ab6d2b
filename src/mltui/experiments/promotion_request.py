"""The question whether what passed the promotion gate is promoted, for a person."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING
from uuid import uuid4

from mltui.core.approval import PromotionRequest
from mltui.core.messages import ToolCall

if TYPE_CHECKING:
    from mltui.experiments.promotion import Promotions
    from mltui.experiments.promotion_plan import Plan


def request_of(promotions: Promotions, plan: Plan, call: ToolCall) -> PromotionRequest:
    """What is asked about a plan that has an experiment."""
    assert plan.experiment is not None
    previous = f"{plan.previous.experiment_id} (version {plan.previous.version[:12]})" if plan.previous else ""
    return PromotionRequest(
        id=uuid4().hex,
        call=call,
        experiment=plan.experiment,
        target=str(plan.target),
        alias=plan.alias,
        clauses=plan.clauses,
        previous=previous,
        patch=_patch(plan.target.name, *promotions.prompt_texts(plan)) if plan.target.kind == "prompt" else "",
    )


def _patch(name: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return "\n".join(lines) + "\n"
