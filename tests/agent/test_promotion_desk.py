"""A promotion that the agent asks for: the gate first, then always a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from mltui.agent.desk import Desk
from mltui.agent.gate import Gate
from mltui.agent.policy import MODES, Policy
from mltui.config.schema import PermissionMode, Permissions, Promotion, Tracking
from mltui.core.approval import ApprovalRequest, Decision, PromotionRequest, TrustRequest
from mltui.core.events import Event, ToolCompleted
from mltui.core.messages import ToolCall
from mltui.experiments.records import PromotionDecided
from mltui.tools.base import Workspace
from mltui.tools.catalog import catalog
from mltui.ui.headless.approver import HeadlessApprover
from tests.experiments.promotable import PROMPT, Promotable

BETTER = "Answer briefly, and say how sure you are.\n"


@pytest.fixture
def project(tmp_path: Path) -> Promotable:
    root = tmp_path / "digits"
    root.mkdir()
    promotion = Promotion(prompt=PROMPT, quality="accuracy", latency="latency_ms", cost="cost")
    made = Promotable.make(root, tracking=Tracking(enabled=False), promotion=promotion)
    id_ = made.compared(made.proposal(1, {PROMPT: BETTER}, kind="prompt"))
    made.conclude(id_)
    made.accept(id_, {})
    return made


class Asked:
    """Answers as told and keeps what was asked."""

    def __init__(self, *answers: Decision) -> None:
        self.answers = list(answers)
        self.requests: list[ApprovalRequest] = []

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        assert not isinstance(request, TrustRequest)
        self.requests.append(request)
        return self.answers.pop(0)


async def call(project: Promotable, approver: Asked | HeadlessApprover, mode: PermissionMode, allow: tuple[str, ...] = ()) -> ToolCompleted:
    policy = Policy.build(Permissions(), Workspace(project.root, (project.root,)), mode=mode, allow=allow)
    gate = Gate(catalog(), policy=policy, approver=approver, experiments=project.experiments, session_id="s", author="model:m")
    done: list[Event] = []

    async def emit(event: Event) -> None:
        done.append(event)

    try:
        await gate.execute(ToolCall(id="c", name="Promote", arguments={"experiment_id": "P-0001"}), emit)
    finally:
        await gate.close()
    return next(event for event in done if isinstance(event, ToolCompleted))


def prompt(project: Promotable) -> str:
    return (project.root / PROMPT).read_text()


def outcomes(project: Promotable) -> list[tuple[str, str]]:
    decided = [record.payload for record in project.journal if record.type == PromotionDecided.type]
    return [(str(one["outcome"]), str(one["by"])) for one in decided]


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "plan"])
async def test_a_person_is_asked_in_every_mode_and_whatever_rule_allows_it(project: Promotable, mode: PermissionMode):
    approver = Asked(Decision(answer="reject", by="ann", reason="not before the weekend"))
    done = await call(project, approver, mode, allow=("Promote",))
    (request,) = approver.requests
    assert isinstance(request, PromotionRequest)
    assert all(clause.holds for clause in request.clauses)
    assert "+Answer briefly, and say how sure you are." in request.patch
    assert done.is_error
    assert "not before the weekend" in done.content
    assert prompt(project) == "Answer briefly.\n"
    assert outcomes(project) == [("refused", "ann")]


async def test_a_persons_yes_promotes(project: Promotable):
    done = await call(project, Asked(Decision(answer="approve", by="ann")), "default")
    assert (done.is_error, done.content) == (False, f"ann promoted P-0001: it is production of {PROMPT} now.")
    assert prompt(project) == BETTER
    assert outcomes(project) == [("promoted", "ann")]


@pytest.mark.parametrize("by", ["policy:night.toml", "grant:G-0001", "headless"])
async def test_nothing_promotes_in_a_persons_place(project: Promotable, by: str):
    done = await call(project, Asked(Decision(answer="approve", by=by)), "auto")
    assert done.is_error
    assert prompt(project) == "Answer briefly.\n"


@pytest.mark.parametrize("policy", ["deny", "defer"])
async def test_without_a_person_it_waits(project: Promotable, policy: str):
    done = await call(project, HeadlessApprover(policy), "auto")
    assert done.is_error
    assert f"mltui promote {PROMPT} --from P-0001" in done.content
    assert prompt(project) == "Answer briefly.\n"


async def test_what_is_missing_is_listed_and_nobody_is_asked(project: Promotable):
    project.set(promotion={"cost": "", "latency": "p99"})
    approver = Asked()
    done = await call(project, approver, "auto")
    assert done.is_error
    assert "- latency: p99 was not registered" in done.content
    assert "- cost: no metric stands for cost → name it" in done.content
    assert outcomes(project) == [("refused", "model:m")]


async def test_plan_mode_does_not_promote(project: Promotable):
    done = await call(project, Asked(), "plan")
    assert (done.denied, outcomes(project)) == (True, [])


def test_the_desk_has_no_road_to_an_override():
    import inspect

    assert list(inspect.signature(Desk.promote).parameters) == ["self", "experiment_id", "alias"]
