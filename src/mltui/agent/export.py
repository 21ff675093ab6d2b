"""A session as a document: Markdown, HTML that needs nothing else, or JSON."""

from __future__ import annotations

import html
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltui.agent.naming import first_words
from mltui.agent.remaining import remaining
from mltui.agent.transcript import Transcript
from mltui.core.data import JsonObject
from mltui.core.errors import UsageError
from mltui.core.events import (
    ContextCompacted,
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProposed,
    MessageCompleted,
    SessionRewound,
    ToolCompleted,
    TurnCompleted,
    TurnStarted,
)
from mltui.core.messages import Text, ToolCall

Format = Literal["markdown", "html", "json"]
SUFFIXES: dict[str, Format] = {".md": "markdown", ".html": "html", ".htm": "html", ".json": "json"}
_DRIVING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SHOWN_RESULT = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of the document.

    Attributes:
        kind: `you`, `agent`, `call`, `result`, `experiment` or `note`.
        markdown: the text is Markdown of the model; otherwise it is shown as it is.
    """

    kind: str
    title: str
    text: str
    markdown: bool = False


def export(events: Sequence[Event], form: Format) -> str:
    """The session in a format: as Markdown or HTML what is left of it after rewinds, as JSON all of its events.

    Control characters and those that turn the direction of text are shown, not kept.
    """
    return {"markdown": _markdown, "html": _html, "json": _json}[form](events)


def _entries(events: Sequence[Event]) -> Iterator[Entry]:
    for event in remaining(events):
        match event:
            case TurnStarted():
                yield Entry("you", "You", event.text)
            case MessageCompleted():
                for part in event.message.parts:
                    if isinstance(part, Text) and part.text.strip():
                        yield Entry("agent", "Agent", part.text, markdown=True)
                    elif isinstance(part, ToolCall):
                        yield Entry("call", part.name, part.broken or _arguments(part.arguments))
            case ToolCompleted():
                left = len(event.content) - _SHOWN_RESULT
                text = event.content if left <= 0 else f"{event.content[:_SHOWN_RESULT]}\n… {left:,} characters more"
                yield Entry("result", f"{event.name}: {'denied' if event.denied else 'failed' if event.is_error else 'done'}", text)
            case ExperimentProposed(proposal=proposal):
                text = f"{proposal.title}\n\nHypothesis: {proposal.hypothesis}"
                yield Entry("experiment", f"Proposed {proposal.id}", text)
            case ExperimentDecided():
                yield Entry("experiment", f"{event.proposal_id}: {event.answer} by {event.by}", event.reason)
            case ExperimentFinished(comparison=comparison):
                yield Entry("experiment", f"{event.proposal_id}: {event.state}", comparison.summary if comparison else event.message)
            case ExperimentConcluded():
                yield Entry("experiment", f"{event.proposal_id}: {event.outcome or 'interpreted'}", event.conclusion.interpretation)
            case ContextCompacted():
                yield Entry("note", "The conversation was summed up", event.summary)
            case SessionRewound():
                what = " and ".join(name for name, back in (("code", event.code), ("conversation", event.conversation)) if back)
                yield Entry("note", f"{'Took back the rewind' if event.redo else 'Went back'} to before turn {event.to_turn} ({what})", "")
            case TurnCompleted() if event.outcome != "completed":
                yield Entry("note", event.outcome, event.error)
            case _:
                pass


def _arguments(arguments: JsonObject) -> str:
    """The one argument there is, or all of them as JSON."""
    values = list(arguments.values())
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return json.dumps(arguments, ensure_ascii=False, indent=2)


def _facts(events: Sequence[Event]) -> tuple[str, dict[str, object]]:
    """The title, and what is known of the session."""
    transcript = Transcript.fold(events)
    head = transcript.head
    usage = transcript.usage
    title = transcript.title or first_words(remaining(events)) or (head.session_id if head else "Session")
    facts: dict[str, object] = {
        "id": head.session_id if head else "",
        "started": time.strftime("%Y-%m-%d %H:%M", time.localtime(head.at)) if head else "",
        "folder": head.cwd if head else "",
        "model": transcript.model,
        "persona": head.persona if head else "",
        "turns": transcript.turns,
        "tokens": usage.prompt_tokens + usage.output_tokens,
        "cost_usd": usage.cost_usd,
    }
    return _shown(title), {key: value for key, value in facts.items() if value is not None}


def _shown(text: str) -> str:
    """The text with what could drive a terminal, or turn the direction of text, as visible escapes."""
    text = text.replace("\r\n", "\n")
    return _DRIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode("utf-8", "replace").decode()


def _markdown(events: Sequence[Event]) -> str:
    title, facts = _facts(events)
    parts = [f"# {title}", "\n".join(f"- {key}: {_shown(str(value))}" for key, value in facts.items())]
    for entry in _entries(events):
        text = _shown(entry.text).strip("\n")
        if entry.kind == "you":
            parts += ["## You", text]
        elif entry.markdown:
            parts.append(text)
        elif entry.kind == "experiment":
            parts.append(f"**{_shown(entry.title)}**" + (f"\n\n{text}" if text else ""))
        else:
            parts.append(f"**{_shown(entry.title)}**" + (f"\n\n{_fenced(text)}" if text else ""))
    return "\n\n".join(parts) + "\n"


def _fenced(text: str) -> str:
    """A code block whose fence does not stand in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _json(events: Sequence[Event]) -> str:
    title, facts = _facts(events)
    document = {"session": {"title": title, **facts}, "events": [event.model_dump(mode="json") for event in events]}
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


