"""Untrusted text made fit for a terminal cell."""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

_ESCAPES = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")
_BREAKS = re.compile(r"[\u2028\u2029]")
# What reorders text lets a diff read differently from what it does, and what is not seen hides text in it; the last one would show a
# picture. Joiners are left where scripts and pictures need them: not beside ASCII.
_UNSEEN = re.compile(
    r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
    r"|[\u00ad\u115f\u1160\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef\U0010eeee]"
    r"|(?<=[\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?=[\x00-\x7f])"
)


def clean(text: str) -> str:
    """Returns: the text with newlines kept, tabs as spaces, terminal controls gone, and made visible what reorders text or is not seen.

    A carriage return starts its line anew, as it would on a terminal.
    """
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    text = _BREAKS.sub("\n", _CONTROLS.sub("", text.expandtabs(4)))
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def one_line(text: str) -> str:
    """Returns: the text cleaned, on a single line."""
    return " ".join(clean(text).split())


def clip(text: str, limit: int) -> str:
    """Returns: at most `limit` columns, the last one an ellipsis if something was cut."""
    return text if cell_len(text) <= limit else set_cell_size(text, max(0, limit - 1)) + "…"


def number(value: object) -> str:
    """Returns: a parameter's value, short: floats with six digits, text as it is, everything else as Python writes it."""
    if isinstance(value, float):
        return f"{value:g}"
    if value is None:
        return "—"
    return one_line(value if isinstance(value, str) else repr(value))
