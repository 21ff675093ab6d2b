"""The tools that are offered: those that a persona may use, and of them those that fit the model's window."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mltui.tools.base import Tool, spec

SHARE = 0.4
"""Of the window that declarations of tools may take."""
_CHARACTERS = 3.8
"""Of a token, in declarations (measured with SmolLM2's vocabulary: 22,015 characters are 5,720 tokens)."""
_FIRST_TO_GO = (
    "ProposeSweep",
    "NotebookRun",
    "CheckData",
    "WebSearch",
    "WebFetch",
    "Task",
    "Skill",
    "NotebookEdit",
    "Promote",
    "BashOutput",
    "KillShell",
    "AskUserQuestion",
    "TodoWrite",
)
"""What is left reads, changes, runs and proposes."""


def fitting(tools: Sequence[Tool], window: int | None) -> tuple[list[Tool], tuple[str, ...]]:
    """The tools that a model with that window (tokens; None: unknown, taken for large) is offered, and the names of the others."""
    kept = list(tools)
    left_out: list[str] = []
    if window is None:
        return kept, ()
    size = {tool.name: _tokens(tool) for tool in kept}
    for name in _FIRST_TO_GO:
        if sum(size[tool.name] for tool in kept) <= SHARE * window:
            break
        if name in size:
            kept = [tool for tool in kept if tool.name != name]
            left_out.append(name)
    return kept, tuple(left_out)


def _tokens(tool: Tool) -> float:
    declared = spec(tool)
    return (len(declared.description) + len(json.dumps(declared.parameters))) / _CHARACTERS


def granted(name: str, tools: Sequence[str]) -> bool:
    """Whether a persona that names these tools has one of that name."""
    return named(name, tools) or _implied(name, tools)


def named(name: str, names: Sequence[str]) -> bool:
    """Whether a tool is among the names; `mcp__SERVER` and `mcp__SERVER__*` name all of a server's."""
    if not name.startswith("mcp__"):
        return name in names
    return any(name == one or name.startswith(f"{one.removesuffix('*').removesuffix('__')}__") for one in names if one.startswith("mcp__"))


def _implied(name: str, granted: Sequence[str]) -> bool:
    """Tools that a persona has without naming them: notes and questions, and with anything that acts the road to an experiment."""
    if name in ("TodoWrite", "AskUserQuestion", "ExperimentStatus"):
        return bool(granted)
    return name in ("ProposeExperiment", "ProposeSweep", "ConcludeExperiment", "Promote") and not {"Edit", "Write", "Bash"}.isdisjoint(
        granted
    )
