from __future__ import annotations

import io
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.approval import ApprovalRequest, Decision, TrustRequest
from mltui.core.effects import Effect
from mltui.core.events import Event, ModelRetrying, Notice, TextDelta, ToolCompleted, ToolOutput, ToolStarted, TurnCompleted
from mltui.core.experiment import BaselineSummary, Estimate, Exchange, Power, ProposalEdits, Review
from mltui.core.messages import Usage
from mltui.ui.plain.approver import TRIES, PlainApprover
from mltui.ui.plain.commands import PlainConsole, run_command
from mltui.ui.plain.events import MAX_OUTPUT_LINES, EventPrinter
from mltui.ui.plain.input import Interrupted
from mltui.ui.plain.text import Printer, printable
from tests.plain.fake_session import FakeSession, experiment, keep, permission, question


class Lines:
    """A reader that gives these lines; None is the end of input, an exception is raised."""

    interactive = True

    def __init__(self, *lines: str | Exception | None) -> None:
        self.left = list(lines)
        self.prompts: list[str] = []

    async def line(self, prompt: str, *, fresh: bool = False) -> str | None:
        assert fresh, "what was typed before the question was shown must not answer it"
        self.prompts.append(prompt)
        line = self.left.pop(0)
        if isinstance(line, Exception):
            raise line
        return line

    def interrupt(self) -> bool:
        return False


async def decide(request: ApprovalRequest, *lines: str | Exception | None) -> tuple[Decision, str]:
    out = io.StringIO()
    reader = Lines(*lines)
    decision = await PlainApprover(reader, Printer(out)).decide(request)
    assert reader.left == []
    return decision, out.getvalue() + "".join(reader.prompts)


@pytest.mark.parametrize(
    ("line", "answer", "reason", "remember"),
    [
        ("y", "approve", "", False),
        ("YES", "approve", "", False),
        ("a", "approve", "", True),
        ("n", "reject", "", False),
        ("no, use the other file", "reject", "use the other file", False),
        (None, "reject", "no answer: the input ended", False),
        (Interrupted(), "stop", "Ctrl-C", False),
    ],
)
async def test_permission(line: str | Exception | None, answer: str, reason: str, remember: bool) -> None:
    decision, shown = await decide(permission(), line)
    assert (decision.answer, decision.reason, decision.remember) == (answer, reason, remember)
    assert decision.by
    for words in (
        "Edit asks for permission: no rule allows it",
        "write: /p/a.py",
        "    -old\n    +new ",
        "<U+202E>",
        "always (Edit(src/**))",
    ):
        assert words in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


async def test_a_command_that_starts_elsewhere_is_shown_with_its_folder() -> None:
    effects = (Effect(kind="exec", target="rm x", folder="/p/sub\x1b[2J"), Effect(kind="exec", target="ls"))
    _, shown = await decide(permission().model_copy(update={"effects": effects}), "n")
    assert "    exec: rm x (in /p/sub" in shown and "\x1b" not in shown and "    exec: ls\n" in shown


async def test_always_is_no_answer_where_there_is_no_rule() -> None:
    decision, shown = await decide(permission(rule=None), "always", "y")
    assert (decision.answer, decision.remember) == ("approve", False)
    assert "always" not in shown.split("Answer with")[0]


@pytest.mark.parametrize("make", [permission, experiment, keep])
async def test_nothing_but_a_clear_yes_approves(make: object) -> None:
    for line in ("", "hm", "yesterday", "1", "/quit"):
        decision, _ = await decide(make(), *[line] * TRIES)  # type: ignore[operator]
        assert decision.answer in ("reject", "hold")
        assert decision.reason == "the answer was not understood"


