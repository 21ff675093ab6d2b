from __future__ import annotations

import pytest

from mltui.core.approval import PermissionRequest
from mltui.core.events import (
    ContextCompacted,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProgressed,
    ExperimentProposed,
    ExperimentStarted,
    ModelRetrying,
    Notice,
    ReasoningDelta,
    Subagent,
    TextDelta,
    ToolCompleted,
    ToolOutput,
    ToolStarted,
    TurnStarted,
)
from mltui.core.experiment import Conclusion
from mltui.ui.tui.decision_pane import DecisionPane
from mltui.ui.tui.experiment_card import ExperimentCard
from mltui.ui.tui.items import AnswerItem, NoticeItem, ThinkingItem, UserItem
from mltui.ui.tui.tool_card import ToolCard
from mltui.ui.tui.transcript import MOST_LIVE, PAGE

from .driving import app_with, idle, running, screen_text, until
from .fake_session import call, said, streamed, tool
from .samples import comparison, experiment, proposal

EVIL = "[bold]x[/bold] [/] [red on blue \x1b[31m\x07"
SHOWN = "[bold]x[/bold] [/] [red on blue"


async def test_streamed_markdown_becomes_one_widget() -> None:
    app = app_with(streamed("# Title\n\nSome **bold** words.\n\n- item\n" * 5, size=3), prompt="go")
    async with running(app) as pilot:
        await idle(pilot)
        assert len(app.query(AnswerItem)) == 1
        text = screen_text(app)
        assert "Some bold words." in text
        assert "**" not in text
        assert not app.query_one(AnswerItem).state.growing


async def test_a_retry_voids_what_was_streamed() -> None:
    app = app_with(
        [TextDelta(text="half an ans"), 0.2, ModelRetrying(attempt=1, delay=2, error="overloaded"), *streamed("whole")], prompt="go"
    )
    async with running(app) as pilot:
        await idle(pilot)
        text = screen_text(app)
        assert "half an ans" not in text
        assert "overloaded: try 2 in 2.0s" in text
        assert "whole" in text


async def test_the_final_message_wins_over_what_was_streamed() -> None:
    app = app_with([TextDelta(text="draft"), said("final")], prompt="go")
    async with running(app) as pilot:
        await idle(pilot)
        assert "final" in screen_text(app)
        assert "draft" not in screen_text(app)


async def test_tool_calls_are_a_line_and_open_by_enter() -> None:
    made = call("Bash", command="pytest -q")
    app = app_with([said("", made), *tool(made, "12 passed", details={"exit_code": 0})], prompt="go")
    async with running(app) as pilot:
        await idle(pilot)
        assert "● Bash pytest -q · exit 0" in screen_text(app)
        assert "12 passed" not in screen_text(app)
        await pilot.press("tab", "enter")
        await pilot.pause(0.1)
        assert "12 passed" in screen_text(app)
        await pilot.press("escape")
        assert app.focused is app.composer.area


async def test_output_streams_under_a_running_call() -> None:
    made = call("Bash", command="train")
    app = app_with(
        [
            said("", made),
            ToolStarted(call_id=made.id, name="Bash", arguments=made.arguments),
            ToolOutput(call_id=made.id, text="epoch 1\n"),
            30.0,
        ],
        prompt="go",
    )
    async with running(app) as pilot:
        await until(pilot, lambda: "epoch 1" in screen_text(app))
        await pilot.press("escape")
        await idle(pilot)
        assert "not run" in screen_text(app)
        assert "Interrupted after" in screen_text(app)


async def test_edits_show_their_diff_and_that_they_are_staged() -> None:
    made = call("Edit", file_path="train.py")
    diff = "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-lr = 0.1\n+lr = 0.05\n"
    app = app_with([said("", made), *tool(made, "ok", details={"diff": diff, "staged": True})], prompt="go")
    async with running(app) as pilot:
        await idle(pilot)
        text = screen_text(app)
        assert "● Edit train.py +1 -1 staged" in text
        assert "+ lr = 0.05" in text


async def test_failed_and_denied_calls_say_so() -> None:
    bad, denied = call("Bash", command="false"), call("Bash", command="rm -rf /")
    events = [
        said("", bad, denied),
        *tool(bad, "boom", is_error=True, details={"exit_code": 1}),
        ToolCompleted(call_id=denied.id, name="Bash", content="a rule denies it", is_error=True, denied=True),
    ]
    app = app_with(events, prompt="go")
    async with running(app) as pilot:
        await idle(pilot)
        text = screen_text(app)
        assert "boom" in text
        assert "⊘ Bash rm -rf / · not run" in text
        assert "a rule denies it" in text


async def test_an_experiment_is_one_card_from_proposal_to_decision() -> None:
    made = proposal()
    conclusion = Conclusion(interpretation="It helps", recommendation="accept", by="m", at=0.0)
    events = [
        ExperimentProposed(proposal=made),
        ExperimentDecided(proposal_id=made.id, answer="approve", by="anna"),
        ExperimentStarted(proposal_id=made.id, job="j", runs=12),
        *(ExperimentProgressed(proposal_id=made.id, arm="candidate", seed=n, done=n, total=12) for n in range(12)),
        0.2,
        ExperimentFinished(proposal_id=made.id, state="compared", comparison=comparison()),
        ExperimentConcluded(proposal_id=made.id, conclusion=conclusion, outcome="accepted"),
    ]
    app = app_with(events, prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: "11/12" in screen_text(app))
        await idle(pilot)
        assert len(app.query(ExperimentCard)) == 1
        text = screen_text(app)
        assert "P-0007 Halve the learning rate  accepted" in text
        assert "lr 0.1 → 0.05" in text
        assert "better accuracy +0.0112 [0.0059, 0.0164]" in text


