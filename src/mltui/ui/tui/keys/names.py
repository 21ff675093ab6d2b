"""The names of keys: which are valid, how people read them, and which a terminal keeps to itself."""

from __future__ import annotations

import difflib
import unicodedata

MODIFIERS = ("ctrl", "alt", "shift", "super", "hyper", "meta")
_NAMED = (
    *("enter", "escape", "tab", "space", "backspace", "delete", "insert"),
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown"),
    *(f"f{number}" for number in range(1, 25)),
)
_SIGNS = {
    "slash": "/",
    "backslash": "\\",
    "at": "@",
    "minus": "-",
    "plus": "+",
    "underscore": "_",
    "comma": ",",
    "full_stop": ".",
    "colon": ":",
    "semicolon": ";",
    "question_mark": "?",
    "exclamation_mark": "!",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "equals_sign": "=",
    "number_sign": "#",
    "dollar_sign": "$",
    "percent_sign": "%",
    "ampersand": "&",
    "asterisk": "*",
    "apostrophe": "'",
    "quotation_mark": '"',
    "grave_accent": "`",
    "tilde": "~",
    "circumflex_accent": "^",
    "vertical_line": "|",
}
"""Textual's names of the signs on a keyboard."""
_NAME_OF = {sign: name for name, sign in _SIGNS.items()}
_SHOWN = {
    "escape": "Esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "delete": "Del",
    "backspace": "Backspace",
}
_SWALLOWED = {
    "ctrl+b": "tmux takes Ctrl+B as its prefix",
    "ctrl+a": "screen takes Ctrl+A as its prefix",
    "ctrl+q": "terminals may take Ctrl+Q to resume output",
    "ctrl+s": "terminals may take Ctrl+S to halt output",
    "ctrl+z": "a shell takes Ctrl+Z to suspend",
    "ctrl+w": "terminals in a browser close on Ctrl+W",
    "ctrl+t": "terminals in a browser open a tab on Ctrl+T",
    "ctrl+n": "terminals in a browser open a window on Ctrl+N",
    "ctrl+i": "most terminals send Tab for Ctrl+I",
    "ctrl+m": "most terminals send Enter for Ctrl+M",
    "ctrl+h": "most terminals send Backspace for Ctrl+H",
    "ctrl+left_square_bracket": "most terminals send Esc for Ctrl+[",
    "ctrl+enter": "only some terminals tell Ctrl+Enter from Enter",
    "shift+enter": "only some terminals tell Shift+Enter from Enter",
    "f11": "most terminals take F11 for the full screen",
}


def normal(key: str) -> str:
    """A key as Textual names it: `?` is `question_mark`, `Ctrl+P` is `ctrl+p`.

    Raises: ValueError: there is no such key; the text says which is near, if one is.
    """
    text = key.strip()
    base = "plus" if text == "+" or text.endswith("++") else text.rpartition("+")[2]
    modifiers = [one for one in text.removesuffix("+").rpartition("+")[0].split("+") if one]
    modifiers = [one.casefold() for one in modifiers]
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            raise ValueError(f"{key!r} is no key: {_near(modifier, MODIFIERS)}")
    named = base.casefold() if len(base) > 1 else _NAME_OF.get(base, base)
    if len(named) == 1 and modifiers:
        named = named.casefold()
    if not (named in _SIGNS or named in _NAMED or (len(named) == 1 and named.isalnum()) or _unicode_sign(named)):
        raise ValueError(f"{key!r} is no key: {_near(named, (*_NAMED, *_SIGNS))}")
    return "+".join([*sorted(dict.fromkeys(modifiers), key=MODIFIERS.index), named])


def _unicode_sign(name: str) -> bool:
    """Whether the name is of a sign that other keyboards have, such as `section_sign`."""
    try:
        return not unicodedata.lookup(name.replace("_", " ").upper()).isspace()
    except KeyError:
        return False


def _near(word: str, known: tuple[str, ...]) -> str:
    found = difflib.get_close_matches(word.casefold(), known, n=1, cutoff=0.5)
    return f"did you mean {found[0]}?" if found else "keys are named as in ctrl+p, f5, slash, pageup"


def shown(key: str) -> str:
    """A key for people: `Ctrl+P`, `PgUp`, `?`."""
    *modifiers, base = key.split("+")
    name = _SHOWN.get(base) or _SIGNS.get(base) or (base.upper() if modifiers or (base in _NAMED and base.startswith("f")) else base)
    if base in _NAMED and not base[1:].isdigit():
        name = _SHOWN.get(base, base.capitalize())
    if len(base) == 1 and not modifiers:
        name = base
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


def all_shown(keys: str) -> str:
    """Several keys for people, `Up, K` for `up,k`."""
    return ", ".join(shown(key.strip()) for key in keys.split(",") if key.strip())


def swallowed(key: str) -> str:
    """Why a key may never arrive, or empty."""
    return _SWALLOWED.get(key, "")
