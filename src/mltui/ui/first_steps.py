"""What a person should know when a session opens, and what a newcomer can do next."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mltui.config import paths

if TYPE_CHECKING:
    from mltui.ui.session import AgentSession

_DEMO = "not reason"
"""What every note of a model too small to reason says."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Attributes: note: of the model, or empty; warnings: a line each; steps: what to do next, for who is new here."""

    note: str
    warnings: tuple[str, ...]
    steps: tuple[str, ...]


def opening(session: AgentSession) -> Opening:
    """Nothing is said twice, and nothing to who has been here before and lacks nothing."""
    notices = tuple(dict.fromkeys(session.notices))
    note = "" if any(_DEMO in notice for notice in notices) else session.model_info.note
    demo = _DEMO in note or len(note) < len(session.model_info.note)
    if any(event.type == "turn.started" for event in session.transcript.events):
        return Opening(note, notices, ())
    cwd = session.workspace.cwd
    if not cwd.is_dir():
        return Opening(note, notices, ())
    root = paths.project_root(cwd)
    git = (root / ".git").exists()
    steps: list[str] = []
    if demo:
        steps.append("For real work give it a key (mltui auth login) or a larger model (/model PATH.gguf)")
        steps.append("mltui try shows one whole experiment, offline, in a minute or two")
    if not git:
        steps.append("Experiments need git, which is not here: git init, then commit once")
    elif not demo and _first_here(session):
        steps.append("Ask for a change of training code, hyperparameters, prompts or data: it becomes an experiment that you approve")
    return Opening(note, notices, tuple(steps))


def _first_here(session: AgentSession) -> bool:
    """Whether the project has no other session."""
    folder = paths.sessions_dir(paths.project_root(session.workspace.cwd), os.environ)
    return not any(file.stem != session.id for file in folder.glob("*.jsonl"))
