"""What became of experiments while the agent was doing something else, or was not running: told with its next request, once."""

from __future__ import annotations

import asyncio
from typing import Protocol

from mltui.agent.transcript import OVER, Transcript
from mltui.core.errors import MltuiError
from mltui.core.events import Emit, JobFinished
from mltui.core.experiment import Experiment

_LENGTH = 600
"""Characters of why it failed that are told; all of it is in the log."""


class _Log(Protocol):
    def get(self, proposal_id: str) -> Experiment: ...


class _Gate(Protocol):
    async def tell_news(self, emit: Emit) -> None: ...


async def tell_news(gate: _Gate, transcript: Transcript, log: _Log, emit: Emit) -> None:
    """Tells of background commands and experiments that are over. It is an event of the session, so that no resumed one tells it again."""
    await gate.tell_news(emit)
    for id_, job in list(transcript.awaited.items()):
        try:
            experiment = await asyncio.to_thread(log.get, id_)
            if experiment.confirmation is not None:  # what a sweep comes to is said there
                experiment = await asyncio.to_thread(log.get, experiment.confirmation)
        except MltuiError:
            continue  # of another project, or the journal cannot be read: whoever asks for it is told
        if experiment.state in OVER:
            await emit(JobFinished(job=job or id_, exit_code=None, message=_said(experiment)))


def _said(experiment: Experiment) -> str:
    result = experiment.comparison.summary if experiment.comparison is not None else experiment.message
    short = result if len(result) <= _LENGTH else f"{result[:_LENGTH]} …"
    return f"The runs of {experiment.id} are over, it is {experiment.state}: {short}\nExperimentStatus {experiment.id} shows all of it."