async def test_notices_compaction_and_thinking() -> None:
    app = app_with(
        [
            ReasoningDelta(text="Let me think"),
            TextDelta(text="ok"),
            said("ok"),
            Notice(level="error", text="disk full"),
            ContextCompacted(summary="s", tokens_before=150_000, tokens_after=9000),
        ],
        prompt="go",
    )
    async with running(app) as pilot:
        await idle(pilot)
        text = screen_text(app)
        assert "Thought for" in text
        assert "disk full" in text
        assert "150k → 9k" in text
        assert "Let me think" not in text
        await pilot.press("ctrl+o")
        await pilot.pause(0.1)
        assert "Let me think" in screen_text(app)


async def test_a_subagents_calls_are_output_of_its_card() -> None:
    made = call("Task", description="look around")
    inner = ToolStarted(call_id="i", name="Grep", arguments={"pattern": "lr"})
    app = app_with(
        [said("", made), ToolStarted(call_id=made.id, name="Task", arguments={}), Subagent(call_id=made.id, event=inner), 30.0], prompt="go"
    )
    async with running(app) as pilot:
        await until(pilot, lambda: "Grep lr" in screen_text(app))


@pytest.mark.parametrize("size", [(100, 60), (40, 60)])
async def test_untrusted_text_is_never_markup(size: tuple[int, int], quick_panes: None) -> None:
    made = call(EVIL, **{EVIL: EVIL})
    edit = call("Edit", file_path=EVIL)
    evil_experiment = experiment("failed", title=EVIL).proposal.model_copy(
        update={"hypothesis": EVIL, "methodology": EVIL, "command": EVIL, "author": EVIL}
    )
    events = [
        ReasoningDelta(text=EVIL),
        TextDelta(text=EVIL),
        said(EVIL, made, edit),
        *tool(made, EVIL, is_error=True),
        *tool(edit, EVIL, details={"diff": f"--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+{EVIL}\n"}),
        Notice(level="warning", text=EVIL),
        ExperimentProposed(proposal=evil_experiment),
        ExperimentDecided(proposal_id="P-0007", answer="reject", by=EVIL, reason=EVIL),
        PermissionRequest(id="1", call=made, effects=({"kind": "exec", "target": EVIL},), reason=EVIL, rule=EVIL),  # type: ignore[arg-type]
    ]
    app = app_with(events, prompt=EVIL, note=EVIL, notices=(EVIL,))
    async with running(app, size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        flat = "".join(line.strip() for line in screen_text(app).split("\n")).replace(" ", "")
        assert SHOWN.replace(" ", "") in flat
        await pilot.press("escape")
        await idle(pilot)
        await pilot.press("ctrl+o")
        await pilot.pause(0.2)
        for item in app.view.live:
            text = "\n".join(strip.text for strip in item.lines_of(90))
            assert "\x1b" not in text
            if isinstance(item, (UserItem, AnswerItem, ThinkingItem, ToolCard, ExperimentCard)):
                assert "[bold]x[/bold] [/]" in text, type(item)


async def test_old_items_are_paged_out_and_come_back() -> None:
    steps = []
    for number in range(MOST_LIVE + 2 * PAGE):
        made = call("Read", file_path=f"file{number}.py")
        steps += [said("", made), *tool(made, "x")]
    app = app_with(steps, prompt="go")
    async with running(app) as pilot:
        await idle(pilot)
        assert len(app.query(ToolCard)) <= MOST_LIVE + PAGE
        paged = app.view.paged
        assert paged > 0
        assert f"{paged} earlier" not in screen_text(app)
        await pilot.press("f3")
        await pilot.pause(0.1)
        assert app.view.paged == paged - min(PAGE, paged)
        while app.view.paged:
            await pilot.press("f3")
        await pilot.pause(0.1)
        assert len(app.query(UserItem)) == 1
        assert [item.state.arguments["file_path"] for item in app.view.live if isinstance(item, ToolCard)] == [
            f"file{number}.py" for number in range(MOST_LIVE + 2 * PAGE)
        ]


async def test_a_resumed_conversation_is_replayed() -> None:
    made = call("Bash", command="ls")
    events = [
        TurnStarted(turn=1, text="look"),
        said("**Done**", made),
        *tool(made, "a b", details={"exit_code": 0}),
        Notice(level="info", text="noted"),
    ]
    many = [*(event for number in range(60) for event in (TurnStarted(turn=number, text=f"prompt {number}"), said("ok"))), *events]
    app = app_with(events=many)
    async with running(app) as pilot:
        await idle(pilot)
        text = screen_text(app)
        assert "❯ look" in text
        assert "● Bash ls · exit 0" in text
        assert app.view.paged > 0
        await pilot.press("up")
        assert app.composer.area.text == "look"


async def test_clear_empties_the_screen_only() -> None:
    app = app_with([said("answer")], prompt="go")
    async with running(app) as pilot:
        await idle(pilot)
        await pilot.press(*"/clear", "enter")
        await until(pilot, lambda: not app.query(UserItem))
        assert app.session is not None
        assert app.session.transcript.events
        assert not app.query(NoticeItem)
