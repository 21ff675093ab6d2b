"""Finds personas in their folders; the nearest of a name wins."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltui.core.errors import PersonaError
from mltui.personas.parser import Persona, parse

__all__ = ["Persona", "Personas", "Problem", "check", "find", "folders", "load", "load_all", "shipped_folder", "unavailable_tools"]

load = parse


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a persona file that its author should know. As text it is one line."""

    path: Path
    line: int
    level: Literal["error", "warning", "info"]
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Personas:
    """All personas by name, and what is wrong with the files that were read."""

    personas: dict[str, Persona]
    problems: tuple[Problem, ...]


def shipped_folder() -> Path:
    """The personas that come with mltui: inside the installed package, or at the top of the checkout."""
    package = Path(__file__).parent.parent
    installed = package / "_personas"
    return installed if installed.is_dir() else package.parent.parent / "personas"


def folders(root: Path, user_config: Path, trusted: bool = True) -> list[Path]:
    """The folders that hold personas, the farthest first.

    Args:
        root: the project's root; its personas are left out unless the folder is trusted.
        user_config: the person's own configuration folder.
    """
    own = [shipped_folder(), user_config / "personas"]
    return [*own, root / ".claude" / "agents", root / ".mltui" / "personas"] if trusted else own


def load_all(folders: Sequence[Path], environ: Mapping[str, str]) -> Personas:
    """Loads every persona. A bad file is a problem in the answer; a name that two files share goes to the nearest.

    Args:
        folders: the farthest first.
    """
    personas: dict[str, Persona] = {}
    problems: list[Problem] = []
    for path in _files(folders):
        try:
            persona = parse(path, environ)
        except PersonaError as error:
            problems.append(_problem(path, error))
            continue
        problems += _warnings(persona)
        if other := personas.get(persona.name):
            problems.append(Problem(other.path, 1, "info", f"persona {persona.name!r} is hidden by {path}"))
        personas[persona.name] = persona
    return Personas(personas, tuple(problems))


def find(name: str, folders: Sequence[Path], environ: Mapping[str, str]) -> Persona:
    """The nearest persona of that name.

    Raises:
        PersonaError: there is none, or the file that is named so cannot be read as one.
    """
    loaded = load_all(folders, environ)
    broken = [problem for problem in loaded.problems if problem.level == "error" and problem.path.stem == name]
    # A broken file nearer than the found one was meant to win: playing another role in silence would be wrong.
    if broken and (name not in loaded.personas or _nearer(broken[-1].path, loaded.personas[name].path, folders)):
        raise PersonaError(str(broken[-1]))
    if name not in loaded.personas:
        import difflib

        close = difflib.get_close_matches(name, loaded.personas, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(sorted(loaded.personas)) or 'none'}"
        raise PersonaError(f"there is no persona {name!r}", hint=hint)
    return loaded.personas[name]


def unavailable_tools(persona: Persona, available: Collection[str]) -> tuple[str, ...]:
    """Tools that the persona names and this version does not have."""
    return tuple(name for name in persona.tools or () if name not in available and not name.startswith("mcp__"))


def check(paths: Sequence[Path], environ: Mapping[str, str], available: Collection[str] = ()) -> list[Problem]:
    """What is wrong with persona files.

    Args:
        paths: files, or folders of them.
        available: names of the tools that this version has; empty means that tools are not checked.
    """
    problems: list[Problem] = []
    for path in paths:
        if not path.exists():
            problems.append(Problem(path, 1, "error", "there is no such file"))
        for file in _files([path]) if path.is_dir() else [path] * path.exists():
            try:
                persona = parse(file, environ)
            except PersonaError as error:
                problems.append(_problem(file, error))
                continue
            problems += _warnings(persona)
            if available and (missing := unavailable_tools(persona, available)):
                problems.append(Problem(file, 1, "info", f"not available in this version: {', '.join(missing)}"))
    return problems


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if path.suffix == ".md" and not path.name.startswith("."))


def _nearer(one: Path, other: Path, folders: Sequence[Path]) -> bool:
    order = list(folders)
    return order.index(one.parent) > order.index(other.parent)


def _warnings(persona: Persona) -> list[Problem]:
    found: list[Problem] = []
    for warning in persona.warnings:
        line, _, text = warning.partition(": ")
        found.append(Problem(persona.path, int(line.removeprefix("line ")), "warning", text))
    return found


def _problem(path: Path, error: PersonaError) -> Problem:
    text = str(error).removeprefix(str(path))
    found = re.match(r":(\d+): ", text)
    return Problem(path, int(found[1]) if found else 1, "error", text[found.end() :] if found else text.removeprefix(": "))