async def test_a_proposal_is_shown_in_full() -> None:
    decision, shown = await decide(experiment(), "a")
    assert decision.answer == "approve"
    for words in (
        "Experiment P-0001: A larger step [hparam]",
        "Hypothesis: A larger learning rate",
        "Method: Six paired seeds",
        "Metric: accuracy, maximize, at least 0.005",
        "Guardrail: latency_ms, minimize, margin 5%",
        "Parameter: lr 0.1 -> 0.5 (conf/optim.yaml:lr)",
        "File: conf/optim.yaml modified (hparam: conf/**)",
        "Data: data/train.csv, 12,345 bytes, sha256 ffffffffffffffff",
        "Command: python train.py --seed {seed}",
        "Seeds: 0, 1, 2, 3, 4, 5; baseline and candidate, 12 runs at most",
        "Budget: 30 minutes, 12 runs",
        "Proposed by: model:fake",
        "    -lr: 0.1\n    +lr: 0.5",
    ):
        assert words in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("line", "answer", "reason"),
    [
        ("reject too many seeds", "reject", "too many seeds"),
        ("h", "hold", ""),
        ("question why so high?", "ask", "why so high?"),
        ("ask why so high?", "ask", "why so high?"),
        ("maintenance a comment", "maintenance", "a comment"),
        (None, "hold", "no answer: the input ended"),
        (Interrupted(), "hold", "Ctrl-C"),
    ],
)
async def test_experiment_answers(line: str | Exception | None, answer: str, reason: str) -> None:
    decision, _ = await decide(experiment(), line)
    assert (decision.answer, decision.reason) == (answer, reason)


async def test_an_answer_that_needs_words_is_asked_again() -> None:
    for line in ("ask", "m", "edit", "edit lr", "edit seeds=x", "edit minutes=-1"):
        decision, shown = await decide(experiment(), line, "hold")
        assert decision.answer == "hold"
        assert "needs words" in shown or "edited" in shown or "Write" in shown, line


async def test_approved_with_edits() -> None:
    decision, _ = await decide(experiment(), "edit seeds=0,1,2 lr=0.05 minutes=10 schedule=linear")
    assert decision.approved and decision.via == "plain"
    assert decision.edits == ProposalEdits(seeds=(0, 1, 2), minutes=10, changes={"lr": 0.05, "schedule": "linear"})


async def test_what_is_known_and_was_asked_is_shown() -> None:
    asked = experiment()
    review = Review(
        baseline=BaselineSummary(mean=0.81, std=0.004, n=6, source="B-0001"),
        power=Power(std=0.006, n=6, detectable=0.0085, needed_n=14, basis="paired differences of P-0003"),
        estimate=Estimate(minutes=3.2, runs=12, reused=6, basis="median 32 s of 24 earlier runs of this command"),
        warnings=("The working tree has changes that are not committed",),
    )
    proposal = asked.proposal.model_copy(update={"review": review})
    exchanges = (Exchange(question="Why?", by="ann", answer="Because"), Exchange(question="Sure?", by="ann"))
    _, shown = await decide(asked.model_copy(update={"proposal": proposal, "exchanges": exchanges}), "h")
    for words in (
        "Baseline: 0.81 +- 0.004 (sd of 6 seeds, B-0001)",
        "Detectable: 0.0085 with 6 seeds (power 0.8), 14 seeds find 0.005; from paired differences of P-0003",
        "Estimate: about 3.2 minutes, 12 runs, 6 of them measured already",
        "Warning: The working tree has changes",
        "ann asked: Why?",
        "Answer: none yet",
    ):
        assert words in shown


@pytest.mark.parametrize("kind", ["eval", "data"])
async def test_maintenance_of_what_measures_is_confirmed(kind: str) -> None:
    asked = experiment()
    asked = asked.model_copy(update={"proposal": asked.proposal.model_copy(update={"kind": kind})})
    refused, _ = await decide(asked, "maintenance a typo", "no")
    confirmed, _ = await decide(asked, "maintenance a typo", asked.proposal.id)
    assert (refused.answer, confirmed.answer, confirmed.reason) == ("hold", "maintenance", "a typo")


