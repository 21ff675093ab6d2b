"""Reads one persona file, in either of its two forms."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

from mltui.core.errors import PersonaError
from mltui.personas import document

Mode = Literal["plan", "default", "accept-edits", "auto"]

_MODES: dict[str, Mode] = {
    "plan": "plan",
    "default": "default",
    "accept-edits": "accept-edits",
    "acceptedits": "accept-edits",
    "auto": "auto",
}
_KEYS = {
    "name": "name",
    "description": "description",
    "tools": "tools",
    "disallowedtools": "disallowed_tools",
    "model": "model",
    "maxturns": "max_turns",
    "permissionmode": "permission_mode",
    "color": "color",
}
_MODEL = re.compile(r"[\w~][\w./:@~+-]*")
_VARIABLE = re.compile(r"`\$?\{?([A-Z][A-Z0-9_]*)\}?`")


@dataclass(frozen=True, slots=True)
class Persona:
    """A role that the agent plays: its instructions, and what it may use.

    Attributes:
        body: the system prompt.
        tools: names of the tools that it may use; None means all, an empty tuple none.
        model: an alias, a LiteLLM id or a path; None means the session's model.
        architect_model: the model for architecture decisions, where the file names one.
        warnings: what in the file does not count, and why, with the line.
    """

    name: str
    description: str
    body: str
    path: Path
    tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    model: str | None = None
    architect_model: str | None = None
    max_turns: int | None = None
    permission_mode: Mode | None = None
    color: str | None = None
    warnings: tuple[str, ...] = ()


def parse(path: Path, environ: Mapping[str, str]) -> Persona:
    """Reads a persona file.

    Args:
        environ: where the variable that a `## Model` section names is looked up.

    Raises:
        PersonaError: with path, line and reason.
    """
    text = document.read(path)
    parts = document.split_front_matter(text, path)
    if parts is not None:
        return _FrontMatter(path, *parts).persona()
    found = document.sections(text)
    if "role" not in found:
        hint = "Begin it with front matter (---, name: …, description: …, ---) or give it a `## Role` section"
        raise PersonaError(f"{path}:1: is no persona: it has neither front matter nor a `## Role` heading", hint=hint)
    return _from_sections(path, text, found, environ)


class _FrontMatter:
    """The first form: values between `---` lines, and the body below them."""

    def __init__(self, path: Path, front: str, body: str) -> None:
        self._path, self._front, self._body = path, front, body.strip()
        self._warnings: list[str] = []
        self._values: dict[str, tuple[str, Any]] = {}
        for key, value in document.parse_front_matter(front, path, partial(self._warn, "description")).items():
            field = _KEYS.get(re.sub(r"[-_]", "", key).lower())
            if field is None:
                self._warn(key, f"`{key}` is not known and does not count{_did_you_mean(key)}")
            elif field in self._values:
                raise self._error(key, f"`{key}` is there twice, also as `{self._values[field][0]}`")
            else:
                self._values[field] = (key, value)

    def persona(self) -> Persona:
        if not self._body:
            raise PersonaError(
                f"{self._path}:{self._front.count(chr(10)) + 2}: has no system prompt", hint="Write it below the front matter"
            )
        model = self._text("model") or None
        if model and model != "inherit" and not _MODEL.fullmatch(model):
            raise self._error("model", f"`model` is not the name of a model: {model!r}")
        if not self._text("description"):
            self._warn("description", "`description` is missing")
        return Persona(
            name=self._name(),
            description=self._text("description"),
            body=self._body,
            path=self._path,
            tools=self._tools(),
            disallowed_tools=self._names("disallowed_tools") or (),
            model=None if model == "inherit" else model,
            max_turns=self._max_turns(),
            permission_mode=self._permission_mode(),
            color=self._text("color") or None,
            warnings=tuple(self._warnings),
        )

    def _name(self) -> str:
        name = self._text("name")
        if not name:
            self._warn("name", f"`name` is missing, so it is {self._path.stem!r}")
            name = self._path.stem
        if not name.isprintable() or "/" in name or len(name) > 64:
            raise self._error("name", "`name` must be at most 64 printable characters without a slash")
        return name

    def _tools(self) -> tuple[str, ...] | None:
        if "tools" not in self._values:
            return None
        names = self._names("tools")
        return None if names == ("*",) else names

    def _names(self, field: str) -> tuple[str, ...] | None:
        key, value = self._values.get(field, (field, None))
        if value is None:
            return ()
        if isinstance(value, str):
            parts = re.split(r",(?![^(]*\))", value)
        elif isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value)):
            parts = cast("list[str]", value)
        else:
            raise self._error(key, f"`{key}` must be names with commas between them, or a list of names")
        names: list[str] = []
        for part in filter(None, (part.strip() for part in parts)):
            name, bracket, _ = part.partition("(")
            if bracket:
                self._warn(key, f"`{part}`: patterns do not count here; permission rules in the configuration can say more")
            names.append(name.strip())
        return tuple(dict.fromkeys(names))

    def _max_turns(self) -> int | None:
        key, value = self._values.get("max_turns", ("", None))
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._error(key, f"`{key}` must be a whole number of at least 1, not {value!r}")
        return value

    def _permission_mode(self) -> Mode | None:
        text = self._text("permission_mode")
        mode = _MODES.get(text.lower())
        if text and mode is None:
            key = self._values["permission_mode"][0]
            self._warn(key, f"`{key}: {text}` does not count: the modes are {', '.join(dict.fromkeys(_MODES.values()))}")
        return mode

    def _text(self, field: str) -> str:
        key, value = self._values.get(field, (field, None))
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._error(key, f"`{key}` must be text, not {value!r}")
        return value.strip()

    def _warn(self, key: str, text: str) -> None:
        self._warnings.append(f"line {document.line_of_key(self._front, key)}: {_printable(text)}")

    def _error(self, key: str, reason: str) -> PersonaError:
        return PersonaError(f"{self._path}:{document.line_of_key(self._front, key)}: {_printable(reason)}")


def _from_sections(path: Path, text: str, found: Mapping[str, tuple[int, str]], environ: Mapping[str, str]) -> Persona:
    """The second form: headings. "Available Tools" is prose there, so the persona may use all tools."""
    line, role = found["role"]
    if not role:
        raise PersonaError(f"{path}:{line}: `## Role` is empty", hint="Say there what the persona is for")
    model_line, choice = found.get("model", (1, ""))
    model, architect, warnings = _model_choice(choice, model_line, environ)
    return Persona(
        name=path.stem,
        description=" ".join(role.split("\n\n")[0].split()),
        body=text.strip(),
        path=path,
        model=model,
        architect_model=architect,
        warnings=warnings,
    )


def _model_choice(text: str, line: int, environ: Mapping[str, str]) -> tuple[str | None, str | None, tuple[str, ...]]:
    warnings: list[str] = []
    first = _MODEL.match(text)
    model = first[0].rstrip(".:") if first else None
    if text and not first:
        warnings.append(f"line {line}: `## Model` does not begin with the name of a model")
    for variable in _VARIABLE.findall(text):
        # The value ends up in requests and logs: a file must not be able to point at a credential.
        if not variable.endswith("_MODEL"):
            warnings.append(f"line {line}: `{variable}` does not count: a variable that names a model must end in _MODEL")
        elif value := environ.get(variable, "").strip():
            model = value
            break
    architect = re.search(rf"\buse\s+`?({_MODEL.pattern})`?\s+for\b", text, re.IGNORECASE)
    return None if model == "inherit" else model, architect[1] if architect else None, tuple(warnings)


def _printable(text: str) -> str:
    """YAML can write escape sequences for terminals; messages must not pass them on."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _did_you_mean(
    key: str, known: Collection[str] = ("name", "description", "tools", "disallowedTools", "model", "maxTurns", "permission-mode", "color")
) -> str:
    import difflib

    close = difflib.get_close_matches(key, known, n=1)
    return f". Did you mean `{close[0]}`?" if close else ""
