"""Reads Python that nobody vouches for, and says what its names stand for."""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

LARGEST = 2_000_000
"""Bytes beyond which a file is searched as text."""

_NODES = 400_000
_PARSING = threading.Lock()
"""Warnings are silenced for the whole process, so for one parse at a time."""


class UnreadableError(ValueError):
    """A file that cannot be parsed; says why in a few words."""


def parse_python(content: bytes, *, type_comments: bool = False) -> ast.Module:
    """The syntax tree of a file, in the encoding that it declares. Raises: UnreadableError."""
    if len(content) > LARGEST:
        raise UnreadableError("it is too large")
    if b"\0" in content:
        raise UnreadableError("it holds NUL bytes")
    try:
        with _PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content, type_comments=type_comments)
    except (SyntaxError, ValueError, LookupError) as error:
        raise UnreadableError("it is no valid Python") from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableError("it is nested too deeply") from error


@dataclass(slots=True)
class Module:
    """A parsed file, its nodes sorted by what the recognisers ask for."""

    calls: list[ast.Call] = field(default_factory=list[ast.Call])
    assigns: list[ast.Assign | ast.AnnAssign | ast.AugAssign] = field(default_factory=list[ast.Assign | ast.AnnAssign | ast.AugAssign])
    classes: list[ast.ClassDef] = field(default_factory=list[ast.ClassDef])
    functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=list[ast.FunctionDef | ast.AsyncFunctionDef])
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list[ast.Import | ast.ImportFrom])
    dicts: list[ast.Dict] = field(default_factory=list[ast.Dict])
    constants: list[ast.Constant] = field(default_factory=list[ast.Constant])
    joined: list[ast.JoinedStr] = field(default_factory=list[ast.JoinedStr])
    divisions: list[ast.BinOp] = field(default_factory=list[ast.BinOp])
    names: Names = field(default_factory=lambda: Names())

    @classmethod
    def of(cls, content: bytes) -> Module:
        """Raises: UnreadableError."""
        module = cls()
        places = module._places()
        for node in _nodes(parse_python(content)):
            place = places.get(type(node))
            if place is not None:
                place.append(node)
        module.divisions = [node for node in module.divisions if isinstance(node.op, ast.Div)]
        module.names.learn(module)
        return module

    def _places(self) -> dict[type[ast.AST], list[Any]]:
        """Where nodes of each type go."""
        assigns, functions, imports = self.assigns, self.functions, self.imports
        return {
            ast.Call: self.calls,
            ast.Constant: self.constants,
            ast.Assign: assigns,
            ast.AnnAssign: assigns,
            ast.AugAssign: assigns,
            ast.ClassDef: self.classes,
            ast.FunctionDef: functions,
            ast.AsyncFunctionDef: functions,
            ast.Import: imports,
            ast.ImportFrom: imports,
            ast.Dict: self.dicts,
            ast.JoinedStr: self.joined,
            ast.BinOp: self.divisions,
        }


def _nodes(tree: ast.Module) -> list[ast.AST]:
    """All nodes, the outer before the inner; twice as fast as `ast.walk`, and it ends. Raises: UnreadableError."""
    nodes: list[ast.AST] = [tree]
    for node in nodes:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                nodes += [item for item in cast("list[object]", value) if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, (ast.expr_context, ast.operator)):
                nodes.append(value)
        if len(nodes) > _NODES:
            raise UnreadableError("it is too large")
    return nodes


