"""Edits that change nothing of what a program does: comments, formatting, docstrings, order of keys, outputs of a notebook.

What cannot be parsed is never equivalent, and what some reader may see counts: docstrings that are read, the source that
code reads of itself, the first line that chooses an interpreter, comments that are instructions to a tool.
"""

from __future__ import annotations

import ast
import configparser
import io
import json
import re
import tomllib
from collections.abc import Hashable, Iterator
from pathlib import PurePosixPath
from typing import Any, cast

from mltui.experiments.detection.notebooks import Cell, Notebook, read_notebook
from mltui.experiments.detection.prompt_text import calls_models
from mltui.experiments.detection.syntax import LARGEST, Module, UnreadableError, parse_python

_SELF_READING = re.compile(
    rb"getsource|getcomments|co_firstlineno|f_lineno|tb_lineno|currentframe|linecache|open\s*\(\s*__file__|\b__file__\s*\)\s*\.\s*read_"
)
"""Code that sees its own text or line numbers: nothing about it is a matter of form."""

_READS_DOCSTRINGS = re.compile(
    rb"__doc__|\bgetdoc\b|\bdocopt\b|\bdoctest\b|docstring_parser|\bfire\b|\btyro\b|\bcyclopts\b|Signature\b|BaseModel\b|TypedDict\b|\bmcp\b"
)
_DIRECTIVES = re.compile(rb"^[ \t]*#[ \t]*(?:cython|distutils|mypyc|jupytext)\b.*$", re.MULTILINE)
_INLINE_METADATA = re.compile(rb"^# /// \w+$.*?^# ///$", re.MULTILINE | re.DOTALL)
_MODEL_TOOL = re.compile(r"tool|function|action|skill|agent|ai_|prompt|command|llm|task|flow|node|step|kernel")
_PLAIN_WORD = re.compile(r"[A-Za-z_][\w ./-]*[\w]|[A-Za-z_]")
_WORDS_WITH_MEANING = frozenset("y n yes no true false on off null nan inf".split())  # noqa: SIM905
_DEEPEST = 100
_MOST_NODES = 200_000


def equivalent(path: str, before: bytes, after: bytes) -> str | None:
    """Why two versions of a file do the same, for people; None where they may not, or nobody can say."""
    if before == after:
        return "unchanged"
    if len(before) > 20 * LARGEST or len(after) > 20 * LARGEST:
        return None
    suffix = PurePosixPath(path).suffix.lower()
    try:
        match suffix:
            case ".py" | ".pyw":
                return "only comments, formatting or docstrings changed" if _same_python(before, after) else None
            case ".ipynb":
                return _same_notebook(read_notebook(before), read_notebook(after))
            case ".yaml" | ".yml" | ".toml" | ".json" | ".ini" | ".cfg":
                return "only comments, formatting or the order of keys changed" if _same_settings(suffix, before, after) else None
            case _:
                return None
    except (ValueError, RecursionError, MemoryError):
        return None


def _same_python(before: bytes, after: bytes) -> bool:
    if _SELF_READING.search(before) or _SELF_READING.search(after):
        return False
    if _shebang(before) != _shebang(after) or _instructions(before) != _instructions(after):
        return False
    # torch.jit reads the types in comments.
    typed = b"jit" in before or b"jit" in after
    return _meaning(before, typed) == _meaning(after, typed)


def _shebang(content: bytes) -> bytes:
    return content.partition(b"\n")[0].rstrip() if content.startswith(b"#!") else b""


def _instructions(content: bytes) -> list[bytes]:
    """Comments that a tool obeys: the packages of a single script, directives of Cython."""
    return [*_INLINE_METADATA.findall(content), *_DIRECTIVES.findall(content)]


def _meaning(content: bytes, typed: bool) -> str:
    """The syntax tree as text, without positions and without the docstrings that nothing reads."""
    tree = parse_python(content, type_comments=typed)
    tree.type_ignores = []
    if not (_READS_DOCSTRINGS.search(content) or calls_models(Module.of(content).names)):
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not _is_shown(node):
                first = node.body[0] if node.body else None
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                    node.body = node.body[1:]
    return ast.dump(tree)


