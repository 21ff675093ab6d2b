"""What `mltui doctor` says of the terminal that it runs in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mltui.ui.terminal import probe, tmux
from mltui.ui.terminal.colors import depth_of
from mltui.ui.terminal.probe import WIDTHS, Answers
from mltui.ui.terminal.profile import SLOW_LINK, under_mosh
from mltui.ui.terminal.streams import log_file

_DEPTHS = {"none": "no colours", "16": "16 colours", "256": "256 colours", "true": "every colour"}
_COPIES = ("kitty", "iterm", "wezterm", "ghostty", "alacritty", "foot", "contour", "xterm.js", "vscode", "tmux")
"""Words in TERM and TERM_PROGRAM of terminals that take text into the clipboard, some of them only after a setting."""


@dataclass(frozen=True)
class Finding:
    name: str
    status: Literal["ok", "warn"]
    text: str
    hint: str = ""


def examine(environ: Mapping[str, str]) -> list[Finding]:
    """Asks the terminal and tmux. Returns: nothing where input or output is no terminal, but where the log is."""
    found = [_log(environ)]
    if not (os.isatty(0) and os.isatty(1)):
        return found
    answers = probe.ask(environ)
    if answers is None:
        return [Finding("terminal answers", "warn", "it says nothing when it is asked what it is", "mltui --plain asks for less"), *found]
    steps = [_colors(answers, environ), _keys(answers, environ), _clipboard(answers, environ), _widths(answers), _speed(answers)]
    return [*steps, *(_tmux(environ) if environ.get("TMUX") else []), *found]


def _colors(answers: Answers, environ: Mapping[str, str]) -> Finding:
    depth = depth_of(environ)
    text = _DEPTHS[depth]
    if answers.background:
        text += f", background {answers.background}"
    if depth in ("16", "256") and answers.true_color:
        return Finding("colours", "warn", f"{text}; your terminal shows all of them", "export COLORTERM=truecolor")
    if depth == "true" and answers.true_color is False:
        return Finding(
            "colours", "warn", f"{text}; your terminal rounds them", "unset COLORTERM, so that mltui chooses among what it shows"
        )
    return Finding("colours", "ok", text)


def _keys(answers: Answers, environ: Mapping[str, str]) -> Finding:
    if answers.keys:
        return Finding("keys", "ok", "every key can be told from the others")
    hint = "" if environ.get("TMUX") else "Use kitty, Ghostty, WezTerm, foot, Alacritty or iTerm2, or Ctrl+J for a new line"
    return Finding("keys", "ok", "Shift+Enter and Ctrl+Enter may be read as Enter", hint)


def _clipboard(answers: Answers, environ: Mapping[str, str]) -> Finding:
    known = f"{environ.get('TERM', '')} {environ.get('TERM_PROGRAM', '')} {environ.get('LC_TERMINAL', '')}".lower()
    if answers.clipboard or any(word in known for word in _COPIES):
        return Finding("clipboard", "ok", "what is copied reaches your clipboard (OSC 52)")
    hint = "If copying does nothing, hold Shift while you select with the mouse, and copy with the terminal's own keys"
    return Finding("clipboard", "ok", "your terminal does not say whether it takes text into the clipboard (OSC 52)", hint)


def _widths(answers: Answers) -> Finding:
    wrong = [f"{text} is {width} wide, not {WIDTHS[text]}" for text, width in answers.widths.items() if width != WIDTHS[text]]
    if not wrong:
        return Finding("widths", "ok", "letters, signs and emoji are as wide as mltui believes")
    hint = "Lines with them may look shifted: use a UTF-8 locale, a newer terminal, and no setting that makes ambiguous letters wide"
    return Finding("widths", "warn", "; ".join(wrong), hint)


def _speed(answers: Answers) -> Finding:
    seconds = answers.seconds or 0.0
    text = f"answers in {seconds * 1000:.0f} ms"
    if under_mosh():
        return Finding("link", "ok", f"{text}, through mosh: mltui writes less by itself")
    if seconds > SLOW_LINK:
        return Finding("link", "warn", f"{text}: the link is slow", "mltui writes less by itself; --low-bandwidth says so from the start")
    return Finding("link", "ok", text)


def _tmux(environ: Mapping[str, str]) -> list[Finding]:
    found = [Finding("tmux", "warn", loss, f"In ~/.tmux.conf: {line}") for loss, line in tmux.missing(tmux.asker(environ))]
    return found or [Finding("tmux", "ok", "its settings let everything through")]


def _log(environ: Mapping[str, str]) -> Finding:
    path = log_file(environ)
    text = f"what libraries print while the app runs goes to {path}"
    try:
        size = path.stat().st_size
    except OSError:
        return Finding("output log", "ok", text)
    return Finding("output log", "ok", f"{text} ({size / 1000:.0f} kB)")
