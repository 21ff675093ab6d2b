"""A promotion that the agent asks for: the gate first, then a person, always. The agent can never override."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mltui.core.approval import ApprovalRequest, Decision
from mltui.core.data import JsonObject
from mltui.core.experiment import Clause
from mltui.core.messages import ToolCall, ToolResult
from mltui.experiments.service import Experiments

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
    from mltui.experiments.promotion_request import request_of

    promotions = experiments.promotions()
    target = promotions.target()
    plan = await asyncio.to_thread(promotions.check, experiment_id, target, alias)
    details: JsonObject = {"experiment_id": experiment_id, "target": str(target), "alias": plan.alias}
    if not plan.passes:
        at = await asyncio.to_thread(origin, experiments.root, "agent")
        await asyncio.to_thread(promotions.refuse, plan, Who(author, at))
        return ToolResult(content=refusal(plan.name, plan.missing), is_error=True, details={**details, "outcome": "refused"})
    decision = await ask(await asyncio.to_thread(request_of, promotions, plan, call))
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