def _is_shown(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the docstring may be text for a model: a decorator or a base class hands it on."""
    if isinstance(node, ast.Module):
        return False
    handing = [*node.decorator_list, *(node.bases if isinstance(node, ast.ClassDef) else ())]
    return any(_MODEL_TOOL.search(ast.unparse(part).lower()) for part in handing)


def _same_notebook(before: Notebook, after: Notebook) -> str | None:
    if before.kernel != after.kernel:
        return None
    if before.cells == after.cells:
        return "only outputs, counters or metadata changed"
    old, new = ([cell for cell in notebook.cells if cell.kind != "markdown"] for notebook in (before, after))
    if len(old) != len(new) or not all(_same_cell(one, other) for one, other in zip(old, new, strict=True)):
        return None
    return "only outputs, text, comments or formatting changed"


def _same_cell(one: Cell, other: Cell) -> bool:
    if (one.kind, one.tags) != (other.kind, other.tags):
        return False
    if one.source == other.source:
        return True
    # A magic is no Python: such a cell has to stay as it is.
    return (
        one.kind == "code"
        and not any(re.search(r"^\s*[!%?]", cell.source, re.MULTILINE) for cell in (one, other))
        and _same_python(one.source.encode("utf-8", "surrogatepass"), other.source.encode("utf-8", "surrogatepass"))
    )


def _same_settings(suffix: str, before: bytes, after: bytes) -> bool:
    if len(before) > LARGEST or len(after) > LARGEST:
        return False
    one, other = before.decode("utf-8-sig"), after.decode("utf-8-sig")
    match suffix:
        case ".json":
            return _typed(json.loads(one, object_pairs_hook=_unique)) == _typed(json.loads(other, object_pairs_hook=_unique))
        case ".toml":
            return _typed(tomllib.loads(one)) == _typed(tomllib.loads(other))
        case ".ini" | ".cfg":
            return _ini(one) == _ini(other)
        case _:
            return list(_yaml(one)) == list(_yaml(other))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _typed(value: object) -> Hashable:
    """The value with the types of all that is in it, so that 1, 1.0 and true are three things."""
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        return ("dict", frozenset((key, _typed(entry)) for key, entry in entries.items()))
    if isinstance(value, list):
        return ("list", tuple(_typed(entry) for entry in cast("list[object]", value)))
    return (type(value).__name__, repr(value))


def _ini(text: str) -> Hashable:
    parser = configparser.RawConfigParser(allow_no_value=True, strict=True)
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]  as the documentation says
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error)) from error
    return _typed({"defaults": dict(parser.defaults()), **{f"[{name}]": dict(parser.items(name)) for name in parser.sections()}})


def _yaml(text: str) -> Iterator[Hashable]:
    """The documents as written: readers of YAML 1.1 and 1.2 differ on what `yes`, `1e-3` and `010` are, so plain words stay text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    budget = iter(range(_MOST_NODES))
    try:
        for document in YAML().compose_all(io.StringIO(text)):  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  untyped
            yield _node(document, 0, budget)
    except YAMLError as error:
        raise ValueError(str(error)) from error


def _node(node: Any, depth: int, budget: Iterator[int]) -> Hashable:
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    # A few aliases of aliases stand for more than any memory holds.
    if depth > _DEEPEST or next(budget, None) is None:
        raise UnreadableError("it is nested too deeply")
    if isinstance(node, ScalarNode):
        value = str(cast(Any, node).value)
        return ("scalar", *_scalar(cast(Any, node).style, value), str(cast(Any, node).tag))
    children: Any = node.value if node is not None else ()
    if isinstance(node, SequenceNode):
        return ("sequence", str(cast(Any, node).tag), tuple(_node(child, depth + 1, budget) for child in children))
    if isinstance(node, MappingNode):
        pairs = [(_node(key, depth + 1, budget), _node(value, depth + 1, budget)) for key, value in children]
        if len({key for key, _ in pairs}) != len(pairs):
            raise UnreadableError("a key is given twice")
        return ("mapping", str(cast(Any, node).tag), frozenset(pairs))
    return ("nothing",)


def _scalar(style: str | None, value: str) -> tuple[str, str]:
    """A quoted word is the same as a plain one only where no reader takes the plain one for something else."""
    sure = _PLAIN_WORD.fullmatch(value) is not None and value.lower() not in _WORDS_WITH_MEANING
    return ("plain" if not style and not sure else "text", value)
