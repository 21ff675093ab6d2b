"""What happens in a session, as data: one closed union, the same live, on disk, replayed and tested.

A turn is `turn.started … turn.completed`. Each tool call gets exactly one `tool.completed`.
`tool.started` follows only an allowing decision of the gate. Deltas are shown and forgotten;
everything else is durable.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from mltui.core.approval import ApprovalRequest
from mltui.core.data import Data, JsonObject
from mltui.core.experiment import Answer, Arm, Comparison, Conclusion, ExperimentState, Proposal
from mltui.core.messages import AssistantMessage, Attachment, Image, StopReason, ToolSpec, Usage

FORMAT_VERSION = 1
"""Version of the session file's events; a reader refuses a higher one."""


class EventBase(Data):
    """Attributes: at: seconds since the epoch."""

    at: float = Field(default_factory=time.time)


class SessionStarted(EventBase):
    """The head of every session file. `system` and `tools` are kept so that a resumed session's requests only append."""

    type: Literal["session.started"] = "session.started"
    format: int = FORMAT_VERSION
    session_id: str
    cwd: str
    model: str
    persona: str
    mode: str
    version: str
    system: str
    tools: tuple[ToolSpec, ...]
    forked_from: str | None = None


class ModelChanged(EventBase):
    """Another model answers from now on.

    Attributes:
        reason: why, for the person.
        temporary: for this turn only; the session's own model stays what it was.
        effort: how hard models that reason are to do so from now on; empty: as it was.
        input_price, output_price: dollars for a million tokens, None when no price is known.
    """

    type: Literal["model.changed"] = "model.changed"
    model: str
    reason: str = ""
    temporary: bool = False
    effort: str = ""
    input_price: float | None = None
    output_price: float | None = None


class UsageAdded(EventBase):
    """What a request beside the conversation used: a title, a summary, a fetched page.

    Attributes: source: what it was for (`title`, `compaction`, `web_fetch`, …); model: who answered.
    """

    type: Literal["usage.added"] = "usage.added"
    source: str
    model: str
    usage: Usage


class ToolsChanged(EventBase):
    """From the next turn on the model is offered these tools: servers came or went. Never within a turn."""

    type: Literal["tools.changed"] = "tools.changed"
    tools: tuple[ToolSpec, ...]
    reason: str = ""


class ModeChanged(EventBase):
    type: Literal["mode.changed"] = "mode.changed"
    mode: str


