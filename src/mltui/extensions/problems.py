"""What is wrong with a file that a person wrote, as one line for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltui.core.errors import MltuiError


@dataclass(frozen=True, slots=True)
class Problem:
    """Attributes: line: 1 where nothing better is known."""

    path: Path
    text: str
    level: Literal["error", "warning"] = "error"
    line: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"

    @classmethod
    def of(cls, path: Path, error: MltuiError) -> Problem:
        """The problem that an error names, which may begin with the path and the line."""
        text = str(error).removeprefix(str(path))
        found = re.match(r":(\d+): ", text)
        return cls(path, text[found.end() :] if found else text.removeprefix(": "), line=int(found[1]) if found else 1)
