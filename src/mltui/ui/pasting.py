"""What is pasted: cleaned, folded where it is long, and told apart where it is the path of a picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mltui.core.mentions import written

if TYPE_CHECKING:
    from mltui.core.messages import Image

LONG_LINES = 10
LONG_CHARACTERS = 1_000
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MARK = re.compile(r"\[Pasted text #(\d+), [\d,]+ (?:lines|characters)\]")
_PICTURE_MARK = re.compile(r"\[Picture #(\d+)\]")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def clean(text: str) -> str:
    """The text without what a terminal would obey; line ends as they are here, tabs kept."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def picture_path(text: str, cwd: Path) -> str | None:
    """The mention that a pasted path or `file:` address of a picture becomes, or None if it is none, or no such file is there."""
    one = text.strip().strip("'\"")
    if one.startswith("file://"):
        one = unquote(urlsplit(one).path)
    one = re.sub(r"\\(.)", r"\1", one)
    if "\n" in one or not one.lower().endswith(_PICTURES) or len(one) > 1_000:
        return None
    try:
        path = Path(one).expanduser()
        if not (cwd / path).is_file():
            return None
    except (OSError, RuntimeError, ValueError):
        return None
    return written(str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path))


class Pastes:
    """The long texts and the pictures behind the marks in a composer."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._pictures: list[Image] = []

    def fold(self, text: str) -> str:
        """The text itself, or the mark of a long one."""
        lines = text.count("\n") + 1
        if lines <= LONG_LINES and len(text) <= LONG_CHARACTERS:
            return text
        self._texts.append(text)
        size = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
        return f"[Pasted text #{len(self._texts)}, {size}]"

    def add_picture(self, image: Image) -> str:
        """Returns: the mark of a picture."""
        self._pictures.append(image)
        return f"[Picture #{len(self._pictures)}]"

    def whole(self, text: str) -> str:
        """The text with every mark of a long text replaced by it. What only looks like a mark stays."""
        return _MARK.sub(lambda match: self._text(match) or match[0], text)

    def pictures(self, text: str) -> tuple[Image, ...]:
        """The pictures whose marks stand in the text."""
        numbers = dict.fromkeys(int(match[1]) for match in _PICTURE_MARK.finditer(text))
        return tuple(self._pictures[number - 1] for number in numbers if 0 < number <= len(self._pictures))

    def mark_at(self, text: str, cursor: int) -> tuple[int, int, str] | None:
        """(start, end, long text) of the mark that the cursor is in or next to, else of the last one; None where there is none."""
        found = [(match.start(), match.end(), whole) for match in _MARK.finditer(text) if (whole := self._text(match))]
        return next((one for one in found if one[0] <= cursor <= one[1]), found[-1] if found else None)

    def _text(self, match: re.Match[str]) -> str:
        number = int(match[1])
        return self._texts[number - 1] if 0 < number <= len(self._texts) else ""