_STYLE = """\
:root{color-scheme:light dark;--edge:#8884;--faint:#888}
body{font:16px/1.55 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}
pre,code{font:13px/1.45 ui-monospace,monospace}pre{white-space:pre-wrap;border:1px solid var(--edge);border-radius:6px;padding:.6rem}
.you{border-left:3px solid #4a7dff;padding:.2rem .9rem;margin:1.6rem 0;white-space:pre-wrap}
.experiment{border:1px solid #b8860b;border-radius:6px;padding:.4rem .9rem;margin:1rem 0;white-space:pre-wrap}
details{margin:.3rem 0}summary{cursor:pointer;color:var(--faint)}dl{color:var(--faint);font-size:.85rem}
dl div{display:inline-block;margin-right:1.2rem}dt,dd{display:inline;margin:0}dt::after{content:": "}
table{border-collapse:collapse}th,td{border:1px solid var(--edge);padding:.2rem .6rem}"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What the page may do: nothing but look. An image or a script that a model wrote into its answer is not loaded."""


def _html(events: Sequence[Event]) -> str:
    title, facts = _facts(events)
    render = _renderer()
    rows = "".join(f"<div><dt>{html.escape(key)}</dt><dd>{html.escape(_shown(str(value)))}</dd></div>" for key, value in facts.items())
    body = [f"<h1>{html.escape(title)}</h1>", f"<dl>{rows}</dl>", *(_block(entry, render) for entry in _entries(events))]
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def _block(entry: Entry, render: Callable[[str], str]) -> str:
    text, title = _shown(entry.text), html.escape(_shown(entry.title))
    if entry.kind == "you":
        return f'<div class="you">{html.escape(text)}</div>'
    if entry.markdown:
        return f'<div class="agent">{render(text)}</div>'
    if entry.kind == "experiment":
        return f'<div class="experiment"><strong>{title}</strong> {html.escape(text)}</div>'
    return f'<details class="{entry.kind}"><summary>{title}</summary><pre>{html.escape(text)}</pre></details>'


def _renderer() -> Callable[[str], str]:
    """Markdown to HTML; HTML in it is escaped, and links may not run code."""
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return lambda text: str(made.render(text))


def as_format(name: str) -> Format:
    """The format of a name or a file's suffix. Raises: UsageError: there is none of it."""
    forms: dict[str, Format] = {**SUFFIXES, **{form: form for form in SUFFIXES.values()}}
    found = forms.get(name) or forms.get(f".{name.lower().removeprefix('.')}")
    if found is None:
        raise UsageError(f"There is no format {name!r}", hint="There are markdown (.md), html and json")
    return found


def write(path: Path, text: str, *, replace: bool = False) -> None:
    """Writes a document for its owner's eyes alone. Raises: UsageError: the file exists, or cannot be written."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists", hint="Choose another name") from None
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}") from None
