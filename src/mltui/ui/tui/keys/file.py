"""`keys.toml`: the keys that a person chose."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mltui.config.locate import line_of
from mltui.config.paths import config_dir
from mltui.core.errors import ConfigError
from mltui.ui.tui.keys import names

if TYPE_CHECKING:
    from mltui.ui.tui.keys.table import Key

NAME = "keys.toml"
_MAIN = ("composer", "transcript")
"""Areas where the app's own keys hold too, and come first."""
_ALWAYS = ("app.interrupt", "app.help")
_LARGEST = 1 << 16


@dataclass(frozen=True, slots=True)
class Problem:
    """Attributes: level: `error`: the entry does not count; `warning`: it does."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a file says.

    Attributes:
        chosen: ids to Textual's names of keys, joined by commas.
        lines: where each stands.
    """

    path: Path
    chosen: dict[str, str]
    lines: dict[str, int]
    problems: tuple[Problem, ...] = ()


def place(environ: Mapping[str, str]) -> Path:
    return config_dir(environ) / NAME


def read(path: Path) -> KeyFile:
    """Reads the file; what is wrong with an entry is among the problems, and the others count.

    Raises: ConfigError: it cannot be read, or is no TOML.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(f"{path}: is too large for a file of keys")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return KeyFile(path, {}, {})
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}", hint='A line reads "log.diff" = "d"') from error
    chosen: dict[str, str] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    for where, value in _entries(values):
        id_ = ".".join(where)
        lines[id_] = line_of(text, where) or 1
        try:
            chosen[id_] = ",".join(_keys(value))
        except ValueError as error:
            problems.append(Problem("error", f"{path}:{lines[id_]}: {id_}: {error}"))
    return KeyFile(path, chosen, lines, tuple(problems))


def _entries(values: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _entries(cast("dict[str, Any]", value), (*prefix, key))
        else:
            yield (*prefix, key), value


def _keys(value: Any) -> list[str]:
    """Raises: ValueError."""
    if isinstance(value, str):
        given = [","] if value.strip() == "," else value.split(",")
    elif isinstance(value, list) and all(isinstance(one, str) for one in cast("list[Any]", value)):
        given = cast("list[str]", value)
    else:
        raise ValueError('is a key or several, such as "ctrl+p,f5"')
    found = [names.normal(one) for one in given if one.strip()]
    if not found:
        raise ValueError("has no key; leave the line out to keep the usual one")
    return list(dict.fromkeys(found))


def check(file: KeyFile, table: Sequence[Key]) -> list[Problem]:
    """What is wrong with a file beside its own problems: unknown ids, keys that do two things in one place, keys that never arrive."""
    known = {key.id: key for key in table if key.id}
    problems = list(file.problems)

    def say(level: str, id_: str, text: str) -> None:
        problems.append(Problem(level, f"{file.path}:{file.lines[id_]}: {text}"))

    for id_, keys in file.chosen.items():
        if id_ not in known:
            near = difflib.get_close_matches(id_, known, n=1, cutoff=0.5)
            say("error", id_, f"there is no {id_}" + (f"; did you mean {near[0]}?" if near else ": `mltui config keys` lists them"))
            continue
        for key in keys.split(","):
            if reason := names.swallowed(key):
                say("warning", id_, f"{id_}: {reason}")
    for id_, other, key in conflicts(file.chosen, table):
        say("error", id_, f"{names.shown(key)} is {id_} and {other or 'a key that cannot be changed'} in one place")
    return problems


def conflicts(chosen: Mapping[str, str], table: Sequence[Key]) -> list[tuple[str, str, str]]:
    """(id in the file, other id, key) for each key that a file gives a second meaning in one place."""
    now = [(key, [*chosen.get(key.id, key.keys).split(",")]) for key in table]
    usual = {(key.area, name) for key in table for name in key.keys.split(",")}
    found: list[tuple[str, str, str]] = []
    for key, names_ in now:
        if key.id not in chosen:
            continue
        for other, others in now:
            if other is key or not _meet(key, other) or (other.id in chosen and other.id < key.id):
                continue
            for name in names_:
                shared_before = name in key.keys.split(",") and name in other.keys.split(",") and (key.area, name) in usual
                if name in others and not shared_before:
                    found.append((key.id, other.id, name))
    return found


def _meet(one: Key, other: Key) -> bool:
    """Whether both keys hold in one place."""
    if one.area == other.area:
        return True
    return any(app.area == "app" and (area.area in _MAIN or app.id in _ALWAYS) for app, area in ((one, other), (other, one)))


def usable(file: KeyFile, table: Sequence[Key] | None = None) -> dict[str, str]:
    """What of the file counts, for Textual. Without the table nothing is known of ids, and those that are none do nothing.

    Two ids that change places are no conflict. Where a key is in conflict, neither entry of the file counts.
    """
    if table is None:
        return dict(file.chosen)
    wrong = {id_ for pair in conflicts(file.chosen, table) for id_ in pair[:2]}
    known = {key.id for key in table}
    return {id_: keys for id_, keys in file.chosen.items() if id_ in known and id_ not in wrong}


def template(table: Sequence[Key]) -> str:
    """A file to start from: every key as it is, as comments."""
    lines = ["# The keys of mltui. Take the # away from a line and change it; several keys are joined by commas."]
    area = ""
    for key in table:
        if not key.id:
            continue
        if key.area != area:
            area = key.area
            lines += ["", f"# {key.where}"]
        lines.append(f'# "{key.id}" = "{key.keys}"  # {key.what}')
    return "\n".join(lines) + "\n"
