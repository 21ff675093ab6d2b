"""Gives the app the keys of the person's file, and says what is wrong with it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from mltui.core.errors import ConfigError

if TYPE_CHECKING:
    from mltui.ui.tui.app import MltuiApp


async def take_keys(app: MltuiApp) -> None:
    """Reads `keys.toml` if it is there. An entry that is wrong is told and does not count; the others do."""
    from mltui.ui.tui.keys import file

    path = file.place(os.environ)
    if not path.exists():
        return
    try:
        found = await asyncio.to_thread(file.read, path)
    except ConfigError as error:
        app.tell("error", str(error.args[0]), error.hint)
        return
    from mltui.ui.tui.keys.table import keys

    table = await asyncio.to_thread(keys)
    app.set_keymap(file.usable(found, table))
    for problem in file.check(found, table):
        app.tell(problem.level, problem.text)
