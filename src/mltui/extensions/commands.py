"""Commands that people write: Markdown files whose text becomes a prompt."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mltui.config.paths import config_dir, folders_from_root
from mltui.core.errors import MltuiError
from mltui.extensions.problems import Problem
from mltui.personas import document

PLACES = (".claude/commands", ".mltui/commands")

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_PLACEHOLDER = re.compile(r"\$ARGUMENTS|\$(\d)(?!\d)")
_PIECE = re.compile(r"!`(?P<command>[^`\n]+)`|(?<![\w`@])@(?P<file>\$ARGUMENTS|\$\d|[\w~./-]*[\w~/-])")
"""`` !`command` `` and `@path`; a path ends before the full stop of its sentence."""


@dataclass(frozen=True, slots=True)
class CustomCommand:
    """A command of a file.

    Attributes:
        argument: what may be written after it, for the help; in brackets.
    """

    name: str
    description: str
    path: Path
    argument: str = ""

    def body(self) -> str:
        """The text, read now. Raises: PersonaError: the file is gone or broken."""
        text = document.read(self.path)
        parts = document.split_front_matter(text, self.path)
        return (parts[1] if parts else text).strip()


@dataclass(frozen=True, slots=True)
class Run:
    """A command whose output belongs into the text."""

    command: str


@dataclass(frozen=True, slots=True)
class Include:
    """A file whose content belongs into the text."""

    path: str
    text: str


Piece = str | Run | Include


def command_folders(cwd: Path, environ: Mapping[str, str], trusted: bool) -> list[Path]:
    """The folders that hold commands, the farthest first."""
    found = [Path(environ.get("HOME") or Path.home()) / ".claude" / "commands", config_dir(environ) / "commands"]
    if trusted:
        found += [folder / place for folder in folders_from_root(cwd) for place in PLACES]
    return list(dict.fromkeys(found))


def load_commands(folders: Sequence[Path], taken: Collection[str] = ()) -> tuple[dict[str, CustomCommand], tuple[Problem, ...]]:
    """Every command by name, and what is wrong with the files.

    Args:
        folders: the farthest first; the nearest of a name wins.
        taken: names of mltui's own commands, which a file cannot replace.
    """
    commands: dict[str, CustomCommand] = {}
    problems: list[Problem] = []
    for folder in folders:
        here: dict[str, Path] = {}
        for path in sorted(folder.rglob("*.md")) if folder.is_dir() else []:
            try:
                command = _command(path)
            except MltuiError as error:
                problems.append(Problem.of(path, error))
                continue
            if command is None:
                problems.append(Problem(path, "the file's name is no name for a command: letters, digits, dashes"))
            elif command.name in taken:
                problems.append(Problem(path, f"/{command.name} is mltui's own command; give the file another name"))
            elif command.name in here:
                problems.append(Problem(path, f"/{command.name} is {here[command.name]} already"))
            else:
                here[command.name] = path
                commands[command.name] = command
    return commands, tuple(problems)


def _command(path: Path) -> CustomCommand | None:
    if not _NAME.fullmatch(path.stem):
        return None
    text = document.read(path)
    parts = document.split_front_matter(text, path)
    values = document.parse_front_matter(parts[0], path, lambda _: None) if parts else {}
    body = (parts[1] if parts else text).strip()
    first = next((line.strip("# ") for line in body.splitlines() if line.strip()), "")
    hint = values.get("argument-hint")
    if isinstance(hint, list):  # `argument-hint: [FILE]` is a list in YAML
        hint = " ".join(str(item) for item in cast("list[object]", hint))
    described = " ".join(str(values.get("description") or first).split())[:100]
    hint = str(hint or ("ARGUMENTS" if _PLACEHOLDER.search(body) else ""))
    return CustomCommand(path.stem, described, path, hint if not hint or hint.startswith("[") else f"[{hint}]")


def pieces(body: str, argument: str) -> list[Piece]:
    """The text in pieces, with `$ARGUMENTS` and `$1` … filled in; where it has neither, what was typed comes below it.

    Only what the file's author wrote is run or included: what was typed can neither run a command nor name a piece.
    """
    words = _words(argument)
    found: list[Piece] = []
    last = 0
    for match in _PIECE.finditer(body):
        found.append(_filled(body[last : match.start()], words, argument))
        if match["command"] is not None:
            quoted = [shlex.quote(word) for word in words]
            found.append(Run(_filled(match["command"], quoted, " ".join(quoted))))
        else:
            path = _filled(match["file"], words, argument)
            found.append(Include(path, f"@{path}"))
        last = match.end()
    found.append(_filled(body[last:], words, argument))
    if argument and not _PLACEHOLDER.search(body):
        found.append(f"\n\n{argument}")
    return [piece for piece in found if piece]


def _words(argument: str) -> list[str]:
    try:
        return shlex.split(argument)
    except ValueError:  # an apostrophe that is no quote
        return argument.split()


def _filled(text: str, words: Sequence[str], argument: str) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] is None:
            return argument
        number = int(found[1])
        return words[number - 1] if 0 < number <= len(words) else ""

    return _PLACEHOLDER.sub(value, text)
