"""Prints a session's events as lines of text."""

from __future__ import annotations

from pathlib import PurePath

from mltui.core.data import JsonObject
from mltui.core.events import (
    ApprovalRequested,
    ContextCompacted,
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProgressed,
    ExperimentStarted,
    JobFinished,
    JobStarted,
    MessageCompleted,
    ModeChanged,
    ModelChanged,
    ModelRetrying,
    Notice,
    SessionRewound,
    Subagent,
    TextDelta,
    ToolCompleted,
    ToolOutput,
    ToolStarted,
    TurnCompleted,
    TurnSteered,
)
from mltui.experiments.render import in_short
from mltui.ui import figures
from mltui.ui.figures import model_change, rewound
from mltui.ui.plain.experiments import comparison_lines
from mltui.ui.plain.text import Printer, one_line

MAX_OUTPUT_LINES = 60
"""Lines of one tool's output that are shown; the tool keeps the rest."""

_OUTCOMES = {
    "interrupted": "interrupted",
    "denied": "stopped, because something it needed was denied",
    "approval_pending": "stopped, because an experiment waits for a decision",
    "max_turns": "stopped at the limit of steps",
    "max_budget_usd": "stopped at the limit of cost",
    "max_tokens": "stopped at the limit of tokens",
    "timeout": "stopped at the limit of time",
    "model_error": "the model failed",
    "auth": "the credentials are missing or wrong",
    "unavailable": "the model cannot be reached",
    "error": "failed",
}


_DECIDED = {"approve": "approved", "reject": "rejected", "hold": "held", "ask": "asked about", "maintenance": "let through as maintenance"}


