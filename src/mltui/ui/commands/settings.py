"""The settings: what each is, where it came from, and changing one in a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.config import describe, edit, loader, trust
from mltui.config.show import rows
from mltui.core.errors import UsageError
from mltui.ui.commands.base import Console

_NOT_SET = "not set"
_HOLDS = "It holds from the next session on"


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting as people see it. Attributes: value: as in TOML; origin: a file, a variable or `default`; what: its meaning."""

    key: str
    value: str
    origin: str
    what: str
    takes: str
    choices: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.origin != "default"


def shown(cwd: Path) -> list[Shown]:
    """Every setting as a new session in the folder would have it. Blocks. Raises: ConfigError."""
    trusted = trust.is_trusted(cwd, os.environ) or not trust.what_needs_trust(cwd)
    loaded = loader.load(cwd, os.environ, {}, trusted)
    known = {setting.key: setting for setting in describe.settings()}
    found: list[Shown] = []
    for row in rows(loaded):
        setting = known.get(row.key) or describe.Setting(row.key, "", "")
        found.append(Shown(row.key, row.value or _NOT_SET, row.origin, setting.what, setting.takes, setting.choices))
    return found


def described() -> Sequence[tuple[str, str]]:
    """(key, meaning) of each setting."""
    return [(setting.key, setting.what) for setting in describe.settings()]


async def settings(console: Console, argument: str) -> None:
    """`/settings` lists what differs from the usual, `/settings WORD` what has the word, `/settings KEY` changes one."""
    found = await asyncio.to_thread(shown, console.session.workspace.cwd)
    one = next((setting for setting in found if setting.key == argument), None)
    if one is not None:
        await change(console, one)
        return
    words = argument.casefold().split()
    fitting = [setting for setting in found if all(word in f"{setting.key} {setting.what}".casefold() for word in words)]
    listed = fitting if argument else [setting for setting in found if setting.changed]
    if argument and not fitting:
        raise UsageError(f"No setting has {argument!r} in it", hint="/settings alone lists what you have set")
    lines = [line(setting) for setting in listed] or ["Everything is as mltui comes"]
    console.tell("info", "\n".join(lines), f"/settings WORD finds one of {len(found)}, /settings KEY changes it")


def line(setting: Shown) -> str:
    origin = f"  ({setting.origin})" if setting.changed else ""
    return f"{setting.key} = {setting.value}{origin}" + (f"\n    {setting.what}" if setting.what else "")


async def change(console: Console, setting: Shown) -> None:
    """Lets the person set it anew, for them or for the project. Raises: ConfigError: the value does not fit."""
    text = await _value(console, setting)
    if text is not None:
        await put(console, setting.key, text)


async def put(console: Console, key: str, text: str) -> None:
    """Writes a value where the person says, for them or for the project; empty takes it out. Raises: ConfigError: it does not fit."""
    cwd = console.session.workspace.cwd
    places = [("for you", edit.file_of("user", cwd, os.environ)), ("for this project", edit.file_of("project", cwd, os.environ))]
    where = await console.choose(f"{key} = {text or '(taken out)'}", [(meaning, str(place[0])) for meaning, place in places])
    if where is None:
        console.tell("info", "Nothing was changed")
        return
    path = await asyncio.to_thread(edit.put, key, text or None, "user" if where == 0 else "project", cwd, os.environ)
    now = next(known for known in await asyncio.to_thread(shown, cwd) if known.key == key)
    said = f"{key} = {now.value} in {path}" if text else f"{key} is taken out of {path}: it is {now.value} now"
    console.tell("info", said, _effect(now, path) if text else _HOLDS)


def _effect(now: Shown, path: Path) -> str:
    """From when on a value that was written holds, or why it does not."""
    if now.origin == str(path):
        return _HOLDS
    if not now.changed:
        return "But this folder is not trusted, so that its file does not count"
    return f"But {now.origin} says otherwise and counts"


async def _value(console: Console, setting: Shown) -> str | None:
    """What the person wants; empty: as usual, so it is taken out of the file. None: they left it."""
    if setting.choices:
        options = [(choice, "now" if choice == setting.value else "") for choice in setting.choices]
        usual = [("as usual", "take it out of the file")] if setting.changed else []
        place = await console.choose(f"{setting.key}: {setting.what}", [*options, *usual])
        return None if place is None else [*setting.choices, ""][place]
    now = "" if setting.value == _NOT_SET else setting.value
    text = await console.edit(f"{setting.key}: {setting.what} ({setting.takes}; empty: as usual)", now)
    return None if text is None or text.strip() == now else text.strip()
