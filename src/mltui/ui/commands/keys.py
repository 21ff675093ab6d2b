"""The keys of a front-end without screens, and where those of the app stand."""

from __future__ import annotations

import os

from mltui.config.paths import config_dir
from mltui.ui.commands.base import Console

_LINES = (
    ("Enter", "send"),
    ("Up, Down", "earlier prompts"),
    ("Ctrl-R", "find an earlier prompt"),
    ("Tab", "complete a command or a file"),
    ("Ctrl-C", "stop the agent; twice at the prompt: leave"),
    ("Ctrl-D", "leave"),
)


async def keys(console: Console, _argument: str) -> None:
    lines = [f"{key:<10} {what}" for key, what in _LINES]
    file = config_dir(os.environ) / "keys.toml"
    console.tell("info", "\n".join(lines), f"`mltui config keys` lists the app's; they are changed in {file}")
