"""One line about a tool call: what, on what, with what result."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from mltui.core.data import JsonObject

EDITS = frozenset({"Edit", "Write", "NotebookEdit"})
_TARGETS = {
    "Read": ("file_path",),
    "Write": ("file_path",),
    "Edit": ("file_path",),
    "NotebookEdit": ("notebook_path",),
    "NotebookRun": ("notebook_path",),
    "Glob": ("pattern", "path"),
    "Grep": ("pattern", "path", "glob"),
    "CheckData": ("path", "train", "val", "test"),
    "Bash": ("command",),
    "WebFetch": ("url",),
    "WebSearch": ("query",),
    "Task": ("description",),
    "ProposeExperiment": ("title",),
    "ProposeSweep": ("title",),
    "ExperimentStatus": ("experiment_id",),
    "ConcludeExperiment": ("experiment_id", "recommendation"),
    "Skill": ("skill",),
}
_PATHS = frozenset({"file_path", "notebook_path", "path", "train", "val", "test"})


def target_of(name: str, arguments: JsonObject, cwd: PurePath | None) -> str:
    """Returns: what the call is about, on one line; the first short text argument where the tool is not known."""
    if name == "AskUserQuestion":
        questions = arguments.get("questions")
        first = questions[0] if isinstance(questions, list) and questions else None
        return one_line(str(first.get("question", ""))) if isinstance(first, dict) else ""
    keys = _TARGETS.get(name) or tuple(key for key, value in arguments.items() if isinstance(value, str))[:1]
    parts = [_shown(key, value, cwd) for key in keys if isinstance(value := arguments.get(key), str) and value]
    return " ".join(parts)


def _shown(key: str, value: str, cwd: PurePath | None) -> str:
    if key in _PATHS and cwd is not None and PurePath(value).is_relative_to(cwd):
        return one_line(str(PurePath(value).relative_to(cwd)))
    if key == "command":
        first, _, rest = value.strip().partition("\n")
        return one_line(first) + (" …" if rest.strip() else "")
    return one_line(value)


def outcome_of(name: str, details: JsonObject) -> str:
    """Returns: the result in a word or two, such as `exit 0`, `212 lines`, `3 of 5`; empty when there is nothing to say."""
    match name:
        case "Bash" | "NotebookRun" if "exit_code" in details:
            code = details["exit_code"]
            return "timed out" if code is None else f"exit {code}"
        case "Read" if "lines" in details:
            return _count(details["lines"], "line")
        case "Glob" | "Grep" if "found" in details:
            return _count(details["found"], "found", plural="found")
        case "CheckData" if "errors" in details:
            return f"{_count(details['errors'], 'error')}, {_count(details['warnings'], 'warning')}"
        case "TodoWrite" if "total" in details:
            return f"{details['done']} of {details['total']} done"
        case "ProposeExperiment" | "ProposeSweep" | "ExperimentStatus" | "ConcludeExperiment":
            return one_line(" ".join(str(details[key]) for key in ("experiment_id", "state") if details.get(key)))
        case _:
            return ""


def _count(value: object, noun: str, *, plural: str = "") -> str:
    return f"{value} {noun if value == 1 else plural or noun + 's'}"
