"""The layers that settings come from: files, environment variables, the command line."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from mltui.config.locate import KeyPath, dotted
from mltui.config.paths import folders_from_root, user_config_file
from mltui.config.schema import Config
from mltui.core.errors import ConfigError

MAX_BYTES = 1 << 20
PREFIX = "MLTUI_"
TABLE_IN_PYPROJECT = ("tool", "mltui")

_SECRET = re.compile(r"(^|_)(api_?key|token|secret|password|passwd|credentials?|authorization)$", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings of one origin, nested as in the file.

    Attributes:
        origin: what people are told: a path, a variable or `command line`.
        text: the file's text, or None where there is no file.
        table: where in the file the settings stand: `tool.mltui` in pyproject.toml.
    """

    kind: Literal["user", "project", "environment", "command line"]
    origin: str
    values: dict[str, Any]
    text: str | None = None
    table: tuple[str, ...] = ()


def user_layers(environ: Mapping[str, str]) -> list[Layer]:
    path = user_config_file(environ)
    if not os.path.lexists(path):
        return []
    text = read_text(path)
    layer = Layer("user", str(path), parse(text, path), text)
    if path.stat().st_mode & 0o077 and (secret := next(secrets(layer.values), None)):
        raise ConfigError(f"{path}: `{secret}` is a credential that other users can read", hint=f"Run: chmod 600 {path}")
    return [layer]


def project_layers(cwd: Path) -> tuple[list[Layer], list[str]]:
    """The nearest folder's settings, from `cwd` up to the project's root; and warnings."""
    for folder in reversed(folders_from_root(cwd)):
        own, pyproject = folder / ".mltui" / "config.toml", folder / "pyproject.toml"
        in_pyproject = _pyproject_layer(pyproject)
        if os.path.lexists(own):  # a link that leads nowhere is a mistake, not an absence
            text = read_text(own)
            ignored = [f"{pyproject}: [tool.mltui] is ignored, because {own} is there too"] if in_pyproject else []
            return [_without_credentials(Layer("project", str(own), parse(text, own), text))], ignored
        if in_pyproject:
            return [_without_credentials(in_pyproject)], []
    return [], []


def environment_layers(environ: Mapping[str, str]) -> list[Layer]:
    """One layer for each variable that sets something, the weakest first."""
    layers: list[Layer] = []
    if model := environ.get("CODING_AGENT_MODEL"):
        layers.append(Layer("environment", "CODING_AGENT_MODEL", {"model": {"default": model}}))
    for name in sorted(environ):
        path = name.removeprefix(PREFIX).lower().split("__")
        # Other MLTUI_ variables (MLTUI_HOME, those that runs are given) are no settings.
        if name.startswith(PREFIX) and (len(path) > 1 or path[0] in Config.model_fields):
            layers.append(Layer("environment", name, _nest(path, _variable(name, environ[name]))))
    return layers


def override_layers(overrides: Mapping[str, Any]) -> list[Layer]:
    """The command line's settings, nested or with dotted keys; None stands for an option that was not given."""
    layers: list[Layer] = []
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            inner = {f"{key}.{name}": one for name, one in cast("Mapping[str, Any]", value).items()}
            layers += override_layers(inner)
        elif value is not None:
            layers.append(Layer("command line", "command line", _nest(key.split("."), value)))
    return layers


def without_untrusted(layer: Layer) -> tuple[Layer, list[str]]:
    """What of a project's settings counts before its folder is trusted: what can only narrow or describe.

    Returns:
        The layer that is left, and the keys that were left out.
    """
    kept: dict[str, Any] = {}
    left_out: list[str] = []
    for section, value in layer.values.items():
        if section == "experiments" and isinstance(value, dict):
            kept[section] = {key: inner for key, inner in cast("dict[str, Any]", value).items() if key != "unplanned_training"}
        elif section == "permissions" and isinstance(value, dict):
            kept[section] = {key: inner for key, inner in cast("dict[str, Any]", value).items() if key in ("ask", "deny")}
        else:
            left_out.append(section)
            continue
        left_out += [f"{section}.{key}" for key in cast("dict[str, Any]", value) if key not in kept[section]]
    return replace(layer, values=kept), left_out


def secrets(values: Mapping[str, Any]) -> Iterator[str]:
    """Dotted keys under `models` whose names say that they hold a credential."""
    models = values.get("models")
    stack: list[tuple[KeyPath, Any]] = [(("models",), models)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack += [((*path, key), inner) for key, inner in cast("dict[str, Any]", value).items()]
        elif is_secret(path):
            yield dotted(path)


def is_secret(path: KeyPath) -> bool:
    return path[:1] == ("models",) and bool(_SECRET.search(str(path[-1]).replace("-", "_")))


def mask_url(text: str) -> str:
    """The text with user names and passwords in URLs hidden."""
    return _URL_PASSWORD.sub("***", text)


def _pyproject_layer(path: Path) -> Layer | None:
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    # A pyproject.toml that does not speak of mltui is none of our business, broken or not.
    if "mltui" not in text:
        return None
    values: Any = parse(text, path)
    for key in TABLE_IN_PYPROJECT:
        values = cast("dict[str, Any]", values).get(key) if isinstance(values, dict) else None
    if values is None:
        return None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: `tool.mltui` must be a table")
    return Layer("project", str(path), cast("dict[str, Any]", values), text, TABLE_IN_PYPROJECT)


def _without_credentials(layer: Layer) -> Layer:
    if secret := next(secrets(layer.values), None):
        hint = "Put it into the environment and name the variable in api_key_env"
        raise ConfigError(f"{layer.origin}: `{secret}` is a credential, and a project file cannot hold one", hint=hint)
    return layer


def read_text(path: Path) -> str:
    """A file of settings. Raises: ConfigError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES >> 20} MiB, so it is no configuration")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8", hint="Save the file as UTF-8") from error


def parse(text: str, path: Path) -> dict[str, Any]:
    """Args: path: what errors call it. Raises: ConfigError: it is not TOML, with the place."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        reason = found[1] if found else str(error)
        place = f"{found[2]}:{found[3]}" if found and found[2] else str(text.count("\n") + 1)
        raise ConfigError(f"{path}:{place}: is not TOML: {reason[:1].lower()}{reason[1:]}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply") from error


def _variable(name: str, text: str) -> Any:
    """Lists and tables are written as in TOML; anything else is text, which takes the setting's type."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: is not a TOML value: {error}", hint='A list is written ["a", "b"]') from error


def _nest(path: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return cast("dict[str, Any]", value)
