"""A session's copy: the conversation so far under an id of its own, with the draft."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from mltui.agent import store
from mltui.agent.naming import clean_title
from mltui.core.events import SessionStarted, SessionTitled
from mltui.experiments.service import Experiments


def fork(path: Path, head: SessionStarted, experiments: Experiments, title: str) -> str:
    """Copies a session beside its file, under another title if one is given. Blocks.

    Returns: the copy's id.

    Raises: MltuiError: the copy cannot be written.
    """
    id_ = str(uuid4())
    named = SessionTitled(title=clean_title(title)) if title else None
    file = store.copy(path, path.with_name(f"{id_}.jsonl"), head.model_copy(update={"session_id": id_, "forked_from": head.session_id}))
    try:
        if named is not None:
            file.append(named)
    finally:
        file.close()
    experiments.draft(id_).take_over(experiments.draft(head.session_id))
    return id_
