"""Questions that only a person, or a policy that a person wrote, may answer."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import Field

from mltui.core.data import Data, JsonObject
from mltui.core.effects import Effect
from mltui.core.experiment import Clause, Exchange, Experiment, Proposal, ProposalEdits
from mltui.core.messages import ToolCall


class PermissionRequest(Data):
    """May this call run?

    Attributes:
        diff: the unified diff of what would be written, or empty.
        rule: a permission rule that would allow this and the like of it, or None where none fits.
    """

    kind: Literal["permission"] = "permission"
    id: str
    call: ToolCall
    effects: tuple[Effect, ...]
    reason: str
    diff: str = ""
    rule: str | None = None


class ExperimentRequest(Data):
    """May this proposal run?

    Attributes:
        exchanges: what the person asked about it and what the agent answered.
        refused: why the last answer to it could not be carried out, so that it is asked again; empty: it is asked for the first time.
        edits: what that answer would have changed, to go on from.
    """

    kind: Literal["experiment"] = "experiment"
    id: str
    call: ToolCall
    proposal: Proposal
    exchanges: tuple[Exchange, ...] = ()
    refused: str = ""
    edits: ProposalEdits | None = None


class KeepRequest(Data):
    """The experiment is over: does its change become the tree (`approve`), or go (`reject`)?"""

    kind: Literal["keep"] = "keep"
    id: str
    call: ToolCall
    experiment: Experiment


class PromotionRequest(Data):
    """Every requirement holds: does this experiment's model or prompt get the alias? Only a person may say yes.

    Attributes:
        target: `model:NAME` or `prompt:PATH`.
        clauses: what was required, and what was found.
        previous: what has the alias now, for people; empty: nothing.
        patch: what changes in a production prompt, or empty.
    """

    kind: Literal["promotion"] = "promotion"
    id: str
    call: ToolCall
    experiment: Experiment
    target: str
    alias: str
    clauses: tuple[Clause, ...]
    previous: str = ""
    patch: str = ""


class Option(Data):
    label: str
    description: str = ""


class Question(Data):
    question: str
    header: str = ""
    options: tuple[Option, ...] = ()
    multi_select: bool = False


class QuestionRequest(Data):
    """What the agent would rather ask than guess. The answers come back in `Decision.answers`."""

    kind: Literal["question"] = "question"
    id: str
    call: ToolCall
    questions: tuple[Question, ...]


class TrustRequest(Data):
    """May mltui obey what a folder says? Asked before there is a session; `stop` ends the start, `reject` goes on without it.

    Attributes:
        found: what would be obeyed, relative to the project (`AGENTS.md`, `.mltui/config.toml`, …).
        item: the folder is trusted, and this one thing of it is new or was changed: what would run, in words.
    """

    kind: Literal["trust"] = "trust"
    id: str
    folder: str
    found: tuple[str, ...]
    item: bool = False


ApprovalRequest = Annotated[
    PermissionRequest | ExperimentRequest | KeepRequest | PromotionRequest | QuestionRequest, Field(discriminator="kind")
]


class Decision(Data):
    """An answer.

    Attributes:
        answer: `hold` leaves the matter open (an experiment waits in the log); `stop` refuses and ends the turn. Only of an
            experiment: `maintenance` keeps the change without a run, `ask` sends `reason` to the agent as a question.
        by: who decided: a person's name, `policy:FILE`, or `headless`.
        via: the front-end, for the journal; empty: the app, or by `by` no front-end at all.
        edits: what the person changed of the proposal before approving it.
        remember: add `PermissionRequest.rule` to this session's allowed rules.
        answers: question text to answer, for a `QuestionRequest`.
        rule: of a policy file, the rule that approved in advance, as JSON: its totals are counted once more where it is recorded.
    """

    answer: Literal["approve", "reject", "hold", "stop", "maintenance", "ask"]
    by: str
    via: str = ""
    reason: str = ""
    remember: bool = False
    edits: ProposalEdits | None = None
    answers: dict[str, str] = Field(default_factory=dict)
    rule: JsonObject = Field(default_factory=dict)

    @property
    def approved(self) -> bool:
        return self.answer == "approve"


class Approver(Protocol):
    """The one authority that answers. It is a required argument everywhere and has no default."""

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision: ...
