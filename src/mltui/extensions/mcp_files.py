"""Where MCP servers are written down: `.mcp.json` of a project, `mcp.json` of a person, a file of the command line."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from mltui.config.paths import config_dir, project_root
from mltui.config.sources import mask_url
from mltui.core.errors import ConfigError, UsageError
from mltui.extensions.problems import Problem

FILE = ".mcp.json"
Scope = Literal["user", "project", "command line"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server, its variables filled in.

    Attributes:
        command: the program and its arguments; empty for a server of the network.
        env: what is set for it beside the environment of the agent's commands.
        url, headers: of a server of the network.
        digest: of what the file says, before variables: what an approval is bound to.
        says: what it would start or ask, in a line for people, before variables: those may hold credentials.
    """

    name: str
    scope: Scope
    path: Path
    digest: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    url: str = ""
    headers: Mapping[str, str] | None = None
    says: str = ""


def user_file(environ: Mapping[str, str]) -> Path:
    return config_dir(environ) / "mcp.json"


def project_file(cwd: Path) -> Path:
    return project_root(cwd) / FILE


def load_servers(files: Sequence[tuple[Scope, Path]], environ: Mapping[str, str]) -> tuple[dict[str, McpServer], tuple[Problem, ...]]:
    """The servers by name, and what is wrong with the files.

    Args:
        files: the weakest first; a file that is not there counts as empty unless it was named on the command line.
    """
    servers: dict[str, McpServer] = {}
    problems: list[Problem] = []
    for scope, path in files:
        try:
            entries = read_entries(path, missing_ok=scope != "command line")
        except ConfigError as error:
            problems.append(Problem.of(path, error))
            continue
        for name, entry in entries.items():
            try:
                servers[name] = _server(name, entry, scope, path, environ)
            except ConfigError as error:
                problems.append(Problem(path, str(error)))
    return servers, tuple(problems)


def read_entries(path: Path, *, missing_ok: bool = True) -> dict[str, Any]:
    """`mcpServers` of a file as it stands there. Raises: ConfigError."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: is larger than {_MAX_BYTES >> 20} MiB")
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if missing_ok:
            return {}
        raise ConfigError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}: is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not JSON: {type(error).__name__}") from error
    entries: Any = cast("dict[str, Any]", content).get("mcpServers", {}) if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise ConfigError(f"{path}: `mcpServers` must be an object of servers by name")
    return cast("dict[str, Any]", entries)


def write_entry(path: Path, name: str, entry: Mapping[str, Any] | None) -> None:
    """Adds, replaces or (None) removes a server; what else the file says stays. Raises: ConfigError, UsageError."""
    if not _NAME.fullmatch(name) or "__" in name:
        raise UsageError(f"{name!r} is no name for a server", hint="Letters, digits, dashes and single underscores")
    entries = dict(read_entries(path))
    whole: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if entry is None:
        if name not in entries:
            raise UsageError(f"{path} has no server {name!r}", hint=f"It has: {', '.join(entries) or 'none'}")
        del entries[name]
    else:
        entries[name] = dict(entry)
    whole["mcpServers"] = entries
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".mcp-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(whole, file, indent=2)
            file.write("\n")
        if path.exists():
            Path(temporary).chmod(path.stat().st_mode & 0o777)
        Path(temporary).replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _server(name: str, entry: Any, scope: Scope, path: Path, environ: Mapping[str, str]) -> McpServer:
    """Raises: ConfigError: without the path."""
    if not _NAME.fullmatch(name) or "__" in name:
        raise ConfigError(f"{name[:80]!r} is no name for a server", hint="Letters, digits, dashes and single underscores")
    if not isinstance(entry, dict):
        raise ConfigError(f"the server {name} must be an object")
    fields = cast("dict[str, Any]", entry)
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    kind = fields.get("type") or ("http" if "url" in fields else "stdio")
    if kind in ("http", "streamable-http", "streamableHttp"):
        url = _expand(_text(fields, name, "url"), name, environ)
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"the server {name} needs a `url` that begins with http:// or https://")
        headers = _table(fields, name, "headers", environ)
        return McpServer(name, scope, path, digest, url=url, headers=headers, says=f"asks {mask_url(fields['url'])}")
    if kind != "stdio":
        raise ConfigError(f"the server {name} is of the type {str(kind)[:40]!r}", hint="mltui speaks stdio and http (streamable HTTP)")
    command = _expand(_text(fields, name, "command"), name, environ)
    arguments: Any = fields.get("args", [])
    if not command.strip():
        raise ConfigError(f"the server {name} needs a `command`")
    if not isinstance(arguments, list) or not all(isinstance(argument, str) for argument in cast("list[Any]", arguments)):
        raise ConfigError(f"`args` of the server {name} must be a list of texts")
    words = (command, *(_expand(argument, name, environ) for argument in cast("list[str]", arguments)))
    if any("\0" in word for word in words):
        raise ConfigError(f"the command of the server {name} holds a NUL character")
    says = f"starts `{' '.join((fields['command'], *cast('list[str]', arguments)))}`"
    return McpServer(name, scope, path, digest, command=words, env=_table(fields, name, "env", environ), says=says)


def _text(fields: Mapping[str, Any], name: str, key: str) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"`{key}` of the server {name} must be a text")
    return value


def _table(fields: Mapping[str, Any], name: str, key: str, environ: Mapping[str, str]) -> dict[str, str]:
    value: Any = fields.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in cast("dict[str, Any]", value).values()):
        raise ConfigError(f"`{key}` of the server {name} must be an object of texts")
    return {inner: _expand(text, name, environ) for inner, text in cast("dict[str, str]", value).items()}


def _expand(text: str, name: str, environ: Mapping[str, str]) -> str:
    """`${VAR}` and `${VAR:-default}`. Raises: ConfigError: a variable is not set and has no default."""

    def value(found: re.Match[str]) -> str:
        known = environ.get(found[1])
        if known:
            return known
        if found[2] is None:
            raise ConfigError(f"the server {name} needs the variable {found[1]}, which is not set", hint=f"export {found[1]}=…")
        return found[2]

    return _VARIABLE.sub(value, text)
