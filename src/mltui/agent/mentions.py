"""What goes with a prompt: the files, folders and pictures that the person names in it with `@`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from mltui.agent.compaction import bounded
from mltui.agent.gate import Gate
from mltui.agent.person_calls import call
from mltui.core.data import JsonObject
from mltui.core.errors import InvalidArgumentsError
from mltui.core.events import Emit, Notice, ToolCompleted
from mltui.core.mentions import Mention, mentions
from mltui.core.messages import Attachment, Image
from mltui.models.assembly import whole
from mltui.models.base import ModelInfo
from mltui.tools.base import Workspace
from mltui.tools.paths import resolve

MOST = 20
"""Files that go with one prompt."""
_MOST_TRIED = 500
"""Mentions that are looked at: a long text that was pasted has decorators and addresses."""
_SHARE = 0.35
"""Of the model's window that they may take together."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A prompt and what goes with it."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    images: tuple[Image, ...] = ()


async def take(gate: Gate, workspace: Workspace, model: ModelInfo, text: str, show: Emit) -> Taken:
    """Reads what a prompt names, by the gate: a rule that forbids a file forbids it here, and where it would ask it asks.

    What cannot be sent stays the text that it is. The person is told of it, unless there is no such file: an e-mail address
    and a decorator look like mentions too.

    Raises: MltuiError: the person stopped it.
    """
    attachments: list[Attachment] = []
    images: list[Image] = []
    for mention in islice(mentions(text), _MOST_TRIED):
        read = await _read(gate, workspace, mention, show)
        if read is None:
            continue
        if len(attachments) >= MOST:
            await show(Notice(level="warning", text=f"Only the first {MOST} files that you name go with the prompt"))
            break
        if read.is_error:
            reason = (read.content.splitlines() or [""])[0]
            await show(Notice(level="warning", text=whole(f"@{mention.path} does not go with the prompt: {reason}")))
        elif read.images and not model.sees:
            await show(Notice(level="warning", text=whole(f"@{mention.path} does not go with the prompt: {model.id} cannot see pictures")))
        else:
            images += read.images
            attachments.append(Attachment(name=whole(_name(mention)), content=whole(read.content)))
    share = _SHARE / max(1, len(attachments))
    return Taken(text, tuple(one.model_copy(update={"content": bounded(one.content, model, share)}) for one in attachments), tuple(images))


async def _read(gate: Gate, workspace: Workspace, mention: Mention, show: Emit) -> ToolCompleted | None:
    """What Read, or for a folder Glob, says; None where nothing is there."""
    try:
        path = resolve(workspace, mention.path)
        is_folder, is_there = path.is_dir(), path.exists()
    except (InvalidArgumentsError, OSError):
        return None
    arguments: JsonObject = {"pattern": "*", "path": str(path)} if is_folder else {"file_path": str(path)}
    if mention.first is not None and mention.last is not None and not is_folder:
        arguments |= {"offset": mention.first, "limit": mention.last - mention.first + 1}
    if not is_there and not workspace.contains(path):
        return None
    read = await call(gate, "Glob" if is_folder else "Read", arguments, show)
    # A file may be there although the disk has none: in the draft.
    return read if is_there or not read.is_error else None


def _name(mention: Mention) -> str:
    if mention.first is None:
        return mention.path
    return f"{mention.path}:{mention.first}" + (f"-{mention.last}" if mention.last != mention.first else "")
