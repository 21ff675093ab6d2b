"""Skills: folders with a `SKILL.md`. Only name and description are in context until a skill is used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mltui.config.paths import config_dir, folders_from_root
from mltui.core.errors import MltuiError
from mltui.extensions.problems import Problem
from mltui.personas import document

FILE = "SKILL.md"
PLACES = (".claude/skills", ".agents/skills", ".mltui/skills")
"""Of a project, the farthest first: the nearest of a name wins."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 64
_LONGEST_DESCRIPTION = 1024
_LISTED = 12_000
"""Characters of all descriptions together in the system prompt."""


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill that can be used.

    Attributes:
        path: its `SKILL.md`; what else it has lies beside it.
        offered: the model may use it by itself; else only a person does, by `/NAME`.
        command: a person may use it by `/NAME`.
        argument: what a person may write after `/NAME`, for the help.
    """

    name: str
    description: str
    path: Path
    offered: bool = True
    command: bool = True
    argument: str = ""

    @property
    def folder(self) -> Path:
        return self.path.parent

    def body(self) -> str:
        """The instructions, read now. Raises: PersonaError: the file is gone or broken."""
        text = document.read(self.path)
        parts = document.split_front_matter(text, self.path)
        return (parts[1] if parts else text).strip()


@dataclass(frozen=True, slots=True)
class Skills:
    """All skills by name."""

    skills: Mapping[str, Skill]
    problems: tuple[Problem, ...] = ()

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(skill.folder for skill in self.skills.values())

    def listing(self) -> str:
        """What the system prompt says of them; empty where there are none."""
        offered = sorted((skill for skill in self.skills.values() if skill.offered), key=lambda skill: skill.name)
        if not offered:
            return ""
        lines: list[str] = []
        left = _LISTED
        for skill in offered:
            line = f"- {skill.name}: {' '.join(skill.description.split())}"
            left -= len(line)
            lines.append(line if left > 0 else f"- {skill.name}")
        intro = "Instructions for particular work. Where one fits what is asked, call Skill with its name before you begin, and follow it."
        return "\n".join(["# Skills", "", intro, "", *lines])


def shipped_folder() -> Path:
    """The skills that come with mltui."""
    return Path(__file__).parent.parent / "skills"


def skill_folders(cwd: Path, environ: Mapping[str, str], trusted: bool) -> list[Path]:
    """The folders that hold skills, the farthest first: mltui's own, the person's, the project's down to `cwd`."""
    home = Path(environ.get("HOME") or Path.home())
    found = [shipped_folder(), home / ".claude" / "skills", home / ".config" / "agents" / "skills", home / ".agents" / "skills"]
    found.append(config_dir(environ) / "skills")
    if trusted:
        found += [folder / place for folder in folders_from_root(cwd) for place in PLACES]
    return list(dict.fromkeys(found))


def load_skills(folders: Sequence[Path]) -> Skills:
    """Loads every skill; a bad file is a problem in the answer.

    Args:
        folders: the farthest first; the nearest of a name wins.
    """
    skills: dict[str, Skill] = {}
    problems: list[Problem] = []
    for folder in folders:
        for path in _files(folder):
            try:
                skill = _skill(path, problems)
            except MltuiError as error:
                problems.append(Problem.of(path, error))
                continue
            if skill is not None:
                skills[skill.name] = skill
    return Skills(skills, tuple(problems))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(inner / FILE for inner in folder.iterdir() if not inner.name.startswith(".") and (inner / FILE).exists())
    except OSError:
        return []


def _skill(path: Path, problems: list[Problem]) -> Skill | None:
    text = document.read(path)
    parts = document.split_front_matter(text, path)
    if parts is None:
        problems.append(Problem(path, "has no front matter with `name` and `description`"))
        return None

    def warn(text: str, key: str = "") -> None:
        problems.append(Problem(path, text, "warning", document.line_of_key(parts[0], key) if key else 2))

    values = document.parse_front_matter(parts[0], path, warn)
    name = str(values.get("name") or path.parent.name)
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        problems.append(
            Problem(path, f"`name` must be lower-case words joined by dashes, up to {_LONGEST_NAME} characters, not {name[:80]!r}")
        )
        return None
    if name != path.parent.name:
        warn(f"`name` is {name}, and the folder is called {path.parent.name}", "name")
    description = values.get("description")
    if not isinstance(description, str) or not description.strip():
        problems.append(Problem(path, "has no `description`, by which a model would know when to use it"))
        return None
    if len(description) > _LONGEST_DESCRIPTION:
        warn(f"`description` is cut to {_LONGEST_DESCRIPTION:,} characters", "description")
    when = values.get("when_to_use")
    description = description.strip() + (f" {when.strip()}" if isinstance(when, str) else "")
    return Skill(
        name,
        description[:_LONGEST_DESCRIPTION],
        path,
        offered=not _flag(values, "disable-model-invocation", False),
        command=_flag(values, "user-invocable", True),
        argument=str(values.get("argument-hint") or ""),
    )


def _flag(values: Mapping[str, Any], key: str, default: bool) -> bool:
    value = values.get(key, default)
    return value if isinstance(value, bool) else str(value).lower() in ("true", "yes", "on")