class TurnStarted(EventBase):
    type: Literal["turn.started"] = "turn.started"
    turn: int
    text: str
    images: tuple[Image, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class TurnSteered(EventBase):
    """The person said more while the turn ran; the next request has it."""

    type: Literal["turn.steered"] = "turn.steered"
    text: str
    images: tuple[Image, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class TextDelta(EventBase):
    type: Literal["text.delta"] = "text.delta"
    text: str


class ReasoningDelta(EventBase):
    type: Literal["reasoning.delta"] = "reasoning.delta"
    text: str


class MessageCompleted(EventBase):
    """Attributes: seconds: time from request to the last byte."""

    type: Literal["message.completed"] = "message.completed"
    message: AssistantMessage
    usage: Usage
    stop_reason: StopReason
    model: str
    seconds: float = 0.0


class ModelRetrying(EventBase):
    """A try failed and another follows in `delay` seconds; text shown since the request started is void."""

    type: Literal["model.retrying"] = "model.retrying"
    attempt: int
    delay: float
    error: str


class ApprovalRequested(EventBase):
    type: Literal["approval.requested"] = "approval.requested"
    request: ApprovalRequest


class ApprovalResolved(EventBase):
    """Attributes: answer: as in `Decision`; calls that no one had to be asked about have no such event."""

    type: Literal["approval.resolved"] = "approval.resolved"
    request_id: str
    call_id: str
    answer: Literal["approve", "reject", "hold", "stop", "maintenance", "ask"]
    by: str
    reason: str = ""


class CheckpointCreated(EventBase):
    """The files and the draft as they were before a call; of the same state it is the same checkpoint.

    Attributes:
        call_id: empty: as they were when the turn ended.
        commit: in the git directory of mltui's own, `.mltui/snapshots.git`.
    """

    type: Literal["checkpoint.created"] = "checkpoint.created"
    call_id: str
    commit: str


class SessionRewound(EventBase):
    """Files, conversation or both are again as they were before a turn. The file of the session keeps what came after.

    Attributes:
        to_turn: the turn before which things are again as they were; of a redo, the turn of the rewind that it takes back.
        code: the files were restored, from `checkpoint`; `before` is the checkpoint made just before, `files` how many changed.
        conversation: the messages since then are sent no more.
        redo: it takes the last rewind back.
    """

    type: Literal["session.rewound"] = "session.rewound"
    to_turn: int
    code: bool
    conversation: bool
    checkpoint: str = ""
    before: str = ""
    files: int = 0
    redo: bool = False


class ToolStarted(EventBase):
    type: Literal["tool.started"] = "tool.started"
    call_id: str
    name: str
    arguments: JsonObject


class ToolOutput(EventBase):
    type: Literal["tool.output"] = "tool.output"
    call_id: str
    text: str


class ToolCompleted(EventBase):
    """Attributes: denied: a rule, a person or a policy said no, and the tool did not run; typed: the command that a person ran with `!`."""

    type: Literal["tool.completed"] = "tool.completed"
    call_id: str
    name: str
    content: str
    is_error: bool = False
    denied: bool = False
    details: JsonObject = Field(default_factory=dict)
    images: tuple[Image, ...] = ()
    seconds: float = 0.0
    typed: str = ""


class ExperimentProposed(EventBase):
    type: Literal["experiment.proposed"] = "experiment.proposed"
    proposal: Proposal


class ExperimentDecided(EventBase):
    type: Literal["experiment.decided"] = "experiment.decided"
    proposal_id: str
    answer: Answer
    by: str
    reason: str = ""


class ExperimentStarted(EventBase):
    type: Literal["experiment.started"] = "experiment.started"
    proposal_id: str
    job: str
    runs: int


class ExperimentProgressed(EventBase):
    """One run of the plan ended (or, with `metrics` empty, began), or one `trial` of a sweep."""

    type: Literal["experiment.progressed"] = "experiment.progressed"
    proposal_id: str
    arm: Arm
    seed: int
    trial: int | None = None
    done: int
    total: int
    metrics: dict[str, float] = Field(default_factory=dict)
    message: str = ""


class ExperimentFinished(EventBase):
    """The runs are over: compared, measured (a baseline), stopped, or failed with a `message`."""

    type: Literal["experiment.finished"] = "experiment.finished"
    proposal_id: str
    state: ExperimentState
    comparison: Comparison | None = None
    message: str = ""


class ExperimentConcluded(EventBase):
    """An interpretation was recorded; `outcome` says what became of the change, if that is settled."""

    type: Literal["experiment.concluded"] = "experiment.concluded"
    proposal_id: str
    conclusion: Conclusion
    outcome: Literal["accepted", "discarded"] | None = None


class JobStarted(EventBase):
    type: Literal["job.started"] = "job.started"
    job: str
    command: str


class JobFinished(EventBase):
    type: Literal["job.finished"] = "job.finished"
    job: str
    exit_code: int | None
    message: str = ""


class ContextCompacted(EventBase):
    """Messages before this event are replaced by `summary` in requests from now on; the file keeps them.

    Attributes:
        kept: how many of the last messages are sent on as they are, after the summary.
        trigger: `full` (the window was nearly full), `refused` (the provider said so) or `asked` (a person did).
        by: the model that wrote the summary; empty for one that was put together without a model.
    """

    type: Literal["context.compacted"] = "context.compacted"
    summary: str
    tokens_before: int
    tokens_after: int
    kept: int = 0
    trigger: Literal["full", "refused", "asked"] = "asked"
    by: str = ""


class SessionTitled(EventBase):
    """Attributes: by: who gave the name, `person` or the model's id; a model does not rename what a person named."""

    type: Literal["session.titled"] = "session.titled"
    title: str
    by: str = "person"


class Subagent(EventBase):
    type: Literal["subagent"] = "subagent"
    call_id: str
    event: Event


class Notice(EventBase):
    """A line for the person that is no part of the conversation."""

    type: Literal["notice"] = "notice"
    level: Literal["info", "warning", "error"]
    text: str


TurnOutcome = Literal[
    "completed",
    "interrupted",
    "stopped",
    "max_turns",
    "max_budget_usd",
    "max_tokens",
    "timeout",
    "model_error",
    "auth",
    "unavailable",
    "error",
]


class TurnCompleted(EventBase):
    """Attributes: usage: of this turn's requests; steps: requests made."""

    type: Literal["turn.completed"] = "turn.completed"
    turn: int
    outcome: TurnOutcome
    usage: Usage
    steps: int
    seconds: float
    error: str = ""


Event = Annotated[
    SessionStarted
    | ModelChanged
    | UsageAdded
    | ToolsChanged
    | ModeChanged
    | TurnStarted
    | TurnSteered
    | TextDelta
    | ReasoningDelta
    | MessageCompleted
    | ModelRetrying
    | ApprovalRequested
    | ApprovalResolved
    | CheckpointCreated
    | SessionRewound
    | ToolStarted
    | ToolOutput
    | ToolCompleted
    | ExperimentProposed
    | ExperimentDecided
    | ExperimentStarted
    | ExperimentProgressed
    | ExperimentFinished
    | ExperimentConcluded
    | JobStarted
    | JobFinished
    | ContextCompacted
    | SessionTitled
    | Subagent
    | Notice
    | TurnCompleted,
    Field(discriminator="type"),
]
Subagent.model_rebuild()

event_adapter: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads and writes any event: `event_adapter.validate_json(line)`."""

DELTAS = (TextDelta, ReasoningDelta, ToolOutput)
"""Events that are shown and not kept."""


def passing(event: Event) -> bool:
    """Whether an event is shown and forgotten, a subagent's own ones included."""
    while isinstance(event, Subagent):
        event = event.event
    return isinstance(event, DELTAS)


Emit = Callable[[Event], Awaitable[None]]
"""Awaited for each event: gives order, back-pressure and cancellation without a queue."""
