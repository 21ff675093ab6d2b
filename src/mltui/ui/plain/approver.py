"""Asks the person, one line an answer. Nothing but a clear yes approves."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Sequence
from typing import Literal

from mltui.core.approval import (
    ApprovalRequest,
    Decision,
    ExperimentRequest,
    KeepRequest,
    PermissionRequest,
    PromotionRequest,
    Question,
    QuestionRequest,
    TrustRequest,
)
from mltui.core.edits import parse_edits
from mltui.core.effects import Effect
from mltui.core.errors import MltuiError, UsageError
from mltui.core.experiment import Experiment, Proposal, ProposalEdits, Recommendation
from mltui.ui.editor import edit, editor
from mltui.ui.plain.experiments import exchange_lines, proposal_lines, result_lines
from mltui.ui.plain.input import Interrupted, Reader
from mltui.ui.plain.promotion import promotion_lines
from mltui.ui.plain.text import Printer, one_line

TRIES = 3
"""Answers that are not understood before the question is given up, so that a pipe is not eaten up by one question."""


ALIASES = {"ask": "question"}
"""Words that are no answer's beginning: `a` alone is to stay a clear answer."""


RECOMMENDATIONS: dict[str, Recommendation] = {"keep": "accept", "discard": "discard", "inconclusive": "inconclusive"}
"""What a person says of a result, and what is recommended by it."""