class EventPrinter:
    """Shows events one by one, in order."""

    def __init__(self, printer: Printer, cwd: PurePath) -> None:
        self._printer = printer
        self._cwd = cwd
        self._streamed = False
        self._asked: set[str] = set()
        self._output_lines: dict[str, int] = {}
        self._running: str = ""
        """The experiment whose runs are shown."""

    async def show(self, event: Event) -> None:
        line = self._printer.line
        match event:
            case TurnSteered():
                line(f"> {event.text}")
            case TextDelta():
                self._streamed = True
                self._printer.text(event.text)
            case MessageCompleted():
                if not self._streamed and event.message.text:
                    self._printer.text(event.message.text)
                self._printer.close_line()
                self._streamed = False
            case ModelRetrying():
                void = " The text above is void." if self._streamed else ""
                self._streamed = False
                line(f"! No answer ({one_line(event.error)}). Trying again in {event.delay:.0f} s.{void}")
            case ApprovalRequested():
                self._printer.close_line()
                self._asked.add(event.request.call.id)
            case ToolStarted() | ToolOutput() | ToolCompleted():
                self._tool(event)
            case ModelChanged():
                line(f"= model {model_change(event)}")
            case ModeChanged():
                line(f"= mode {event.mode}")
            case Notice():
                line(event.text if event.level == "info" else f"{event.level}: {event.text}")
            case SessionRewound():
                line(f"= {rewound(event)}")
            case ContextCompacted():
                line(f"= the conversation was shortened from {event.tokens_before:,} to {event.tokens_after:,} tokens")
            case Subagent():
                self._inner(event.event)
            case TurnCompleted():
                self._turn_completed(event)
            case _:
                self._experiment(event)

    def _inner(self, event: Event) -> None:
        """What a subagent does, a step further in."""
        match event:
            case ToolStarted():
                self._printer.line(f"  * {event.name} {target(event.arguments, self._cwd)}".rstrip())
            case ToolCompleted(is_error=True):
                self._printer.line(f"    ! {event.name} {'was denied' if event.denied else 'failed'}: {one_line(event.content, 300)}")
            case Notice():
                self._printer.line(f"    {event.level}: {event.text}")
            case _:
                pass

    def _tool(self, event: ToolStarted | ToolOutput | ToolCompleted) -> None:
        line = self._printer.line
        match event:
            case ToolStarted():
                line(f"* {event.name} {target(event.arguments, self._cwd)}".rstrip())
            case ToolOutput():
                self._output(event)
            case ToolCompleted(is_error=False):
                diff = event.details.get("diff")
                if isinstance(diff, str) and diff:
                    staged = event.details.get("staged") is True
                    if event.call_id not in self._asked:
                        self._printer.block(diff)
                    if staged:
                        line("  This file is under experiment: the edit waits in the draft.")
                elif event.call_id not in self._output_lines:
                    count = event.content.count("\n")
                    line(
                        f"  {one_line(event.content.split(chr(10))[0], 100)}"
                        + (f" (and {count} more line{'s'[: count > 1]})" if count else "")
                    )
            case ToolCompleted():
                line(f"  ! {event.name} {'was denied' if event.denied else 'failed'}: {one_line(event.content, 300)}")

    def _output(self, event: ToolOutput) -> None:
        shown = self._output_lines.get(event.call_id, 0)
        for text in event.text.rstrip("\n").split("\n"):
            if shown < MAX_OUTPUT_LINES:
                self._printer.line(f"  | {text}")
            elif shown == MAX_OUTPUT_LINES:
                self._printer.line("  | (more output is not shown here)")
            shown += 1
        self._output_lines[event.call_id] = shown

    def _experiment(self, event: Event) -> None:
        line = self._printer.line
        match event:
            case ExperimentDecided():
                line(f"= {event.proposal_id}: {_DECIDED[event.answer]} by {event.by}" + (f" ({event.reason})" if event.reason else ""))
            case ExperimentStarted():
                self._running = event.proposal_id
                line(f"= {event.proposal_id}: running, {event.runs} runs at most (job {event.job})")
            case ExperimentProgressed():
                metrics = figures.metrics(event.metrics, digits=5)
                who = f"{event.arm} seed {event.seed}" if event.trial is None else f"trial {event.trial}"
                line(f"  {event.done}/{event.total} {who} {metrics or in_short(event.message)}".rstrip())
            case ExperimentFinished():
                self._running = ""
                line(f"= {event.proposal_id}: {event.message or 'compared'}")
                if event.comparison is not None:
                    self._printer.lines(comparison_lines(event.comparison))
            case ExperimentConcluded():
                line(f"= {event.proposal_id}: {event.outcome or 'interpreted, the change is still open'}")
            case JobStarted():
                line(f"= job {event.job}: {one_line(event.command)}")
            case JobFinished():
                line(f"= job {event.job}: {event.message or f'exit {event.exit_code}'}")
            case _:
                pass

    def _turn_completed(self, event: TurnCompleted) -> None:
        if event.outcome != "completed":
            self._printer.line(f"! {_OUTCOMES[event.outcome]}" + (f": {event.error}" if event.error else ""))
        if self._running:
            self._printer.line(f"  {self._running} goes on by itself: mltui experiments run|stop {self._running} watches or ends it.")
            self._running = ""
        usage = event.usage
        cost = "" if usage.cost_usd is None else f", ${usage.cost_usd:.4f}"
        steps = f"{event.steps} step{'' if event.steps == 1 else 's'}"
        self._printer.line(f"[{steps}, {event.seconds:.1f} s, {usage.prompt_tokens:,} tokens in, {usage.output_tokens:,} out{cost}]")


def target(arguments: JsonObject, cwd: PurePath) -> str:
    """What a call is about: its path, pattern or command, else its first text."""
    texts = {name: value for name, value in arguments.items() if isinstance(value, str) and value}
    for name in ("file_path", "notebook_path", "command", "pattern", "title", "experiment_id", *texts):
        if name in texts:
            path = PurePath(texts[name])
            inside = name.endswith("_path") and path.is_relative_to(cwd)
            return one_line(str(path.relative_to(cwd)) if inside else texts[name])
    return ""
