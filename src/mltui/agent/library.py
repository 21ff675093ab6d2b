"""The sessions on disk, without loading them: lists, full-text search, previews, deletion."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import subprocess
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from mltui.agent.branches import Branches, Part, parts
from mltui.config import paths
from mltui.config.programs import ripgrep
from mltui.core.errors import SessionError
from mltui.experiments.checkpoint_store import forget

_HEAD = rb'^\{"at":[^,]+,"type":'
_FACTS = (
    _HEAD + rb'"session\.started".*?,"system":',
    _HEAD + rb'"turn\.started","turn":\d+,"text":".{0,400}',
    _HEAD + rb'"turn\.completed".*',
    _HEAD + rb'"session\.titled".*',
    _HEAD + rb'"model\.changed".*',
    _HEAD + rb'"session\.rewound".*',
)
"""What of a file a list needs; the keys of an event stand in the order of its fields."""
_SAID = (
    rb"turn\.started|turn\.steered|message\.completed|tool\.completed|session\.titled|context\.compacted|experiment\.(?:proposed|concluded)"
)
_SNIPPET = 70
_PREVIEW = 65_536
"""Bytes that a preview reads of a file, from the end of the conversation."""
_STAYS = ("session.titled", "experiment.proposed", "experiment.concluded")
"""What holds also where the turn that it came from was taken back."""


@dataclass(slots=True)
class SessionRow:
    """What a list shows of a session.

    Attributes:
        changed: seconds since the epoch; title: empty if it has none.
        first: the first prompt's beginning; turns: how many there are. Neither counts what a rewind took out.
        cost_usd: of the turns that ended; None when no price is known.
    """

    id: str
    path: Path
    changed: float
    cwd: str = ""
    model: str = ""
    title: str = ""
    first: str = ""
    turns: int = 0
    cost_usd: float | None = None
    forked_from: str = ""

    @property
    def name(self) -> str:
        return self.title or self.first


@dataclass(frozen=True, slots=True)
class Listed:
    """Attributes: problems: one line for each file that is no session."""

    rows: tuple[SessionRow, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """Attributes: who: `you`, `agent`, a tool's name, `title`, …; at: seconds since the epoch."""

    path: Path
    at: float
    who: str
    text: str


@dataclass(slots=True)
class _Prompts:
    """The turns of a session, and how each begins, as rg found it."""

    branches: Branches = field(default_factory=Branches)
    texts: dict[int, bytes] = field(default_factory=dict[int, bytes])

    def take(self, kind: bytes, text: bytes) -> None:
        if kind == b"session.rewound":
            self.branches.rewound(_parsed(text) or {})
            return
        number, _, prompt = text.partition(b'"turn":')[2].partition(b',"text":"')
        self.texts[self.branches.begin(int(number))] = prompt

    def fill(self, row: SessionRow) -> None:
        turns = self.branches.turns()
        row.turns = len(turns)
        row.first = next(filter(None, (" ".join(_cut_string(self.texts[turn]).split()) for turn in turns)), "")


@dataclass(slots=True)
class _Run:
    """One run of rg over session files: path and line of each match. Leaving it ends the program."""

    arguments: Sequence[str | bytes]
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def __iter__(self) -> Iterator[tuple[Path, bytes]]:
        program = ripgrep()
        if program is None:
            raise SessionError("ripgrep (rg) is missing", hint="Install mltui again, or ripgrep itself")
        command: list[str | bytes] = [program, "--no-config", "--no-ignore", "--null", "-H", "--no-heading", "-N", "--no-messages", "-a"]
        command += ["--glob=*.jsonl", *self.arguments, "."]
        self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                name, _, text = line.partition(b"\0")
                yield self.folder / os.fsdecode(name), text
        self.process.wait()

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def files(folder: Path) -> list[Path]:
    """The session files of a project's folder, or of all projects' for the folder above; the latest first."""
    found: list[tuple[int, Path]] = []
    for path in (*folder.glob("*.jsonl"), *folder.glob("*/*.jsonl")):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except OSError:
            continue  # deleted meanwhile
    return [path for _, path in sorted(found, reverse=True)]