class PlainApprover:
    """Implements `core.approval.Approver` over a reader and a printer."""

    def __init__(self, reader: Reader, printer: Printer) -> None:
        self._reader = reader
        self._printer = printer
        self.by = _person()
        self.editing = False
        """Whether an editor has the terminal, and with it Ctrl-C."""
        self._one_at_a_time = asyncio.Lock()

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        async with self._one_at_a_time:
            try:
                match request:
                    case PermissionRequest():
                        return await self._permission(request)
                    case ExperimentRequest():
                        return await self._experiment(request)
                    case KeepRequest():
                        return await self._keep(request)
                    case PromotionRequest():
                        return await self._promotion(request)
                    case QuestionRequest():
                        return await self._questions(request)
                    case TrustRequest():
                        return await self._trust(request)
            except Interrupted:
                return self._interrupted(request)

    def _interrupted(self, request: ApprovalRequest | TrustRequest) -> Decision:
        """Ctrl-C decides nothing: what can wait for a decision waits, anything else ends the turn."""
        if not isinstance(request, ExperimentRequest | KeepRequest):
            return Decision(answer="stop", by=self.by, reason="Ctrl-C")
        proposal = request.proposal if isinstance(request, ExperimentRequest) else request.experiment.proposal
        verbs = "approve|reject" if isinstance(request, ExperimentRequest) else "accept|discard"
        self._printer.line(f"  {proposal.id} waits: mltui experiments {verbs} {proposal.id}")
        return Decision(answer="hold", by=self.by, via="plain", reason="Ctrl-C")

    async def _trust(self, request: TrustRequest) -> Decision:
        is_new = "has something new that would run" if request.item else "is new here. mltui would obey what is in it"
        self._printer.line(f"{request.folder} {is_new}:")
        self._printer.lines(f"  {name}" for name in request.found)
        name, _ = await self._choice(f"{'Let it run' if request.item else 'Trust this folder'}? yes or no: ", ("yes", "no"))
        return Decision(answer="approve" if name == "yes" else "reject", by=self.by)

    async def _permission(self, request: PermissionRequest) -> Decision:
        self._printer.line(f"? {request.call.name} asks for permission: {one_line(request.reason)}")
        self._printer.lines(f"    {effect.kind}: {effect.target}{_where(effect)}" for effect in request.effects)
        if any(effect.kind in ("mcp", "net") for effect in request.effects):
            # What leaves the machine is decided on as well as where it goes.
            self._printer.lines(f"    {key}: {one_line(str(value), 2000)}" for key, value in request.call.arguments.items())
        if request.diff:
            self._printer.block(request.diff)
        names = ("yes", "no", "always") if request.rule else ("yes", "no")
        always = f"always ({one_line(request.rule)}), " if request.rule else ""
        name, reason = await self._choice(f"  Allow? yes, {always}no REASON: ", names)
        answer = "approve" if name in ("yes", "always") else "reject"
        return Decision(answer=answer, by=self.by, reason=reason, remember=name == "always")

    async def _experiment(self, request: ExperimentRequest) -> Decision:
        proposal = request.proposal
        self._printer.line()
        self._printer.lines(proposal_lines(proposal))
        self._printer.lines(exchange_lines(request.exchanges))
        name, words, patch = await self._answer(proposal)
        if name in ("approve", "edit") and proposal.kind == "eval":
            self._printer.line("  It changes the evaluation: results from before cannot be compared with those after it.")
            name, words = await self._typed(proposal, name, words)
        if name == "maintenance" and proposal.kind in ("eval", "data"):
            self._printer.line("  It changes what results are measured with: all from before would be invalid, without a run to show it.")
            name, words = await self._typed(proposal, name, words)
        edits = parse_edits(words.split()) if name == "edit" else ProposalEdits()
        if name in ("approve", "edit") and patch is not None:
            edits = edits.model_copy(update={"patch": patch})
        if not edits.empty:
            return Decision(answer="approve", by=self.by, via="plain", edits=edits)
        answers: dict[str | None, Literal["approve", "reject", "ask", "maintenance"]]
        answers = {"approve": "approve", "reject": "reject", "question": "ask", "maintenance": "maintenance"}
        return Decision(answer=answers.get(name, "hold"), by=self.by, via="plain", reason=words)

    async def _answer(self, proposal: Proposal) -> tuple[str | None, str, str | None]:
        """An answer with what it needs, asked again where that is missing, and the edited diff; None where no answer came."""
        names = ["approve", "edit", "reject", "question", "maintenance", "hold"]
        diff = "diff to edit the change in your editor, " if self._reader.interactive and len(proposal.arms) > 1 else ""
        names += ["diff"] if diff else []
        how = f"approve, edit seeds=0,1 NAME=VALUE, {diff}reject REASON, question WORDS, maintenance REASON, hold"
        patch, tries = None, TRIES
        while tries:
            name, words = await self._choice(f"  Run it? {how}: ", names)
            tries -= 1
            if name == "diff":
                edited = await self._edited(proposal.patch if patch is None else patch)
                patch, tries = (patch if edited is None else None if edited == proposal.patch else edited), TRIES
                continue
            if name in ("question", "maintenance") and not words:
                self._printer.line(f"  {name} needs words behind it.")
                continue
            if name == "edit":
                try:
                    if parse_edits(words.split()).empty:
                        raise UsageError("nothing is edited", hint=f"Such as: edit seeds={','.join(map(str, proposal.seeds))} minutes=10")
                except UsageError as error:
                    self._printer.line(f"  {error}")
                    continue
            return name, words, patch
        return None, "the answer was not understood", None

    async def _edited(self, patch: str) -> str | None:
        """Lets the person change a diff in their editor. Returns: what it is then; None: it is as it was."""
        self.editing = True
        try:
            command = editor(os.environ)
            text = await asyncio.to_thread(edit, command, patch.rstrip("\n"), ".diff")
        except MltuiError as error:
            self._printer.line(f"  error: {error}")
            return None
        finally:
            self.editing = False
        edited = text.rstrip("\n") + "\n"
        if edited == patch.rstrip("\n") + "\n":
            self._printer.line("  The diff is as it was.")
            return None
        self._printer.line("  The diff is edited; approve takes it so:")
        self._printer.block(edited)
        return edited

    async def _typed(self, proposal: Proposal, name: str, words: str) -> tuple[str, str]:
        """The same answer once the person typed the proposal's id, else hold."""
        typed = await self._reader.line(f"  Type {proposal.id} to confirm: ", fresh=True)
        return (name, words) if (typed or "").strip() == proposal.id else ("hold", "not confirmed")

    async def _keep(self, request: KeepRequest) -> Decision:
        self._printer.line()
        self._printer.lines(result_lines(request.experiment))
        name, reason = await self._choice("  What becomes of the change? keep, discard REASON, later: ", ("keep", "discard", "later"))
        answer = "approve" if name == "keep" else "reject" if name == "discard" else "hold"
        return Decision(answer=answer, by=self.by, via="plain", reason=reason)

    async def interpretation(self, experiment: Experiment) -> tuple[Recommendation, str] | None:
        """Asks what a result means. Returns: what is recommended, and the person's words; None: later."""
        self._printer.lines(result_lines(experiment))
        prompt = "  What do the numbers show, and what not? keep WORDS, discard WORDS, inconclusive WORDS, later: "
        for _ in range(TRIES):
            name, words = await self._choice(prompt, (*RECOMMENDATIONS, "later"))
            if name not in RECOMMENDATIONS:
                return None
            if words:
                return RECOMMENDATIONS[name], words
            self._printer.line("  An interpretation needs words behind it.")
        return None

    async def _promotion(self, request: PromotionRequest) -> Decision:
        self._printer.line()
        self._printer.lines(promotion_lines(request))
        if request.patch:
            self._printer.block(request.patch)
        typed = await self._reader.line(f"  Type {request.experiment.id} to promote it, no REASON, or Enter to leave it: ", fresh=True)
        word, _, reason = (typed or "").strip().partition(" ")
        if word == request.experiment.id:
            return Decision(answer="approve", by=self.by)
        return Decision(answer="reject" if word.lower() in ("n", "no") else "hold", by=self.by, reason=reason.strip() or "not confirmed")

    async def _questions(self, request: QuestionRequest) -> Decision:
        answers: dict[str, str] = {}
        for question in request.questions:
            answer = await self._question(question)
            if answer is None:
                return Decision(answer="reject", by=self.by, reason="no answer was given")
            answers[question.question] = answer
        return Decision(answer="approve", by=self.by, answers=answers)

    async def _question(self, question: Question) -> str | None:
        self._printer.line(f"? {question.question}")
        for number, option in enumerate(question.options, 1):
            self._printer.line(f"    {number}. {option.label}" + (f": {option.description}" if option.description else ""))
        how = "numbers with commas between them, or your own words" if question.multi_select else "a number, or your own words"
        for _ in range(TRIES):
            line = await self._reader.line(f"  Answer ({how}): " if question.options else "  Answer: ", fresh=True)
            if line is None:
                return None
            answer = _picked(line, question)
            if answer:
                return answer
            self._printer.line(f"  There are options 1 to {len(question.options)}." if line.strip() else "  An empty line is no answer.")
        return None

    async def _choice(self, prompt: str, names: Sequence[str]) -> tuple[str | None, str]:
        """The name that was chosen, by its first letters, and the words behind it; None where no answer came."""
        for _ in range(TRIES):
            line = await self._reader.line(prompt, fresh=True)
            if line is None:
                return None, "no answer: the input ended"
            word, _, reason = line.strip().partition(" ")
            word = word.lower().rstrip(",:")
            word = ALIASES.get(word, word)
            chosen = [name for name in names if word and name.startswith(word)]
            if len(chosen) == 1:
                return chosen[0], reason.strip()
            self._printer.line(f"  Answer with {', '.join(names)}, or the first letter.")
        return None, "the answer was not understood"


def _where(effect: Effect) -> str:
    return f" (in {effect.folder})" if effect.folder else ""


def _picked(line: str, question: Question) -> str:
    """The labels that the numbers stand for, or the person's own words; empty where a number has no option."""
    text = line.strip()
    parts = [part.strip() for part in text.split(",")] if question.multi_select else [text]
    if not question.options or not all(part.isdecimal() for part in parts):
        return text
    numbers = [int(part) for part in parts]
    if not all(1 <= number <= len(question.options) for number in numbers):
        return ""
    return ", ".join(question.options[number - 1].label for number in dict.fromkeys(numbers))


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user in the system's list, as in some containers
        return "person"