@pytest.mark.parametrize(("typed", "answer"), [("P-0001", "approve"), ("y", "hold"), (None, "hold")])
async def test_a_change_of_the_evaluation_is_approved_twice(typed: str | None, answer: str) -> None:
    decision, shown = await decide(experiment("eval"), "approve", typed)
    assert decision.answer == answer
    assert "cannot be compared" in shown


@pytest.mark.parametrize(("line", "answer"), [("k", "approve"), ("discard not worth it", "reject"), ("later", "hold"), (None, "hold")])
async def test_keep_or_discard(line: str | None, answer: str) -> None:
    decision, shown = await decide(keep(), line)
    assert decision.answer == answer
    for words in (
        "BETTER",
        "difference +0.02",
        "95% interval +0.014 to +0.026",
        "d_z 2.5",
        "p 0.0003",
        "n 6 seeds, ties 1",
        "It converged sooner.",
        "recommends accept",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("multi", "lines", "answer"),
    [
        (False, ["2"], "F1"),
        (False, ["7", "1"], "Accuracy"),
        (False, ["", "log loss, please"], "log loss, please"),
        (True, ["3, 1,3"], "AUC, Accuracy"),
        (True, ["1,9", "F1 and recall"], "F1 and recall"),
    ],
)
async def test_questions(multi: bool, lines: list[str], answer: str) -> None:
    decision, shown = await decide(question(multi=multi), *lines)
    assert (decision.answer, decision.answers) == ("approve", {"Which metric?": answer})
    assert "1. Accuracy: share of right answers" in shown


async def test_a_question_without_an_answer_is_refused() -> None:
    for lines in ([None], [""] * TRIES):
        decision, _ = await decide(question(), *lines)
        assert (decision.answer, decision.reason) == ("reject", "no answer was given")


async def test_trust_needs_a_yes() -> None:
    for line, trusted in (("y", True), ("n", False), (None, False), (Interrupted(), False)):
        out = io.StringIO()
        request = TrustRequest(id="t", folder="/p", found=("AGENTS.md",))
        assert (await PlainApprover(Lines(line), Printer(out)).decide(request)).approved is trusted  # type: ignore[arg-type]
        assert "AGENTS.md" in out.getvalue()


async def shown(*events: Event) -> str:
    out = io.StringIO()
    printer = EventPrinter(Printer(out), PurePath("/p"))
    for event in events:
        await printer.show(event)
    return out.getvalue()


async def test_text_streams_and_a_tool_begins_a_line() -> None:
    text = await shown(
        TextDelta(text="I lo"),
        TextDelta(text="ok"),
        ToolStarted(call_id="1", name="Read", arguments={"file_path": "/p/a/train.py"}),
        ToolCompleted(call_id="1", name="Read", content="one\ntwo"),
        ToolStarted(call_id="2", name="Bash", arguments={"description": "d", "command": "ls\n-l"}),
        ToolOutput(call_id="2", text="x\n" * (MAX_OUTPUT_LINES + 5)),
        ToolCompleted(call_id="2", name="Bash", content="x"),
    )
    lines = text.split("\n")
    assert lines[:5] == ["I look", "* Read a/train.py", "  one (and 1 more line)", "* Bash ls -l", "  | x"]
    assert lines[-2:] == ["  | (more output is not shown here)", ""]
    assert lines.count("  | x") == MAX_OUTPUT_LINES


async def test_a_diff_is_printed_unless_it_was_already_decided_on() -> None:
    done = ToolCompleted(call_id="1", name="Edit", content="changed", details={"diff": "-a\n+b\n", "staged": True})
    assert await shown(done) == "    -a\n    +b\n  This file is under experiment: the edit waits in the draft.\n"


