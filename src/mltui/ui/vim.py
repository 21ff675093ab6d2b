"""The common keys of vi for a text: pure, so that any editor can be driven by them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Mode = Literal["insert", "normal", "visual", "lines"]

_WORD = re.compile(r"\w+|[^\w\s]+|\n(?=\n)")
_MOST = 9_999
"""The largest count; a larger one is a slip of the hand."""
_MOTIONS = frozenset("hjklwbe0$^Gg")
_OPERATORS = frozenset("dcy")


@dataclass(frozen=True, slots=True)
class Change:
    """What a key does to the text: `start` to `end` become `new`, and the cursor is at `cursor` then.

    Attributes: history: `undo` or `redo` in place of a change; anchor: the other end of what is selected.
    """

    cursor: int
    start: int = 0
    end: int = 0
    new: str = ""
    history: Literal["", "undo", "redo"] = ""
    anchor: int | None = None

    @property
    def edits(self) -> bool:
        return self.start != self.end or bool(self.new)


class Vim:
    """The state between keys.

    Attributes: mode: what keys do now; typed text goes past this class in `insert`.
    """

    def __init__(self, mode: Mode = "insert") -> None:
        self.mode: Mode = mode
        self._pending = ""
        self._register = ""
        self._linewise = False
        self._anchor = 0
        self._last: tuple[str, str] = ("", "")
        self._keys = ""
        self._before: tuple[str, int] | None = None
        self._repeating = False

    @property
    def waits(self) -> bool:
        """Whether a command was begun."""
        return bool(self._pending)

    def escape(self, text: str, cursor: int) -> Change:
        """Esc: back to normal mode."""
        if self.mode == "insert" and self._before is not None:
            self._last = (self._keys, _inserted(self._before[0], text))
        back = self.mode == "insert" and cursor > _line_start(text, cursor)
        self.mode, self._pending, self._before = "normal", "", None
        return Change(_inside(text, cursor - 1 if back else cursor))

    def press(self, key: str, text: str, cursor: int) -> Change:
        """One key in normal or visual mode, as the character that it sends. Unknown ones do nothing."""
        cursor = max(0, min(cursor, len(text)))
        self._pending += key
        match = re.fullmatch(r"([1-9]\d*)?([dcy]?)([1-9]\d*)?(.*)", self._pending, re.DOTALL)
        assert match is not None
        count = min(int(match[1] or 1) * int(match[3] or 1), _MOST)
        operator, rest = match[2], match[4]
        if operator and self.mode in ("visual", "lines"):
            return self._finish(self._selected(operator, text, cursor))
        if (rest in ("", "g", "i", "a") and (not rest or rest == "g" or operator)) or rest == "r":
            return self._now(text, cursor)
        counted = bool(match[1] or match[3])
        change = (
            self._operate(operator, rest, count, counted, text, cursor) if operator else self._command(rest, count, counted, text, cursor)
        )
        return self._finish(change or self._now(text, cursor))

    def _now(self, text: str, cursor: int) -> Change:
        return Change(cursor, anchor=self._anchor if self.mode in ("visual", "lines") else None)

    def _finish(self, change: Change) -> Change:
        keys, self._pending = self._pending, ""
        if self.mode == "insert":
            self._keys = keys
        elif change.edits and not self._repeating and keys[-1:] != ".":
            self._last = (keys, "")
        return change

    def begin_insert(self, text: str, cursor: int) -> None:
        """Tells what the text is as insert mode begins, after the change that began it: for `.`."""
        self._before = (text, cursor)

    # ── what keys do ─────────────────────────────────────────────────────────────

    def _command(self, key: str, count: int, counted: bool, text: str, cursor: int) -> Change | None:
        start, end = _line_start(text, cursor), _line_end(text, cursor)
        visual = self.mode in ("visual", "lines")
        if key[0] == "r" and len(key) == 2 and not visual:
            last = min(cursor + count, end)
            return Change(max(cursor, last - 1), cursor, last, key[1] * (last - cursor)) if last - cursor == count else None
        if (target := _motion(key, count, counted, text, cursor)) is not None:
            return Change(_inside(text, target), anchor=self._anchor if visual else None)
        if visual:
            return self._visual(key, text, cursor)
        simple = {
            "x": ("d", cursor, min(cursor + count, end)),
            "X": ("d", max(cursor - count, start), cursor),
            "D": ("d", cursor, end),
            "C": ("c", cursor, end),
            "s": ("c", cursor, min(cursor + count, end)),
        }
        if key in simple:
            return self._cut(*simple[key], text)
        if key in ("i", "a", "I", "A", "o", "O"):
            return self._insert(key, text, cursor)
        match key:
            case "S":
                return self._lines("c", text, cursor, count)
            case "~":
                last = min(cursor + count, end)
                return Change(_inside(text, last), cursor, last, text[cursor:last].swapcase())
            case "p" | "P":
                return self._paste(key == "p", count, text, cursor)
            case "u":
                return Change(cursor, history="undo")
            case "\x12":
                return Change(cursor, history="redo")
            case "v" | "V":
                self.mode, self._anchor = ("visual" if key == "v" else "lines"), cursor
                return self._now(text, cursor)
            case "J":
                return Change(end, end, end + 1, " ") if end < len(text) else None
            case ".":
                return self._repeat(text, cursor)
            case _:
                return None

    def _insert(self, key: str, text: str, cursor: int) -> Change:
        start, end = _line_start(text, cursor), _line_end(text, cursor)
        self.mode = "insert"
        places = {"i": cursor, "a": min(cursor + 1, end), "I": _first(text, cursor), "A": end}
        if key in places:
            return Change(places[key])
        return Change(end + 1, end, end, "\n") if key == "o" else Change(start, start, start, "\n")

    def _operate(self, operator: str, rest: str, count: int, counted: bool, text: str, cursor: int) -> Change | None:
        if rest == operator:
            return self._lines(operator, text, cursor, count)
        if rest in ("iw", "aw"):
            return self._cut(operator, *_word_at(text, cursor, around=rest == "aw"), text)
        if operator == "c" and rest == "w" and cursor < len(text) and not text[cursor].isspace():
            rest = "e"  # as vi has it: the white space behind the word stays
        target = _motion(rest, count, counted, text, cursor)
        if target is None:
            return None
        if rest in ("j", "k", "G", "gg"):
            first, last = sorted((cursor, target))
            return self._lines(operator, text, first, text.count("\n", first, _line_end(text, last)) + 1)
        first, last = sorted((cursor, target))
        if rest == "e":
            last = min(last + 1, len(text))
        elif rest == "w" and count == 1:
            last = min(last, max(_line_end(text, cursor), cursor))
        elif rest == "$":
            last = _line_end(text, last)
        return self._cut(operator, first, last, text)

    def _visual(self, key: str, text: str, cursor: int) -> Change | None:
        if key in ("x", "d", "y", "c", "s"):
            return self._selected({"x": "d", "s": "c"}.get(key, key), text, cursor)
        first, last = self._range(text, cursor)
        if key == "~" or (key[0] == "r" and len(key) == 2):
            self.mode = "normal"
            old = text[first:last]
            new = old.swapcase() if key == "~" else "".join("\n" if char == "\n" else key[1] for char in old)
            return Change(_inside(text, first), first, last, new)
        if key in ("v", "V"):
            wanted: Mode = "visual" if key == "v" else "lines"
            self.mode = "normal" if self.mode == wanted else wanted
            return self._now(text, cursor)
        return None

    def _selected(self, operator: str, text: str, cursor: int) -> Change:
        first, last = self._range(text, cursor)
        lines, self.mode = self.mode == "lines", "normal"
        if lines:
            return self._lines(operator, text, first, text.count("\n", first, max(first, last - 1)) + 1)
        return self._cut(operator, first, last, text)

    def _range(self, text: str, cursor: int) -> tuple[int, int]:
        first, last = sorted((min(self._anchor, len(text)), cursor))
        if self.mode == "lines":
            return _line_start(text, first), min(_line_end(text, last) + 1, len(text))
        return first, min(last + 1, len(text))

    def _cut(self, operator: str, first: int, last: int, text: str) -> Change:
        self._register, self._linewise = text[first:last], False
        if operator == "y":
            return Change(_inside(text, first))
        left = text[:first] + text[last:]
        if operator == "c":
            self.mode = "insert"
            return Change(first, first, last)
        return Change(_inside(left, first), first, last)

    def _lines(self, operator: str, text: str, cursor: int, count: int) -> Change:
        start, end = _line_start(text, cursor), cursor
        for number in range(count):
            end = _line_end(text, end)
            if end == len(text) or number == count - 1:
                break
            end += 1
        self._register, self._linewise = text[start:end], True
        if operator == "y":
            return Change(_inside(text, cursor))
        if operator == "c":
            self.mode = "insert"
            return Change(start, start, end)
        first, last = (start, end + 1) if end < len(text) else (max(0, start - 1), end)
        left = text[:first] + text[last:]
        return Change(_first(left, min(start, len(left))), first, last)

    def _paste(self, after: bool, count: int, text: str, cursor: int) -> Change | None:
        count = min(count, 100)
        if not self._register and not self._linewise:
            return None
        if self._linewise:
            block = "\n".join([self._register] * count)
            if after:
                at = _line_end(text, cursor)
                return Change(at + 1, at, at, f"\n{block}")
            at = _line_start(text, cursor)
            return Change(at, at, at, f"{block}\n")
        at = min(cursor + 1, _line_end(text, cursor)) if after else cursor
        new = self._register * count
        return Change(at + len(new) - 1, at, at, new)

    def _repeat(self, text: str, cursor: int) -> Change | None:
        """The last change once more, as one change."""
        keys, inserted = self._last
        if not keys or self._repeating:
            return None
        self._repeating, now, at, change = True, text, cursor, None
        pending, self._pending = self._pending, ""
        try:
            for key in keys:
                change = self.press(key, now, at)
                now, at = now[: change.start] + change.new + now[change.end :], change.cursor
            if self.mode == "insert":
                now, at = now[:at] + inserted + now[at:], at + len(inserted)
                at = max(_line_start(now, at), at - 1)
        finally:
            self.mode, self._repeating, self._pending = "normal", False, pending
        first = _common(text, now)
        last = _common(text[first:][::-1], now[first:][::-1])
        return Change(_inside(now, at), first, len(text) - last, now[first : len(now) - last])


def _motion(key: str, count: int, counted: bool, text: str, cursor: int) -> int | None:
    """Where a motion ends, or None if the key is none."""
    start, end = _line_start(text, cursor), _line_end(text, cursor)
    match key:
        case "h":
            return max(start, cursor - count)
        case "l":
            return min(end, cursor + count)
        case "0":
            return start
        case "^":
            return _first(text, cursor)
        case "$":
            return max(start, end - 1)
        case "j" | "k":
            return _vertical(text, cursor, count if key == "j" else -count)
        case "G" | "gg":
            number = count if counted else (1 if key == "gg" else text.count("\n") + 1)
            return _first(text, _vertical(text, 0, number - 1))
        case "w" | "b" | "e":
            return _words(key, count, text, cursor)
        case _:
            return None


def _words(key: str, count: int, text: str, cursor: int) -> int:
    spans = [match.span() for match in _WORD.finditer(text)]
    if key == "w":
        places = [first for first, _ in spans if first > cursor]
        return places[count - 1] if count <= len(places) else len(text)
    if key == "e":
        places = [last - 1 for _, last in spans if last - 1 > cursor]
        return places[count - 1] if count <= len(places) else max(0, len(text) - 1)
    places = [first for first, _ in spans if first < cursor]
    return places[-count] if count <= len(places) else 0


def _word_at(text: str, cursor: int, *, around: bool) -> tuple[int, int]:
    start, end = _line_start(text, cursor), _line_end(text, cursor)
    for match in re.finditer(r"\w+|[^\w\s]+|[^\S\n]+", text[start:end]):
        first, last = start + match.start(), start + match.end()
        if first <= cursor < last:
            while around and last < end and text[last] in " \t":
                last += 1
            return first, last
    return cursor, cursor


def _vertical(text: str, cursor: int, lines: int) -> int:
    column = cursor - _line_start(text, cursor)
    place = cursor
    for _ in range(abs(lines)):
        edge = _line_end(text, place) + 1 if lines > 0 else _line_start(text, place) - 1
        if edge < 0 or edge > len(text):
            break
        place = edge
    start = _line_start(text, place)
    return min(start + column, max(start, _line_end(text, place)))


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, max(0, at)) + 1


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _first(text: str, at: int) -> int:
    """The first character of the line that is no white space."""
    start, end = _line_start(text, at), _line_end(text, at)
    return start + len(text[start:end]) - len(text[start:end].lstrip()) if text[start:end].strip() else start


def _inside(text: str, at: int) -> int:
    """The nearest place that the cursor may have in normal mode: on a character, or at the start of an empty line."""
    at = max(0, min(at, len(text)))
    start, end = _line_start(text, at), _line_end(text, at)
    return max(start, min(at, end - 1))


def _inserted(before: str, after: str) -> str:
    first = _common(before, after)
    last = _common(before[first:][::-1], after[first:][::-1])
    return after[first : len(after) - last]


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    most = min(len(one), len(other))
    return next((index for index in range(most) if one[index] != other[index]), most)
