"""What the app does from its log, typed: each answer reaches the journal, and what cannot be done says what can."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest

from mltui.core.experiment import Experiment
from mltui.experiments import standing
from mltui.experiments.orphans import Orphan
from mltui.experiments.records import UnplannedTraining
from mltui.ui.plain.commands import PlainConsole, run_command
from mltui.ui.plain.events import EventPrinter
from mltui.ui.plain.text import Printer
from tests.tui.fake_session import FakeExperiments, FakeOrphans, FakeSession
from tests.tui.samples import experiment


class Typed:
    """Lines that a person types at prompts."""

    interactive = True

    def __init__(self, *lines: str) -> None:
        self._lines: Iterator[str] = iter(lines)
        self.prompts: list[str] = []

    async def line(self, prompt: str, *, fresh: bool = False) -> str | None:
        self.prompts.append(prompt)
        return next(self._lines, None)

    def interrupt(self) -> bool:
        return False


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run in a shell of the agent's."""
    monkeypatch.delenv(standing.SHELL_CALL, raising=False)
    monkeypatch.setattr(standing, "_branded", lambda: False)
    monkeypatch.setattr(standing, "_ancestor_marked", lambda: False)


async def typed(
    text: str, *lines: str, of: tuple[Experiment, ...] = (), orphans: tuple[Orphan, ...] = ()
) -> tuple[str, FakeExperiments, list[str], Typed]:
    """Returns: what was printed, the log, what was sent to the agent, and the reader."""
    out, log, reader = io.StringIO(), FakeExperiments(*of), Typed(*lines)
    sent: list[str] = []
    log.unplanned = FakeOrphans(*orphans)
    session: Any = FakeSession(None, (), experiments=log)  # type: ignore[arg-type]

    async def send(prompt: str) -> None:
        sent.append(prompt)

    async def other(session_id: str) -> Any:
        raise AssertionError(session_id)

    printer = Printer(out)
    console = PlainConsole(session, printer, EventPrinter(printer, PurePath("/p")), reader, send, other)
    assert await run_command(text, console, printer) is False
    return out.getvalue(), log, sent, reader


@pytest.mark.parametrize(
    ("state", "text", "lines", "calls", "says"),
    [
        (
            "proposed",
            "/experiments decide 7",
            ["approve"],
            [("decide", "P-0007", "approve", ""), ("start", "P-0007")],
            "approved, and runs",
        ),
        ("held", "/experiments reject p-0007", ["reject too dear"], [("decide", "P-0007", "reject", "too dear")], "P-0007 is rejected"),
        (
            "proposed",
            "/experiments decide 7",
            ["maintenance", "m a log line"],
            [("decide", "P-0007", "maintenance", "a log line")],
            "needs words",
        ),
        ("approved", "/experiments run 7", [], [("start", "P-0007")], "P-0007 runs"),
        ("running", "/experiments stop 7", [], [("stop", "P-0007")], "P-0007 is stopped"),
        ("compared", "/experiments keep 7", ["keep"], [("accept", "P-0007")], "P-0007 is kept"),
        ("interpreted", "/experiments discard 7", ["d no gain"], [("discard", "P-0007")], "P-0007 is discarded"),
        ("failed", "/experiments discard 7", [], [("discard", "P-0007")], "P-0007 is discarded"),
        ("compared", "/experiments keep 7", ["later"], [], "stays as it is"),
        (
            "compared",
            "/experiments interpret 7",
            ["keep", "keep It settles sooner."],
            [("conclude", "P-0007", "It settles sooner.", "accept")],
            "needs words",
        ),
        ("accepted", "/experiments promote 7", [], [], "tracking is switched off"),
        ("accepted", "/experiments run 7", [], [], "error: P-0007 is accepted: nothing to run"),
        ("accepted", "/experiments run", [], [], "error: Say which experiment: /experiments run ID"),
        ("accepted", "/experiments run 99", [], [], "error: There is no P-0099"),
    ],
)
async def test_every_deed_of_the_log_is_typed(state: Any, text: str, lines: list[str], calls: list[tuple[str, ...]], says: str) -> None:
    said, log, _, _ = await typed(text, *lines, of=(experiment(state),))
    assert log.calls == calls
    assert says in said


async def test_what_waits_is_decided_one_after_the_other_and_a_question_goes_to_the_agent() -> None:
    waiting = (experiment("proposed", id="P-0001"), experiment("proposed", id="P-0002"))
    said, log, sent, _ = await typed("/experiments pending", "question Why cosine?", "hold", of=waiting)
    assert "2 to decide" in said
    assert log.calls == [("decide", "P-0001", "ask", "Why cosine?"), ("decide", "P-0002", "hold", "")]
    assert sent == ['About P-0001: Why cosine?\n\nAnswer with ProposeExperiment, experiment_id "P-0001" and answer.']


def editor(folder: Path, script: str) -> str:
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def test_the_diff_is_edited_in_the_persons_editor_and_approved_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor(tmp_path, 'case "$1" in *.diff) sed -i "s/^+.*0.05.*/+lr: 0.02/" "$1";; *) exit 3;; esac'))
    proposed = experiment("proposed")
    proposal = proposed.proposal.model_copy(update={"patch": "--- a/conf.yaml\n+++ b/conf.yaml\n@@ -1 +1 @@\n-lr: 0.1\n+lr: 0.05\n"})
    said, log, _, reader = await typed(
        "/experiments decide 7", "diff", "edit seeds=0,1", of=(proposed.model_copy(update={"proposal": proposal}),)
    )
    assert "diff to edit the change in your editor" in reader.prompts[0]
    assert "+lr: 0.02" in said and "The diff is edited" in said
    assert [call[0] for call in log.calls] == ["revise", "decide", "start"]
    assert r"+lr: 0.02\n" in log.calls[0][2] and '"seeds":[0,1]' in log.calls[0][2]


@pytest.mark.parametrize(
    ("script", "says"),
    [("exit 3", "error:"), ("true", "The diff is as it was")],
    ids=["an editor that fails", "nothing changed"],
)
async def test_a_diff_that_was_not_edited_is_decided_on_as_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor(tmp_path, script))
    said, log, _, _ = await typed("/experiments decide 7", "diff", "approve", of=(experiment("proposed"),))
    assert says in said
    assert log.calls == [("decide", "P-0007", "approve", ""), ("start", "P-0007")]


async def test_training_outside_a_proposal_is_adopted_once() -> None:
    training = UnplannedTraining(
        id="U-0001", session_id="s", command="python other.py", cpu_seconds=42.0, libraries=("torch",), models=(), outcome="ended"
    )
    said, _, _, _ = await typed("/experiments adopt U-1", orphans=(Orphan(training, 1_700_000_000.0),))
    assert "U-0001 is adopted" in said and "python other.py" in said


async def test_the_agents_own_shell_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(standing.SHELL_CALL, "1")
    said, log, _, _ = await typed("/experiments decide 7", "approve", of=(experiment("proposed"),))
    assert "The agent's own shell decides nothing" in said and not log.calls
