"""The command about how the app looks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from mltui.config import edit
from mltui.ui.commands.base import Console

THEMES = {
    "auto": "as the terminal is, dark or light",
    "dark": "light text on a dark background",
    "light": "dark text on a light background",
    "high-contrast": "white on black, every colour at 7:1 or more",
    "high-contrast-light": "black on white, every colour at 7:1 or more",
}


async def theme(console: Console, argument: str, use: Callable[[str], object] | None = None) -> None:
    """Args: use: draws in it at once, where the front-end is drawn.

    Raises: ConfigError: the settings cannot be written.
    """
    chosen = argument
    if not chosen:
        picked = await console.choose("Theme", list(THEMES.items()))
        if picked is None:
            return
        chosen = list(THEMES)[picked]
    if use is not None:
        use(chosen)
    path = await asyncio.to_thread(edit.put, "ui.theme", chosen, "user", console.session.workspace.cwd, os.environ)
    console.tell("info", f"Theme: {chosen}", f"Kept in {path}" if use is not None else f"The app draws in it; kept in {path}")