async def test_failures_refusals_and_ends_are_said() -> None:
    text = await shown(
        ToolCompleted(call_id="1", name="Edit", content="not unique\nmore", is_error=True),
        ToolCompleted(call_id="2", name="Bash", content="no", is_error=True, denied=True),
        Notice(level="warning", text="cut"),
        TextDelta(text="half"),
        ModelRetrying(attempt=1, delay=2.0, error="overloaded"),
        TurnCompleted(turn=1, outcome="max_turns", usage=Usage(input_tokens=1000, output_tokens=5), steps=2, seconds=1.0),
    )
    assert text.split("\n") == [
        "  ! Edit failed: not unique more",
        "  ! Bash was denied: no",
        "warning: cut",
        "half",
        "! No answer (overloaded). Trying again in 2 s. The text above is void.",
        "! stopped at the limit of steps",
        "[2 steps, 1.0 s, 1,000 tokens in, 5 out]",
        "",
    ]


@given(st.text())
def test_printable_text_cannot_drive_a_terminal(text: str) -> None:
    safe = printable(text)
    assert all(char in "\n\t" or not (ord(char) < 32 or 127 <= ord(char) < 160) for char in safe)
    assert printable(safe) == safe


async def command(text: str) -> tuple[bool | None, str, FakeSession]:
    out = io.StringIO()
    session, printer = FakeSession(PlainApprover(Lines(), Printer(out))), Printer(out)
    sent: list[str] = []

    async def send(text: str) -> None:
        sent.append(text)

    async def other(session_id: str) -> FakeSession:
        another = FakeSession(session.approver)
        another.id, another.transcript.title = session_id, "the other one"
        return another

    console = PlainConsole(session, printer, EventPrinter(printer, PurePath("/p")), Lines(None), send, other)
    leave = await run_command(text, console, printer)
    return leave, out.getvalue(), session


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/help", "/experiments [ID"),
        ("/status", "context   0 of 8k tokens"),
        ("/status", "drafted   train.py"),
        ("/mode plan", "= mode plan"),
        ("/mode accept-edits", "= mode accept-edits"),
        ("/mode yolo", "accept-edits"),
        ("/mode", "mode default; there are plan"),
        ("/model opus", "= model opus"),
        ("/budget", "spent $0.00, no limit"),
        ("/budget $2", "spent $0.00, of $2.00"),
        ("/budget off", "no limit"),
        ("/budget many", "error: 'many' is no amount"),
        ("/model none", "error: There is no model 'none'"),
        ("/experiments", "P-0001  interpreted"),
        ("/experiments P-0001", "Hypothesis: A larger learning rate"),
        ("/experiments 1", "Hypothesis: A larger learning rate"),
        ("/experiments p-1", "Hypothesis: A larger learning rate"),
        ("/experiments P-9", "there is no experiment P-0009 — Did you mean P-0001?"),
        ("/experiments state:inter", "1 of 1 experiments"),
        ("/experiments state:failed", "0 of 1 experiments"),
        ("/experiments colour:red", "there is no field 'colour'"),
        ("/experiments compare 1", "1 experiments cannot be compared"),
        ("/compact the seeds", "= the conversation was shortened from 9,000 to 900 tokens"),
        ("/context", "  600   6.0%"),
        ("/rename a title", "This session is called a title"),
        ("/rename", "Say which: /rename TITLE"),
        ("/fork b", "This is: the other one"),
        ("/sessions s-2", "This is: the other one"),
        ("/sessions", "no other session"),
        ("/export a.pdf", "There is no format '.pdf'"),
        ("/statsu", "Did you mean /status?"),
        ("/zzzzz", "/help lists them"),
    ],
)
async def test_commands(text: str, words: str) -> None:
    leave, out, _ = await command(text)
    assert leave is False
    assert words in out
    assert "\x1b" not in out


async def test_quit_leaves() -> None:
    assert (await command("/quit"))[0]
    assert (await command("/exit"))[0]


@pytest.mark.parametrize("text", ["/etc/hosts is wrong", "see /help", ""])
async def test_a_prompt_is_no_command(text: str) -> None:
    assert (await command(text))[0] is None
