"""The settings of tmux that the app profits from, and the lines for tmux.conf that set them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Final

SECONDS: Final = 3.0

Ask = Callable[[Sequence[str]], str]
"""Runs tmux with these arguments. Returns: what it printed; empty: it could not say."""


def asker(environ: Mapping[str, str]) -> Ask:
    def ask(arguments: Sequence[str]) -> str:
        try:
            done = subprocess.run(["tmux", *arguments], capture_output=True, text=True, timeout=SECONDS, env=dict(environ), check=False)
        except (OSError, subprocess.SubprocessError):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    return ask


def missing(ask: Ask) -> list[tuple[str, str]]:
    """Returns: for each setting that stands in the way, what it takes away, and the line for tmux.conf."""

    def value(name: str) -> str:
        return ask(["show-options", "-gqv", name]) or ask(["show-options", "-sqv", name])

    found: list[tuple[str, str]] = []
    version = [int(number) for number in re.findall(r"\d+", ask(["-V"]))[:2]]
    if value("set-clipboard") == "off":
        found.append(("copying does not reach your clipboard", "set -s set-clipboard on"))
    if version >= [3, 3] and value("allow-passthrough") not in ("on", "all"):
        found.append(("notifications do not reach your terminal", "set -g allow-passthrough on"))
    if value("focus-events") != "on":
        found.append(("mltui does not know whether you look", "set -s focus-events on"))
    delay = value("escape-time")
    if delay.isdecimal() and int(delay) > 50:
        found.append((f"Esc is held back for {delay} ms", "set -s escape-time 10"))
    if version >= [3, 2] and value("extended-keys") not in ("on", "always"):
        found.append(("Shift+Enter and its like are not told from Enter", "set -s extended-keys on"))
    terminal = value("default-terminal")
    if terminal and "256color" not in terminal and "direct" not in terminal:
        found.append((f"there are 16 colours ({terminal})", "set -s default-terminal tmux-256color"))
    features = ask(["display-message", "-p", "#{client_termname} #{client_termfeatures}"]).split()
    if len(features) == 2 and "RGB" not in features[1].split(","):
        found.append(("colours are rounded to 256", f"set -as terminal-features ',{features[0]}:RGB'"))
    return found
