"""What Write and Edit have in common: when a file may be changed, and what is said about it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from mltui.core.errors import ToolError
from mltui.core.messages import ToolResult
from mltui.tools.base import ToolContext
from mltui.tools.text_codec import decode, is_binary
from mltui.tools.text_edit import counts, unified_diff


def check_seen(shown: str, seen: str | None, digest: str) -> None:
    """Raises: ToolError: the model does not know what the file holds now.

    Args:
        shown: the path as it is shown.
        seen: the digest of what the model knows of it, or None.
        digest: of what it holds now.
    """
    if seen is None:
        raise ToolError(f"{shown} was not read in this session", hint="Read it first, then change it")
    if seen != digest:
        raise ToolError(f"{shown} changed since it was read", hint="Read it again, then change it")


def difference(path: str, before: bytes | None, after: bytes) -> str:
    """The unified diff between two states of a file; a line that says so where one of them is binary."""
    if is_binary(before or b"") or is_binary(after):
        return f"Binary file {path} differs\n"
    return unified_diff(path, decode(before).text if before else "", decode(after).text)


def report(ctx: ToolContext, path: Path, before: bytes | None, after: bytes, outcome: Literal["written", "staged"]) -> ToolResult:
    """What to tell the model and the person about a change that was made."""
    shown = ctx.workspace.relative(path)
    diff = difference(shown, before, after)
    added, removed = counts(diff)
    verb = "created" if before is None else "changed"
    content = f"{shown} {verb} (+{added} −{removed} lines)"
    if outcome == "staged":
        content = (
            f"{shown} is under experiment: the edit (+{added} −{removed} lines) is in the draft, not on disk, "
            "and Bash does not see it. Propose it with ProposeExperiment."
        )
    details = {"path": str(path), "diff": diff, "staged": outcome == "staged", "added": added, "removed": removed}
    return ToolResult(content=content, details={**details})
