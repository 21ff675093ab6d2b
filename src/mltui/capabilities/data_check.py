"""Runs the data checks for a tool, in a process of its own: data is untrusted, and large.

python -m mltui.capabilities.data_check    a request as JSON on stdin, `text` and `report`, or `error` and `hint`, as JSON on stdout
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from mltui.capabilities.parsing import confine, parsed
from mltui.core.data import JsonObject
from mltui.core.errors import ToolError, UsageError
from mltui.experiments.data_checks.places import Place, places
from mltui.tools.base import DataQuestion

_SECONDS = 600.0
_CPU_SECONDS = 900
_MEMORY = 8 << 30
_FINDINGS = 200
"""Findings that are kept as details."""


async def check_data(
    question: DataQuestion, may_read: Callable[[Path], bool], staged: Callable[[Path], bytes | None]
) -> tuple[str, JsonObject]:
    """What the checks find: in lines, without control characters, and as data.

    Args:
        may_read: of files in a folder that was named.
        staged: what the session's draft holds of a file, which is checked in its place.

    Raises: ToolError: something cannot be read, there is no such column, or it takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="mltui-data-") as folder:
        request = await asyncio.to_thread(_request, question, may_read, staged, Path(folder))
        shown = ", ".join(shown for _, _, shown in question.named)
        found = await parsed("mltui.capabilities.data_check", (), json.dumps(request).encode(), shown, _SECONDS)
    if found is None:
        raise ToolError(f"{shown} cannot be checked", hint="It may need too much memory; give a smaller sample, or check a part of it")
    if "error" in found:
        raise ToolError(str(found["error"]), hint=str(found.get("hint", "")))
    return str(found["text"]), cast("JsonObject", found["report"])


def _request(
    question: DataQuestion, may_read: Callable[[Path], bool], staged: Callable[[Path], bytes | None], folder: Path
) -> dict[str, Any]:
    found: list[Place] = []
    notes: list[str] = []
    try:
        for role, path, shown in question.named:
            content = staged(path)
            if content is not None:
                path = _kept(folder, path, content)
            more, said = places(path, role, shown, may_read)
            found += more if content is not None else [_as_staged(place, staged, folder) for place in more]
            notes += said
    except UsageError as error:
        raise ToolError(str(error.args[0]), hint=error.hint) from None
    return {
        "places": [[place.name, place.role, place.kind, [str(file) for file in place.files], str(place.root)] for place in found],
        "notes": notes,
        "options": {"target": question.target, "group": question.group, "time": question.time, "sample": question.sample},
    }


def _as_staged(place: Place, staged: Callable[[Path], bytes | None], folder: Path) -> Place:
    """A table of which files are in the draft is checked as the draft has it."""
    if place.kind == "pictures":
        return place
    files: list[Path] = []
    for file in place.files:
        content = staged(file)
        files.append(file if content is None else _kept(folder, file, content))
    return Place(place.name, place.role, place.kind, tuple(files), place.root)


def _kept(folder: Path, path: Path, content: bytes) -> Path:
    own = folder / str(len(list(folder.iterdir())))
    own.mkdir()
    (own / path.name).write_bytes(content)
    return own / path.name


def _checked(request: Mapping[str, Any]) -> dict[str, Any]:
    from mltui.experiments.data_checks.check import Options, check
    from mltui.experiments.data_checks.report import lines

    found = [Place(name, role, kind, tuple(map(Path, files)), Path(root)) for name, role, kind, files, root in request["places"]]
    report = check(found, Options(**request["options"]), request["notes"])
    kept = report.model_copy(update={"findings": report.findings[:_FINDINGS]})
    counts = {"errors": report.count("error"), "warnings": report.count("warning")}
    return {"text": "\n".join(lines(report)), "report": {**kept.as_json(), **counts, "left_out": len(report.findings) - len(kept.findings)}}


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _checked(request)
    except UsageError as error:
        return {"error": error.args[0], "hint": error.hint}
    except MemoryError:
        return {"error": "the check needs too much memory", "hint": "Give a smaller sample, or check a part of it"}
    except Exception as error:  # what the libraries raise on broken files is of every kind
        said = " ".join(str(error).split())[:200] or type(error).__name__
        return {"error": f"the data cannot be checked: {said}", "hint": "It may be broken, or of another kind than its name says"}


if __name__ == "__main__":
    with confine(_CPU_SECONDS, _MEMORY) as out:
        json.dump(_answer(json.load(sys.stdin)), out)