def listed(folder: Path) -> Listed:
    """The sessions below a folder, the latest first. Raises: SessionError: rg is missing."""
    paths = files(folder)
    rows = {path: SessionRow(path.stem, path, path.stat().st_mtime) for path in paths}
    begun: set[Path] = set()
    prompts: dict[Path, _Prompts] = {}
    if paths:
        run = _Run(["-o", *(part for pattern in _FACTS for part in (b"-e", pattern))], folder)
        for path, text in run:
            if (row := rows.get(path)) is not None and _note(row, text.rstrip(b"\n"), prompts.setdefault(path, _Prompts())):
                begun.add(path)
    for path, found in prompts.items():
        found.fill(rows[path])
    problems = tuple(f"{path} is not a session file: its first line is not session.started" for path in paths if path not in begun)
    return Listed(tuple(row for path, row in rows.items() if path in begun), problems)


def _note(row: SessionRow, text: bytes, prompts: _Prompts) -> bool:
    """Takes in what a line says. Returns: whether it is the head of a session."""
    kind = text[:120].partition(b'"type":"')[2].partition(b'"')[0]
    if kind in (b"turn.started", b"session.rewound"):
        prompts.take(kind, text)
        return False
    fact = _parsed(text[: -len(b',"system":')] + b"}" if kind == b"session.started" else text)
    if fact is None:
        return False
    if kind == b"session.started":
        row.cwd, row.model = str(fact.get("cwd", "")), str(fact.get("model", ""))
        row.forked_from = str(fact.get("forked_from") or "")
        return True
    if kind == b"session.titled":
        row.title = str(fact.get("title", ""))
    elif kind == b"model.changed" and not fact.get("temporary"):
        row.model = str(fact.get("model", row.model))
    elif kind == b"turn.completed" and (cost := cast("dict[str, Any]", fact.get("usage") or {}).get("cost_usd")) is not None:
        row.cost_usd = (row.cost_usd or 0.0) + float(cost)
    return False


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _cut_string(text: bytes) -> str:
    """The beginning of a JSON string whose end may be missing."""
    body = re.match(rb'(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*', text)
    found = (body[0] if body else b"").decode("utf-8", "ignore")
    try:
        return str(json.loads(f'"{found}"', strict=False))
    except ValueError:
        return found


def search(folder: Path, query: str, *, limit: int = 50, each: int = 3) -> Iterator[Hit]:
    """Where all words of the query stand in one message, the latest sessions first.

    Words are found anywhere in prompts, answers, calls, results, titles and experiments, whatever their case; but not in what a
    rewind took out of the conversation.

    Args:
        limit: hits at most; each: of one session.

    Raises: SessionError: there is no word to look for, or rg is missing.
    """
    words = [word.casefold() for word in query.split()]
    if not words:
        raise SessionError("There is nothing to search for", hint="mltui sessions search WORDS")
    if not folder.is_dir():
        return
    longest = max(query.split(), key=len)
    literal = re.sub(r"([^\w\s])", r"\\\1", json.dumps(longest, ensure_ascii=False)[1:-1])
    pattern = _HEAD + rb'"(?:' + _SAID + rb')".*' + literal.encode()
    run = _Run(["-i", "-n", "--sortr=modified", b"-e", pattern], folder)
    found: dict[Path, int] = {}
    shown: dict[Path, list[Part]] = {}
    try:
        for path, numbered in run:
            number, _, text = numbered.partition(b":")
            if found.get(path, 0) >= each or (event := _parsed(text)) is None:
                continue
            for who, said in _said(event):
                if all(word in said.casefold() for word in words):
                    if path not in shown:
                        shown[path] = _parts(path)
                    if event["type"] not in _STAYS and not _is_shown(shown[path], int(number)):
                        break
                    found[path] = found.get(path, 0) + 1
                    yield Hit(path, float(event.get("at", 0.0)), who, _snippet(said, words))
                    break
            if sum(found.values()) >= limit:
                return
    finally:
        run.end()


