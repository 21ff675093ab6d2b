"""Changes one setting in a person's or a project's file, and leaves everything else in it as it stands."""

from __future__ import annotations

import importlib
import os
import tempfile
import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Literal, cast

from mltui.config import loader
from mltui.config.paths import ensure_project_state, folders_from_root, project_root, project_state, user_config_file
from mltui.config.sources import TABLE_IN_PYPROJECT, parse, read_text
from mltui.core.errors import ConfigError, UsageError

Scope = Literal["user", "project"]


def file_of(scope: Scope, cwd: Path, environ: Mapping[str, str]) -> tuple[Path, tuple[str, ...]]:
    """The file that a scope's settings stand in, or would; and the table in it that holds them."""
    if scope == "user":
        return user_config_file(environ), ()
    for folder in reversed(folders_from_root(cwd)):
        own, pyproject = folder / ".mltui" / "config.toml", folder / "pyproject.toml"
        if own.exists():
            return own, ()
        if pyproject.is_file() and _holds(_parsed(pyproject), TABLE_IN_PYPROJECT):
            return pyproject, TABLE_IN_PYPROJECT
    return project_state(project_root(cwd)) / "config.toml", ()


def put(key: str, text: str | None, scope: Scope, cwd: Path, environ: Mapping[str, str]) -> Path:
    """Sets a setting, or takes it out of the file (None).

    Args:
        key: with dots, such as `limits.max_turns`.
        text: the value as TOML writes it; text needs no quotes.

    Returns: the file.

    Raises:
        ConfigError: the value does not fit the setting, or the file cannot be read or written; then it is as it was.
        UsageError: there is no such setting, or it is not in that file.
    """
    path, table = file_of(scope, cwd, environ)
    before = read_text(path) if os.path.lexists(path) else None
    parse(before or "", path)
    problems = set(loader.check(cwd, environ))
    texts: list[str] = (
        [_without(before, table, key, path)] if text is None else [_with(before, table, key, value) for value in _values(text)]
    )
    if scope == "project" and path.parent.name == ".mltui":
        ensure_project_state(path.parent.parent)
    failed: list[str] = []
    for after in texts:
        _write(path, after)
        new = [problem for problem in loader.check(cwd, environ) if problem not in problems]
        if not new:
            return path
        failed = failed or new
    _restore(path, before)
    message, _, hint = failed[0].partition(" — ")
    raise ConfigError(message.removeprefix(f"{path}: "), hint=hint)


def _values(text: str) -> list[Any]:
    """What the text may mean, the likeliest first: a value of TOML, or text."""
    try:
        return [tomllib.loads(f"value = {text}")["value"], text]
    except (tomllib.TOMLDecodeError, RecursionError):
        return [text]


def _document(text: str | None) -> tuple[Any, Any]:
    """The text as a document that keeps comments and order, and the library that knows it, which leaves its types open."""
    toolkit: Any = importlib.import_module("tomlkit")
    return toolkit.parse(text or ""), toolkit


def _with(text: str | None, table: tuple[str, ...], key: str, value: Any) -> str:
    document, toolkit = _document(text)
    *sections, name = [*table, *key.split(".")]
    node: Any = document
    for section in sections:
        if not isinstance(node.get(section), MutableMapping):
            node[section] = toolkit.table()
        node = node[section]
    old = node.get(name)
    item: Any = toolkit.item(value)
    if old is not None and hasattr(old, "trivia"):
        item.trivia.comment_ws, item.trivia.comment = old.trivia.comment_ws, old.trivia.comment
    node[name] = item
    return str(toolkit.dumps(document))


def _without(text: str | None, table: tuple[str, ...], key: str, path: Path) -> str:
    document, toolkit = _document(text)
    *sections, name = [*table, *key.split(".")]
    node: Any = document
    for section in sections:
        node = cast("MutableMapping[str, Any]", node).get(section) if isinstance(node, MutableMapping) else None
    if not isinstance(node, MutableMapping) or name not in node:
        raise UsageError(f"{key} is not set in {path}", hint="`mltui config show --origin` says where it is")
    del cast("MutableMapping[str, Any]", node)[name]
    return str(toolkit.dumps(document))


def _write(path: Path, text: str) -> None:
    """Replaces the file by a neighbour; a link stays a link, and a new file is readable by its owner alone."""
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".config-")
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        if target.exists():
            Path(temporary).chmod(target.stat().st_mode & 0o777)
        Path(temporary).replace(target)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _restore(path: Path, before: str | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        _write(path, before)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, tomllib.TOMLDecodeError, RecursionError):
        return {}


def _holds(values: Any, table: tuple[str, ...]) -> bool:
    for key in table:
        values = cast("dict[str, Any]", values).get(key) if isinstance(values, dict) else None
    return isinstance(values, dict)
