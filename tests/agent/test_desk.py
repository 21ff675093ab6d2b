"""What becomes of an experiment when the person does not simply say yes or no."""

from __future__ import annotations

from pathlib import Path

import pytest

from mltui.agent.desk import Desk
from mltui.config.schema import Config, MetricsSource, Tracking
from mltui.config.schema import Experiments as Section
from mltui.core.approval import ApprovalRequest, Decision
from mltui.core.events import Event
from mltui.core.experiment import Metric, ProposalRequest
from mltui.core.messages import ToolCall
from mltui.experiments.service import Experiments
from tests.e2e.project import Project

CONFIG = Config(
    experiments=Section(
        entrypoints=("python train.py --seed {seed}",),
        metrics=MetricsSource(file="metrics.json"),
        primary=Metric(name="accuracy", min_effect=0.005),
        space={"lr": {"type": "float", "low": 0.001, "high": 0.5, "log": True, "key": "conf/train.yaml:lr"}},  # type: ignore[dict-item]
    ),
    tracking=Tracking(enabled=False),
)
REQUEST = ProposalRequest(title="Faster", hypothesis="a higher rate helps", changes={"lr": 0.1})


@pytest.fixture
def experiments(tmp_path: Path) -> Experiments:
    return Experiments.open(Project.make(tmp_path).root, CONFIG)


def desk(experiments: Experiments, *answers: Decision) -> tuple[Desk, list[Event]]:
    events: list[Event] = []
    waiting = list(answers)

    async def ask(request: ApprovalRequest) -> Decision:
        return waiting.pop(0)

    async def emit(event: Event) -> None:
        events.append(event)

    call = ToolCall(id="c", name="ProposeExperiment")
    return Desk(experiments, "s", "model:m", call, ask, emit, frozenset({"propose", "conclude", "note"})), events


async def test_a_person_who_stops_has_not_rejected(experiments: Experiments) -> None:
    at, _ = desk(experiments, Decision(answer="stop", by="me"))

    result = await at.propose(REQUEST)

    assert not result.is_error
    assert experiments.get("P-0001").state == "held"


async def test_a_decision_taken_elsewhere_holds_with_its_reason(experiments: Experiments) -> None:
    at, _ = desk(experiments, Decision(answer="approve", by="me"))

    async def ask(request: ApprovalRequest) -> Decision:
        experiments.decide("P-0001", answer="reject", by="colleague", reason="too bold")
        return Decision(answer="approve", by="me")

    result = await Desk(experiments, "s", "model:m", at.call, ask, at.emit, at.may).propose(REQUEST)

    assert result.is_error
    assert "rejected by colleague (too bold)" in result.content
    assert experiments.get("P-0001").state == "rejected"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "state"), [("stop", "interpreted"), ("hold", "interpreted"), ("reject", "discarded"), ("approve", "accepted")]
)
async def test_only_a_clear_answer_settles_a_change(experiments: Experiments, answer: str, state: str) -> None:
    at, events = desk(experiments, Decision(answer="approve", by="me"), Decision.model_validate({"answer": answer, "by": "me"}))
    compared = await at.propose(REQUEST)
    assert "better" in compared.content

    await at.conclude("P-0001", "It is faster.", "accept")

    assert experiments.get("P-0001").state == state
    config = (experiments.root / "conf/train.yaml").read_text()
    assert ("lr: 0.1" in config) == (state == "accepted")
    assert [event.type for event in events][-1] == "experiment.concluded"
