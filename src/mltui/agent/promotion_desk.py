"""A promotion that the agent asks for: the gate first, then a person, always. The agent can never override."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from mltui.core.approval import ApprovalRequest, Decision, PromotionRequest
from mltui.core.data import JsonObject
from mltui.core.experiment import Clause
from mltui.core.messages import ToolCall, ToolResult
from mltui.experiments.service import Experiments

if TYPE_CHECKING:
    from mltui.experiments.promotion import Promotions
    from mltui.experiments.promotion_plan import Plan

NOBODY = ("headless", "policy:", "grant:", "mltui")
"""How the names of those begin that decide in a person's place: none of them promotes."""


async def promote(
    experiments: Experiments,
    call: ToolCall,
    ask: Callable[[ApprovalRequest], Awaitable[Decision]],
    author: str,
    experiment_id: str,
    alias: str,
) -> ToolResult:
    """Refuses with the whole list of what is missing, or asks the person and does what they say."""
    from mltui.experiments.origin import origin
    from mltui.experiments.promotion_plan import Who

    promotions = experiments.promotions()
    target = promotions.target()
    plan = await asyncio.to_thread(promotions.check, experiment_id, target, alias)
    details: JsonObject = {"experiment_id": experiment_id, "target": str(target), "alias": plan.alias}
    if not plan.passes:
        at = await asyncio.to_thread(origin, experiments.root, "agent")
        await asyncio.to_thread(promotions.refuse, plan, Who(author, at))
        return ToolResult(content=refusal(plan.name, plan.missing), is_error=True, details={**details, "outcome": "refused"})
    decision = await ask(await asyncio.to_thread(_request, promotions, plan, call))
    who = Who(decision.by, await asyncio.to_thread(origin, experiments.root, "app"))
    because = f" ({decision.reason})" if decision.reason else ""
    if not decision.approved or decision.by.startswith(NOBODY):
        if decision.answer == "reject":
            await asyncio.to_thread(promotions.refuse, plan, who, decision.reason)
        said = "was refused by" if decision.answer == "reject" else "waits: it was not decided by"
        return ToolResult(
            content=f"The promotion of {plan.name} {said} {decision.by}{because}. Nothing was changed. "
            f"A person promotes: mltui promote {target.name} --from {plan.name}",
            is_error=True,
            details=details,
        )
    done = await asyncio.to_thread(promotions.promote, plan, who)
    version = f" (version {done.version})" if target.kind == "model" else ""
    return ToolResult(
        content=f"{decision.by} promoted {plan.name}: it is {done.alias} of {target.name} now{version}.",
        details={**details, "outcome": done.outcome, "version": done.version},
    )


def refusal(name: str, missing: tuple[Clause, ...]) -> str:
    """What is missing, a line each, with what to do."""
    lines = [f"{name} cannot be promoted. Nothing was changed. Missing:"]
    lines += [f"- {clause.name}: {clause.found}" + (f" → {clause.remedy}" if clause.remedy else "") for clause in missing]
    return "\n".join(lines)


def _request(promotions: Promotions, plan: Plan, call: ToolCall) -> PromotionRequest:
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
