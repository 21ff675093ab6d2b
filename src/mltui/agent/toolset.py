"""The tools that fit a model: a small window cannot hold twenty declarations and a conversation."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mltui.tools.base import Tool, spec

SHARE = 0.4
"""Of the window that declarations of tools may take."""
_CHARACTERS = 3.8
"""Of a token, in declarations (measured with SmolLM2's vocabulary: 22,015 characters are 5,720 tokens)."""
_FIRST_TO_GO = (
    "NotebookRun",
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
