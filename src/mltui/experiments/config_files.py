"""Reads and sets one value in a YAML, TOML or JSON file and leaves every other byte as it was."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

import tomlkit
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from tomlkit.exceptions import TOMLKitError

from mltui.core.data import JsonValue
from mltui.core.errors import ProposalError

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_WORDS_WITH_MEANING = frozenset("y n yes no true false on off null".split())  # noqa: SIM905


def get_value(file: str, data: bytes, key: str) -> JsonValue:
    """The value at a dotted key. Raises: ProposalError: the file or the key cannot be read."""
    value: Any = _load(file, _decode(file, data))
    done: list[str] = []
    for part in key.split("."):
        try:
            value = value[_index(value, part)]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ProposalError(f"{file} has no key {'.'.join([*done, part])!r}", hint=_keys_hint(cast(object, value))) from error
        done.append(part)
    return cast(JsonValue, value)


def set_value(file: str, data: bytes, key: str, value: JsonValue) -> bytes:
    """The file's bytes with the value at an existing dotted key replaced.

    Raises:
        ProposalError: the file or the key cannot be read, or more than this key would change.
    """
    text = _decode(file, data)
    replaced = _set_toml(text, key, value) if _suffix(file) == ".toml" else _set_scalar(file, text, key, value)
    expected = _load(file, text)
    _assign(expected, key.split("."), value)
    if not _reads_as(file, replaced, expected):
        raise ProposalError(f"{key} in {file} cannot be set alone", hint="Is it shared through an anchor? Edit the file instead.")
    return replaced.encode()


def _reads_as(file: str, text: str, expected: object) -> bool:
    try:
        return bool(_load(file, text) == expected)
    except ProposalError:
        return False


def _set_scalar(file: str, text: str, key: str, value: JsonValue) -> str:
    node: Any = YAML().compose(io.StringIO(text))  # pyright: ignore[reportUnknownMemberType]  untyped
    for part in key.split("."):
        node = _child(node, part)
    if not _is_scalar(node):
        raise ProposalError(f"{key} in {file} is not a single value", hint="Edit the file instead.")
    start: int = node.start_mark.index
    end: int = node.end_mark.index
    written = json.dumps(value) if _suffix(file) == ".json" else _yaml_scalar(value)
    if start == end:
        raise ProposalError(f"{key} in {file} is empty", hint="Write its present value there first (null, if none).")
    return text[:start] + written + text[end:]


def _is_scalar(node: object) -> bool:
    return isinstance(node, ScalarNode)


def _child(node: Any, part: str) -> Any:
    """A node below another, or None. The values of ruamel's nodes are lists of nodes, or of pairs of them."""
    children: list[Any] = node.value if node is not None else []
    if isinstance(node, MappingNode):
        return next((child for name, child in children if str(name.value) == part), None)
    if isinstance(node, SequenceNode) and part.isdigit():
        return children[int(part)] if int(part) < len(children) else None
    return None


def _set_toml(text: str, key: str, value: JsonValue) -> str:
    document = tomlkit.parse(text)
    _assign(document, key.split("."), value)
    return tomlkit.dumps(document)  # pyright: ignore[reportUnknownMemberType]  partly typed


def _assign(tree: Any, parts: Sequence[str], value: JsonValue) -> None:
    for part in parts[:-1]:
        tree = tree[_index(tree, part)]
    tree[_index(tree, parts[-1])] = value


def _index(tree: object, part: str) -> str | int:
    return int(part) if isinstance(tree, list) else part


def _load(file: str, text: str) -> Any:
    suffix = _suffix(file)
    try:
        if suffix == ".json":
            return json.loads(text)
        if suffix == ".toml":
            return tomlkit.parse(text).unwrap()
        return YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  untyped
    except (ValueError, YAMLError, TOMLKitError) as error:
        raise ProposalError(f"{file} cannot be read: {str(error).splitlines()[0]}") from error


def _suffix(file: str) -> str:
    suffix = PurePosixPath(file).suffix.lower()
    if suffix not in (".yaml", ".yml", ".toml", ".json"):
        raise ProposalError(f"{file}: parameters can be set in YAML, TOML and JSON files only", hint="Edit the file instead.")
    return suffix


def _decode(file: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProposalError(f"{file} is not UTF-8") from error


def _yaml_scalar(value: JsonValue) -> str:
    if isinstance(value, float):
        written = repr(value)
        # Without a dot, readers of YAML 1.1 (PyYAML) take 1e-05 for a string.
        return written if "." in written or "e" not in written else written.replace("e", ".0e")
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS_WITH_MEANING:
        return value
    if isinstance(value, str):
        # JSON writes what lies beyond 16 bits as two halves, which YAML does not join.
        return '"' + "".join(f"\\U{ord(sign):08x}" if ord(sign) > 0xFFFF else json.dumps(sign)[1:-1] for sign in value) + '"'
    return json.dumps(value)


def _keys_hint(value: object) -> str:
    if isinstance(value, Mapping):
        names = [str(name) for name in cast("Mapping[object, object]", value)]
        return f"It has: {', '.join(names[:12])}."
    return "Correct `key` in [experiments.space]."
