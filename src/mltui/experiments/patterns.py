"""Metrics in what a run printed, by the project's own regular expressions.

A pattern can take time without end on a line that it nearly matches. So patterns are tried in a process of their own, on lines of
bounded length, and what is not done in time is an error that names the cause: Python's syntax stays whole, and no pattern hangs a job.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import cast

from mltui.experiments.points import Points

SECONDS = 10.0
LINE_LIMIT = 10_000
"""Characters of a line that are looked at."""

_WORKER = """
import json, re, sys
asked = json.load(sys.stdin)
patterns = [re.compile(pattern) for pattern in asked["patterns"]]
found = []
for line in asked["text"].splitlines():
    for pattern in patterns:
        for match in pattern.finditer(line[: asked["limit"]]):
            groups = match.groupdict()
            step = groups.pop("step", None)
            if "value" in groups:
                groups = {groups["name"]: groups["value"]}
            found += [[name, step, value] for name, value in groups.items() if name and value]
json.dump(found, sys.stdout)
"""


class PatternError(ValueError):
    """The patterns cannot be used; the text is one line for the person."""


def read_patterns(text: str, patterns: Sequence[str]) -> Points:
    """Returns: what the patterns find in the text, line by line; what is no number is passed over.

    Raises: PatternError: they take longer than `SECONDS`.
    """
    asked = json.dumps({"patterns": list(patterns), "text": text, "limit": LINE_LIMIT}).encode()
    command = [sys.executable, "-I", "-S", "-c", _WORKER]
    try:
        done = subprocess.run(command, input=asked, capture_output=True, timeout=SECONDS, check=True)
    except subprocess.TimeoutExpired:
        raise PatternError(
            f"[experiments] metrics regex took more than {SECONDS:g} s: let no two repetitions in it match the same text, as in (a+)+"
        ) from None
    except (OSError, subprocess.SubprocessError) as error:
        raise PatternError(f"[experiments] metrics regex could not be tried: {error}") from error
    found = Points()
    for name, step, value in cast("list[tuple[str, str | None, str]]", json.loads(done.stdout)):
        try:
            if step is None:
                found.add(name, found.count(name), float(value), "line")
            else:
                found.add(name, float(step), float(value))
        except ValueError:
            continue
    return found
