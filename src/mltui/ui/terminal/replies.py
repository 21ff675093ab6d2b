"""What a terminal answers when it is asked, taken out of what the person types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

ASK_BACKGROUND: Final = "\x1b]11;?\x1b\\"
ASK_KIND: Final = "\x1b[c"
"""Primary device attributes: everything that calls itself a terminal answers this, and answers in the order of the questions."""
ASK_KITTY: Final = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
"""Whether it shows pictures by kitty's protocol."""
ASK_CELL: Final = "\x1b[16t"
"""How many pixels a cell has."""

_BACKGROUND = re.compile(
    r"\x1b\](1[01]);rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})(?:/[0-9a-fA-F]{1,4})?(?:\x07|\x1b\\)"
)
_KIND = re.compile(r"\x1b\[\?([0-9;]*)c")
_KITTY = re.compile(r"\x1b_G[^\x1b]*i=31[^\x1b;]*;([^\x1b]*)\x1b\\")
_CELL = re.compile(r"\x1b\[6;(\d{1,4});(\d{1,4})t")
_BEGUN = re.compile(r"\x1b(?:\](?:1[01]?(?:;[rgba:/0-9a-fA-F]*\x1b?)?)?|_(?:G[^\x1b]{0,200}\x1b?)?|\[(?:\?[0-9;]*|6(?:;[0-9;]*)?)?)?\Z")
"""The end of a text that may become an answer with what comes next."""


@dataclass(frozen=True)
class Reply:
    """Attributes:
    rgb: of the background, each from 0 to 1.
    sixel: it shows Sixel pictures, as its kind says.
    kitty: it shows pictures by kitty's protocol.
    cell: height and width in pixels.
    """

    kind: Literal["background", "kind", "kitty", "cell"]
    rgb: tuple[float, float, float] | None = None
    sixel: bool = False
    kitty: bool = False
    cell: tuple[int, int] | None = None


class Replies:
    """Takes answers out of a stream of input, whatever pieces it comes in.

    Only as many as were asked for are taken, so that nothing which a person types or pastes later is.
    """

    def __init__(self) -> None:
        self._held = ""
        self.awaited = 0

    def feed(self, text: str) -> tuple[str, list[Reply]]:
        """Returns: the input without the answers in it, and the answers."""
        if not self.awaited and not self._held:
            return text, []
        text, self._held = self._held + text, ""
        found: list[Reply] = []
        for pattern in (_BACKGROUND, _KITTY, _CELL, _KIND):
            while self.awaited and (match := pattern.search(text)):
                text = text[: match.start()] + text[match.end() :]
                found.append(_reply(match))
                self.awaited -= found[-1].kind == "kind"
        # A lone Esc is most likely the key: it is not held back.
        if self.awaited and (begun := _BEGUN.search(text)) and len(begun[0]) > 1:
            text, self._held = text[: begun.start()], begun[0]
        return text, found

    def give_up(self) -> str:
        """Returns: what was held back and became no answer."""
        held, self._held = self._held, ""
        return held


def _reply(match: re.Match[str]) -> Reply:
    if match.re is _KIND:
        return Reply("kind", sixel="4" in match[1].split(";")[1:])
    if match.re is _KITTY:
        return Reply("kitty", kitty=match[1] == "OK")
    if match.re is _CELL:
        return Reply("cell", cell=(int(match[1]), int(match[2])))
    red, green, blue = (int(value, 16) / (16 ** len(value) - 1) for value in match.group(2, 3, 4))
    return Reply("background", (red, green, blue) if match[1] == "11" else None)
