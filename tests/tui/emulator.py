"""A terminal of a few control sequences, to see what a frame makes of a screen."""

from __future__ import annotations

import re

from rich.cells import split_graphemes

Seen = tuple[str, str, str, str]
"""A character, its attributes, its foreground and its background."""

_TOKEN = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|\x1b\]8;;([^\x1b]*)\x1b\\|([^\x1b]+)")
_LINED = {"4", "7", "9", "21", "53"}


class Emulator:
    """Erases in the background that is set, as most terminals do."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.rows: list[list[Seen]] = [[("?", "", "", "")] * width for _ in range(height)]
        self.x = self.y = 0
        self.top, self.bottom = 0, height
        self.attributes: set[str] = set()
        self.foreground = self.background = ""

    def feed(self, data: str) -> None:
        at = 0
        while at < len(data):
            match = _TOKEN.match(data, at)
            assert match, data[at : at + 20]
            at = match.end()
            private, numbers, final, _, text = match.groups()
            if text is not None:
                self._text(text)
            elif final and not private:
                self._control(final, [int(number or 0) for number in numbers.split(";")], numbers)

    def _text(self, text: str) -> None:
        assert text.isprintable() or set(text) & set("\u200d\ufe0f\u200c")
        for start, end, width in split_graphemes(text)[0]:
            if width and self.x + width <= self.width:
                self.rows[self.y][self.x] = self._seen(text[start:end])
                for x in range(self.x + 1, self.x + width):
                    self.rows[self.y][x] = ("", *self._seen(" ")[1:])
                self.x = min(self.width - 1, self.x + width)

    def _seen(self, text: str) -> Seen:
        attributes = ";".join(sorted(self.attributes))
        # Of a blank without lines nobody sees more than the background.
        if text == " " and not self.attributes & _LINED:
            return (" ", "", "", self.background)
        return (text, attributes, self.foreground, self.background)

    def _control(self, final: str, numbers: list[int], raw: str) -> None:
        one = max(1, numbers[0])
        blank: Seen = (" ", "", "", self.background)
        match final:
            case "H":
                self.y, self.x = one - 1, max(1, numbers[1] if len(numbers) > 1 else 1) - 1
                assert self.y < self.height and self.x < self.width
            case "C":
                self.x = min(self.width - 1, self.x + one)
            case "X":
                self.rows[self.y][self.x : self.x + one] = [blank] * min(one, self.width - self.x)
            case "r":
                self.top, self.bottom = (numbers[0] - 1, numbers[1]) if raw else (0, self.height)
                self.x = self.y = 0
            case "M" | "L":
                region = self.rows[self.y : self.bottom]
                new: list[list[Seen]] = [[blank] * self.width for _ in range(one)]
                self.rows[self.y : self.bottom] = region[one:] + new if final == "M" else new + region[:-one]
            case "m":
                self._colors(raw)
            case _:
                raise AssertionError(final)

    def _colors(self, raw: str) -> None:
        codes = raw.split(";")
        while codes:
            code = codes.pop(0)
            if code in ("38", "48"):
                size = 4 if codes[0] == "2" else 2
                value, codes = ";".join([code, *codes[:size]]), codes[size:]
                self.foreground, self.background = (value, self.background) if code == "38" else (self.foreground, value)
            elif code in ("0", ""):
                self.attributes, self.foreground, self.background = set(), "", ""
            elif code == "39":
                self.foreground = ""
            elif code == "49":
                self.background = ""
            elif code in {*map(str, range(30, 38)), *map(str, range(90, 98))}:
                self.foreground = code
            elif code in {*map(str, range(40, 48)), *map(str, range(100, 108))}:
                self.background = code
            else:
                self.attributes.add(code)
