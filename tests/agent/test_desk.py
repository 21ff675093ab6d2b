"""What becomes of an experiment when the person does not simply say yes or no."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from mltui.agent.desk import Desk
from mltui.config.schema import Config, MetricsSource, Tracking
from mltui.config.schema import Experiments as Section
from mltui.core.approval import ApprovalRequest, Decision, ExperimentRequest
from mltui.core.events import Event, ExperimentDecided, ExperimentFinished, ExperimentProposed, ExperimentStarted, Notice
from mltui.core.experiment import Metric, ProposalEdits, ProposalRequest
from mltui.core.messages import ToolCall
from mltui.core.sweep import SweepRequest
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


async def test_a_question_goes_to_the_model_and_its_answer_opens_the_pane_again(experiments: Experiments) -> None:
    at, _ = desk(experiments, Decision(answer="ask", by="me", reason="Why 0.1?"))
    asked = await at.propose(REQUEST)
    assert not asked.is_error and "me asks about P-0001: Why 0.1?" in asked.content and "experiment_id P-0001" in asked.content

    requests: list[ApprovalRequest] = []

    async def ask(request: ApprovalRequest) -> Decision:
        requests.append(request)
        return Decision(answer="reject", by="me", reason="not convinced")

    answered = await Desk(experiments, "s", "model:m", at.call, ask, at.emit, at.may).answer("P-0001", "Half of the limit.")

    (request,) = requests
    assert isinstance(request, ExperimentRequest) and request.proposal.id == "P-0001"
    assert [(exchange.question, exchange.answer) for exchange in request.exchanges] == [("Why 0.1?", "Half of the limit.")]
    assert answered.is_error and "not convinced" in answered.content


async def test_what_was_decided_is_not_asked_again(experiments: Experiments) -> None:
    at, events = desk(experiments, Decision(answer="reject", by="me", reason="too bold"))
    await at.propose(REQUEST)
    again = await at.propose(REQUEST)  # no answer is left: asking would fail
    assert again.is_error and "rejected by me (too bold)" in again.content
    assert [event.type for event in events].count("experiment.proposed") == 1
    assert [item.id for item in experiments.list()] == ["P-0001"]


async def test_a_held_proposal_waits_and_is_not_proposed_twice(experiments: Experiments) -> None:
    at, _ = desk(experiments, Decision(answer="hold", by="me"))
    await at.propose(REQUEST)
    again = await at.propose(REQUEST)
    assert not again.is_error and "P-0001" in again.content and "waits" in again.content
    assert len(experiments.list()) == 1


async def test_maintenance_is_kept_without_a_run(experiments: Experiments) -> None:
    at, events = desk(experiments, Decision(answer="maintenance", by="me", reason="a default nobody uses"))
    result = await at.propose(REQUEST)
    assert not result.is_error and "claim nothing" in result.content and "a default nobody uses" in result.content
    experiment = experiments.get("P-0001")
    assert experiment.state == "accepted" and experiment.runs == ()
    assert experiment.approval is not None and experiment.approval.origin is not None and experiment.approval.origin.via == "app"
    assert "lr: 0.1" in (experiments.root / "conf/train.yaml").read_text()
    assert [event.type for event in events][-1] == "experiment.decided"


async def test_a_persons_slip_is_shown_and_asked_again(experiments: Experiments) -> None:
    wrong = ProposalEdits(changes={"lr": 99})
    at, events = desk(experiments)
    requests: list[ApprovalRequest] = []

    async def ask(request: ApprovalRequest) -> Decision:
        requests.append(request)
        return Decision(answer="hold", by="me") if requests[1:] else Decision(answer="approve", by="me", edits=wrong)

    result = await dataclasses.replace(at, ask=ask).propose(REQUEST)
    assert not result.is_error and experiments.get("P-0001").state == "held"
    assert any(isinstance(event, Notice) and "out of range" in event.text for event in events)
    first, second = requests
    assert isinstance(first, ExperimentRequest) and isinstance(second, ExperimentRequest)
    assert first.refused == "" and "out of range" in second.refused
    assert first.edits is None and second.edits == wrong


async def test_data_that_changes_under_the_open_question_is_shown_before_it_is_approved(experiments: Experiments) -> None:
    at, _ = desk(experiments)
    requests: list[ApprovalRequest] = []

    async def ask(request: ApprovalRequest) -> Decision:
        requests.append(request)
        if len(requests) == 1:
            (experiments.root / "data").mkdir(exist_ok=True)
            (experiments.root / "data" / "more.csv").write_text("1\n")
            subprocess.run(["git", "add", "data"], cwd=experiments.root, check=True)
            return Decision(answer="approve", by="me")
        return Decision(answer="reject", by="me", reason="other data")

    result = await Desk(experiments, "s", "model:m", at.call, ask, at.emit, at.may).propose(REQUEST)

    assert result.is_error and "other data" in result.content
    assert [request.proposal.id for request in requests if isinstance(request, ExperimentRequest)] == ["P-0001", "P-0002"]
    assert [item.state for item in experiments.list()] == ["superseded", "rejected"]


async def test_cut_anywhere_a_proposal_can_be_gone_on_with(experiments: Experiments) -> None:
    """The turn ends at every event in turn, by an error and while the person is asked."""
    for cut in range(4):
        calls = 0

        async def emit(event: Event, cut: int = cut) -> None:
            nonlocal calls
            calls += 1
            if calls > cut:
                raise asyncio.CancelledError

        async def ask(request: ApprovalRequest) -> Decision:
            await emit(Notice(level="info", text="asked"))
            return Decision(answer="hold", by="me")

        at, _ = desk(experiments)
        with contextlib.suppress(asyncio.CancelledError):
            await Desk(experiments, "s", "model:m", at.call, ask, emit, at.may).propose(REQUEST)
        assert experiments.get("P-0001").state in ("proposed", "held")
        assert len(experiments.list()) == 1 and experiments.verify() > 0
    experiments.decide("P-0001", answer="approve", by="me")


@pytest.mark.slow
async def test_approved_with_edits_runs_as_edited(experiments: Experiments) -> None:
    edits = ProposalEdits(seeds=(0, 1), changes={"lr": 0.08})
    at, events = desk(experiments, Decision(answer="approve", by="me", edits=edits))
    result = await at.propose(REQUEST)
    assert result.details["experiment_id"] == "P-0002" and "n = 2" in result.content
    assert [event.type for event in events][:3] == ["experiment.proposed", "experiment.proposed", "experiment.decided"]
    assert experiments.get("P-0001").superseded_by == "P-0002"


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


async def test_a_decision_that_fell_beside_a_command_waits_for_that_commands_end(experiments: Experiments) -> None:
    at, _ = desk(experiments, Decision(answer="hold", by="me"), Decision(answer="hold", by="me"))
    await at.propose(REQUEST)
    experiments.decide("P-0001", answer="approve", by="me", reason="")
    doubted: set[str] = set()

    @contextlib.asynccontextmanager
    async def quiet() -> AsyncGenerator[None]:
        doubted.add("P-0001")  # so its guard says when it has ended
        yield

    status = await dataclasses.replace(at, doubted=doubted, quiet=quiet).status("P-0001", 0)
    assert "waits for a person to confirm" in status.content
    assert experiments.get("P-0001").state == "approved"


async def test_all_experiments_are_told_of_by_the_newest(experiments: Experiments, monkeypatch: pytest.MonkeyPatch) -> None:
    at, _ = desk(experiments, Decision(answer="hold", by="me"), Decision(answer="hold", by="me"))
    assert (await at.status(None, 0)).content == "There are no experiments yet."
    await at.propose(REQUEST)
    await at.propose(REQUEST.model_copy(update={"seeds": (0, 1, 2)}))
    told = (await at.status(None, 0)).content.splitlines()
    assert [line.split()[0] for line in told] == ["P-0001", "P-0002"]
    monkeypatch.setattr("mltui.agent.desk.MOST_LISTED", 1)
    told = (await at.status(None, 0)).content.splitlines()
    assert told[0].startswith("1 earlier ones are left out") and told[1].startswith("P-0002")


@pytest.mark.parametrize("swept", [False, True])
async def test_of_a_draft_is_spoken_where_there_can_be_one(experiments: Experiments, swept: bool) -> None:
    at, _ = desk(experiments, Decision(answer="reject", by="me", reason="too few trials"))
    sweep = SweepRequest(title="Rates", hypothesis="a higher rate helps", trials=2)

    result = await at.propose(sweep if swept else REQUEST)

    assert "too few trials" in result.content and ("draft" in result.content) is not swept


@pytest.mark.slow
async def test_what_confirms_a_sweep_is_told_with_its_plan(experiments: Experiments) -> None:
    at, events = desk(experiments, Decision(answer="approve", by="me"))
    space = {"lr": {"low": 0.05, "high": 0.4}}
    request = SweepRequest(title="Rates", hypothesis="a higher rate helps", space=space, trials=2, confirm_seeds=(8, 9))  # type: ignore[arg-type]

    result = await at.propose(request)

    told = [event for event in events if getattr(event, "proposal_id", "") == "P-0002" or isinstance(event, ExperimentProposed)]
    assert "P-0002" in result.content
    sweep, proposed, decided, *_, finished = told
    assert isinstance(sweep, ExperimentProposed) and sweep.proposal.id == "P-0001"
    assert isinstance(proposed, ExperimentProposed) and proposed.proposal.title == "Best of P-0001: Rates"
    assert isinstance(decided, ExperimentDecided) and decided.answer == "approve" and "P-0001" in decided.by
    assert isinstance(finished, ExperimentFinished) and finished.state == "compared"
    assert all(told.index(event) == 3 for event in told if isinstance(event, ExperimentStarted))
