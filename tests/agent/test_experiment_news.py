"""The agent is told once of experiments that ended while it did not look, also in a session that goes on later."""

from __future__ import annotations

from mltui.agent.experiment_news import tell_news
from mltui.agent.transcript import Transcript
from mltui.core.errors import ProposalError
from mltui.core.events import Emit, Event, ExperimentDecided, ExperimentFinished, ExperimentProposed, ExperimentStarted, JobFinished
from mltui.core.experiment import Experiment
from tests.tui.samples import experiment, sweep


class Log:
    def __init__(self, *experiments: Experiment) -> None:
        self.known = {one.id: one for one in experiments}

    def get(self, proposal_id: str) -> Experiment:
        if proposal_id not in self.known:
            raise ProposalError(f"there is no experiment {proposal_id}")
        return self.known[proposal_id]


class Quiet:
    async def tell_news(self, emit: Emit) -> None:
        """No background command is over."""


async def news(transcript: Transcript, log: Log) -> list[str]:
    said: list[str] = []

    async def emit(event: Event) -> None:
        assert isinstance(event, JobFinished)
        said.append(event.message)
        transcript.apply(event)

    await tell_news(Quiet(), transcript, log, emit)
    return said


def started(*ids: str) -> Transcript:
    transcript = Transcript()
    for id_ in ids:
        transcript.apply(ExperimentProposed(proposal=experiment(id=id_).proposal))
        transcript.apply(ExperimentStarted(proposal_id=id_, job=f"{id_}-ab12", runs=12))
    return transcript


async def test_an_end_is_told_once_and_not_before() -> None:
    transcript, log = started("P-0001"), Log(experiment("running", id="P-0001"))
    assert await news(transcript, log) == []
    log.known["P-0001"] = experiment("compared", id="P-0001")
    (text,) = await news(transcript, log)
    assert text.startswith("The runs of P-0001 are over, it is compared: accuracy +0.0112")
    assert await news(transcript, log) == []
    # A session that is resumed is folded from the same events.
    assert transcript.messages[-1].text == f"[{text}]"  # type: ignore[union-attr]


async def test_what_was_seen_to_end_or_was_rejected_is_no_news() -> None:
    transcript = started("P-0001", "P-0002", "P-0009")
    transcript.apply(ExperimentFinished(proposal_id="P-0001", state="compared"))
    transcript.apply(ExperimentDecided(proposal_id="P-0002", answer="reject", by="ann"))
    log = Log(experiment("compared", id="P-0001"), experiment("rejected", id="P-0002"))
    assert await news(transcript, log) == []


async def test_of_a_sweep_the_confirmation_is_told() -> None:
    transcript, log = started("P-0004"), Log(sweep("P-0004"), experiment("running", id="P-0005"))
    assert await news(transcript, log) == []
    log.known["P-0005"] = experiment("compared", id="P-0005")
    (text,) = await news(transcript, log)
    assert text.startswith("The runs of P-0005 are over, it is compared")
    assert await news(transcript, log) == []