class Names:
    """What names stand for: imports, local classes, and variables by the call that made them. Blind to scopes and order.

    Attributes:
        imported: the dotted names of all imports, relative ones with their dots.
        roots: the packages that they come from.
        bases: of each local class, the dotted names of its bases.
    """

    def __init__(self) -> None:
        self.imported: set[str] = set()
        self.roots: set[str] = set()
        self.bases: dict[str, tuple[str, ...]] = {}
        self._aliases: dict[str, str] = {}
        self._types: dict[str, str] = {}
        self._returns: dict[str, ast.expr] = {}

    def learn(self, module: Module) -> None:
        for statement in module.imports:
            self._learn_import(statement)
        for call in module.calls:
            self._learn_dynamic_import(call)
        for definition in module.classes:
            self.bases[definition.name] = tuple(self.dotted(base) for base in definition.bases)
        for function in module.functions:
            returned = [node.value for node in function.body if isinstance(node, ast.Return) and node.value is not None]
            if len(returned) == 1:
                self._returns[function.name] = returned[0]
            self._learn_parameters(function)
        for assign in module.assigns:
            self._learn_assignment(assign)

    def dotted(self, node: ast.expr) -> str:
        """`sklearn.svm.SVC().fit` for `model.fit` where `model = SVC()`; `?` stands for what is not a name."""
        tail: list[str] = []
        while True:
            match node:
                case ast.Attribute(value=value, attr=attr):
                    known = self._types.get(_written(node)) if isinstance(value, ast.Name) else None
                    if known is not None:
                        return known + "".join(reversed(tail))
                    tail.append(f".{attr}")
                    node = value
                case ast.Call(func=func):
                    tail.append("()")
                    node = func
                case ast.Subscript(value=value):
                    node = value
                case ast.Await(value=value):
                    node = value
                case ast.Name(id=name):
                    return self._meaning(name) + "".join(reversed(tail))
                case _:
                    return "?" + "".join(reversed(tail))

    def root(self, dotted: str) -> str:
        return dotted.partition(".")[0].partition("(")[0]

    def known(self, dotted: str) -> bool:
        """Whether its first part was imported."""
        return self.root(dotted) in self.roots

    def inherits(self, name: str, depth: int = 0) -> Iterator[str]:
        """The dotted names of the bases of a local class, those of local bases too."""
        for base in self.bases.get(name, ()):
            yield base
            if base in self.bases and base != name and depth < 10:
                yield from self.inherits(base, depth + 1)

    def _meaning(self, name: str) -> str:
        return self._aliases.get(name) or self._types.get(name) or name

    def _learn_import(self, statement: ast.Import | ast.ImportFrom) -> None:
        prefix = "" if isinstance(statement, ast.Import) else "." * statement.level + (statement.module or "")
        for alias in statement.names:
            joint = "" if not prefix or prefix.endswith(".") else "."
            full = f"{prefix}{joint}{alias.name}"
            self.imported.add(full)
            if not full.startswith("."):
                self.roots.add(full.partition(".")[0])
            if isinstance(statement, ast.ImportFrom) or alias.asname:
                self._aliases[alias.asname or alias.name] = full

    def _learn_dynamic_import(self, call: ast.Call) -> None:
        if _written(call.func).rpartition(".")[2] not in ("import_module", "__import__", "importorskip", "LazyLoader") or not call.args:
            return
        for argument in call.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                self.imported.add(argument.value)
                self.roots.add(argument.value.partition(".")[0])

    def _learn_parameters(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = function.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if isinstance(argument.annotation, (ast.Name, ast.Attribute)) and _written(argument.annotation).rpartition(".")[2] not in (
                "Any",
                "object",
            ):
                self._types.setdefault(argument.arg, f"{self.dotted(argument.annotation)}()")

    def _learn_assignment(self, assign: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        value = assign.value
        if isinstance(value, ast.IfExp):
            value = value.body
        if not isinstance(value, (ast.Call, ast.Await, ast.Name, ast.Attribute)) or isinstance(assign, ast.AugAssign):
            return
        made = self.dotted(value)
        inner = value.func if isinstance(value, ast.Call) else None
        if isinstance(inner, ast.Name) and inner.id in self._returns:
            made = self.dotted(self._returns[inner.id])
        for target in assign.targets if isinstance(assign, ast.Assign) else [assign.target]:
            for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                if isinstance(part, (ast.Name, ast.Attribute)):
                    written = _written(part)
                    if written.count(".") < 2 and written != made and not made.startswith(f"{written}."):
                        self._types.setdefault(written, made)


def _written(node: ast.expr) -> str:
    """A name or chain of attributes as written; empty for anything else."""
    tail: list[str] = []
    while isinstance(node, ast.Attribute):
        tail.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(tail)]) if isinstance(node, ast.Name) else ""


def written(node: ast.expr) -> str:
    """A name or chain of attributes as written, without calls and subscripts on the way; empty for anything else."""
    tail: list[str] = []
    while True:
        match node:
            case ast.Attribute(value=value, attr=attr):
                tail.append(attr)
                node = value
            case ast.Call(func=value) | ast.Subscript(value=value):
                node = value
            case ast.Name(id=name):
                return ".".join([name, *reversed(tail)])
            case _:
                return ".".join(reversed(tail))


def shown(node: ast.AST) -> str:
    """The beginning of the code, on one line."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (RecursionError, ValueError):
        text = "…"
    return text if len(text) <= 60 else f"{text[:57]}…"


def keywords(call: ast.Call) -> Mapping[str, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