def _parts(path: Path) -> list[Part]:
    try:
        return parts(path)
    except OSError:
        return []  # deleted meanwhile


def _is_shown(known: Sequence[Part], line: int) -> bool:
    """Whether a line of a session file is part of the conversation."""
    at = bisect_right(known, line, key=lambda part: part.line) - 1
    return at < 0 or known[at].shown


def _said(event: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Who said what in an event."""
    match event.get("type"):
        case "turn.started" | "turn.steered":
            yield "you", str(event.get("text", ""))
        case "session.titled":
            yield "title", str(event.get("title", ""))
        case "context.compacted":
            yield "summary", str(event.get("summary", ""))
        case "tool.completed":
            yield str(event.get("name", "")), str(event.get("content", ""))
        case "message.completed":
            for part in event.get("message", {}).get("parts", ()):
                if part.get("type") == "tool_call":
                    arguments = cast("dict[str, Any]", part.get("arguments") or {})
                    yield "call", " ".join(map(str, (part.get("name", ""), *arguments.values())))
                else:
                    yield "agent", str(part.get("text", ""))
        case "experiment.proposed":
            proposal = event.get("proposal", {})
            yield str(proposal.get("id", "")), " ".join(str(proposal.get(key, "")) for key in ("title", "hypothesis", "methodology"))
        case "experiment.concluded":
            yield str(event.get("proposal_id", "")), str(event.get("conclusion", {}).get("interpretation", ""))
        case _:
            return


def _snippet(text: str, words: Sequence[str]) -> str:
    """The surroundings of the first word that stands in the text, on one line."""
    place = min((at for word in words if (at := text.casefold().find(word)) >= 0), default=0)
    start, end = max(0, place - _SNIPPET), place + _SNIPPET
    return ("…" if start else "") + " ".join(text[start:end].split()) + ("…" if end < len(text) else "")


def preview(path: Path) -> str:
    """What was said last in a session: the last prompts and answers of its conversation, as text."""
    try:
        lines = _last_lines(path)
    except OSError as error:
        return f"Cannot be read: {error.strerror}"
    said: list[str] = []
    for line in lines:
        event = _parsed(line)
        if event is None or event.get("type") not in ("turn.started", "turn.steered", "message.completed"):
            continue
        for who, text in _said(event):
            if text.strip():
                said.append(f"{'>' if who == 'you' else '●' if who.startswith('call') else ' '} {text.strip()[:600]}")
    return "\n\n".join(said[-8:]) or "Nothing was said."


def _last_lines(path: Path) -> list[bytes]:
    """The last lines of the conversation in a session file, the first of them cut. Raises: OSError."""
    pieces: list[bytes] = []
    room = _PREVIEW
    with path.open("rb") as file:
        for part in reversed(parts(path)):
            if part.shown and room > 0:
                start = max(part.start, part.end - room)
                file.seek(start)
                pieces.append(file.read(part.end - start))
                room -= part.end - start
    return b"".join(reversed(pieces)).split(b"\n")


def delete(path: Path) -> None:
    """Deletes a session with its checkpoints. Raises: SessionError: it is open, or cannot be deleted."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            head = file.readline()
            path.unlink()
    except BlockingIOError:
        raise SessionError(f"The session {path.stem} is open in another mltui", hint="Close it there first") from None
    except OSError as error:
        raise SessionError(f"Cannot delete the session {path.stem}: {error.strerror}") from None
    with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
        started = json.loads(head)
        forget(paths.project_state(paths.project_root(Path(started["cwd"]))), str(started["session_id"]))


def prune(folder: Path, keep_days: int) -> list[Path]:
    """Deletes the sessions that were not touched for so many days, but no open one. Returns: what was deleted."""
    deleted: list[Path] = []
    for path in files(folder):
        try:
            if path.stat().st_mtime < time.time() - 86_400 * keep_days:
                delete(path)
                deleted.append(path)
        except (OSError, SessionError):
            continue
    return deleted
