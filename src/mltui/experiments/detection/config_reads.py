"""What a module names of its project: the modules that it imports, the scripts that it starts, the files that it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mltui.experiments.detection.definitions import definitions
from mltui.experiments.detection.facts import Links, Read
from mltui.experiments.detection.prompt_text import calls_models
from mltui.experiments.detection.syntax import Module, keywords, written

CONFIG_SUFFIXES = (".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".conf", ".gin", ".jsonnet", ".hocon")
TEXT_SUFFIXES = (".txt", ".md", ".j2", ".jinja", ".jinja2", ".prompt", ".tmpl", ".mustache", ".xml")

_PATH = re.compile(r"[^\s<>|:;\"`\x00]{1,200}")
_WRITES = frozenset(
    {"write_text", "write_bytes", "to_json", "to_csv", "to_yaml", "save", "save_json", "savefig", "touch", "unlink"}
    | {"write_json", "dump_json", "save_pretrained", "log_artifact"}
)
_LOGGING = frozenset({"fileConfig", "dictConfig"})
_PLACEHOLDER = re.compile(r"\{[^{}]*\}|%\(\w+\)[sd]|%[sd]|\*+")
_TARGET = re.compile(rb"_target_\s*[:=]\s*[\"']?([A-Za-z_][\w.]*)")


def links(module: Module) -> Links:
    """What closes over a module that is under experiment."""
    reads: dict[tuple[str, bool], Read] = {}
    scripts: set[str] = set()
    llm = calls_models(module.names)
    for path, line, beside in _paths(module):
        clean = path.removeprefix("./")
        if clean.endswith(CONFIG_SUFFIXES):
            reads.setdefault((clean, beside), Read(clean, line, beside))
        elif llm and clean.endswith(TEXT_SUFFIXES):
            reads.setdefault((clean, beside), Read(clean, line, beside, text=True))
        elif clean.endswith((".py", ".ipynb")) and "*" not in clean:
            scripts.add(clean)
    for read in _hydra(module):
        reads.setdefault((read.path, read.beside), read)
    return Links(tuple(sorted(module.names.imported)), tuple(sorted(scripts)), tuple(reads.values()), tuple(definitions(module)))


def targets(content: bytes) -> tuple[str, ...]:
    """Dotted names that a configuration tells hydra to make."""
    return tuple(sorted({name.decode() for name in _TARGET.findall(content[:1_000_000])}))


def _paths(module: Module) -> Iterator[tuple[str, int, bool]]:
    """Every path that the module names and does not write, with its line."""
    written_to, inside = _written_nodes(module)
    for node in (*module.divisions, *module.calls):
        if id(node) in written_to or id(node) in inside:
            continue
        joined = _joined(node, module)
        if joined is not None and "/" in joined:
            for part in ast.walk(node):
                inside.add(id(part))
            path = joined.removeprefix("~/").lstrip("/") if joined.startswith("~/") else joined
            yield path.removeprefix("@/"), node.lineno, path.startswith("@/")
    for joined in module.joined:
        for part in joined.values:
            inside.add(id(part))
        if id(joined) not in written_to and id(joined) not in inside:
            text = _text(joined)
            if text and _PATH.fullmatch(text):
                yield text, joined.lineno, False
    for constant in module.constants:
        if isinstance(constant.value, str) and id(constant) not in written_to and id(constant) not in inside:
            text = _PLACEHOLDER.sub("*", constant.value)
            if _PATH.fullmatch(text) and "." in text:
                yield text, constant.lineno, False


def _joined(node: ast.expr, module: Module) -> str | None:
    """`a / b`, `os.path.join(a, b)` and `a.joinpath(b)` as one path; `@` for the file's own folder, `*` for one unknown part."""
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            parts = [_part(left, module), _part(right, module)]
        case ast.Call(func=ast.Attribute(value=value, attr="join"), args=args) if written(value).endswith("path"):
            parts = [_part(argument, module) for argument in args]
        case ast.Call(func=ast.Attribute(value=value, attr="joinpath" | "glob" | "rglob"), args=args):
            parts = [_part(value, module), *(_part(argument, module) for argument in args)]
        case _:
            return None
    if not parts or not parts[-1]:
        return None
    return "/".join(part for part in parts if part not in ("", ".", None))


def _part(node: ast.expr, module: Module) -> str:
    nested = _joined(node, module)
    if nested is not None:
        return nested
    match node:
        case ast.Constant(value=str(value)):
            return _PLACEHOLDER.sub("*", value).strip("/")
        case ast.JoinedStr():
            return _text(node) or "*"
        case ast.Call(func=ast.Name(id="Path"), args=[inner]):
            return _part(inner, module)
        case ast.Attribute(attr="parent") | ast.Call() | ast.Subscript():
            own = any(isinstance(part, ast.Name) and part.id == "__file__" for part in ast.walk(node))
            above = sum(isinstance(part, ast.Attribute) and part.attr == "parent" for part in ast.walk(node)) - 1
            return "/".join(["@", *[".."] * above]) if own else ""
        case _:
            return ""


def _text(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)


def _written_nodes(module: Module) -> tuple[set[int], set[int]]:
    """Nodes of paths that are written to, or name something else than a file to be read."""
    roots: list[ast.AST] = []
    names: set[str] = set()
    for call in module.calls:
        match call.func:
            case ast.Attribute(value=value, attr=attr) if attr in _WRITES:
                roots += [value, *call.args[:1]]
                names |= {written(value), *(written(argument) for argument in call.args[:1])}
            case ast.Name(id="open") | ast.Attribute(attr="open") if _mode_writes(call):
                opened = call.args[:1] if isinstance(call.func, ast.Name) else [call.func.value]
                roots += opened
                names |= {written(node) for node in opened}
            case ast.Attribute(attr=attr) if attr in _LOGGING or attr.startswith("dump"):
                roots += call.args[1:] if attr.startswith("dump") else call.args
            case _:
                pass
    for assign in module.assigns:
        target = assign.targets[0] if isinstance(assign, ast.Assign) else assign.target
        if assign.value is not None and written(target) in names - {""}:
            roots.append(assign.value)
    return {id(node) for root in roots for node in ast.walk(root)}, set()


def _mode_writes(call: ast.Call) -> bool:
    position = 1 if isinstance(call.func, ast.Name) else 0
    modes = [*call.args[position : position + 1], *(value for name, value in keywords(call).items() if name == "mode")]
    return any(isinstance(mode, ast.Constant) and isinstance(mode.value, str) and set(mode.value) & set("wax") for mode in modes)


def _hydra(module: Module) -> Iterator[Read]:
    """Everything below a folder that hydra is told to compose from."""
    for call in module.calls:
        if not module.names.dotted(call.func).startswith("hydra."):
            continue
        given = keywords(call)
        folder = given.get("config_path")
        if isinstance(folder, ast.Constant) and isinstance(folder.value, str):
            yield Read(f"{folder.value.rstrip('/')}/**.y*ml", call.lineno, beside=True)
        name = given.get("config_name")
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and not isinstance(folder, ast.Constant):
            yield Read(f"{name.value.removesuffix('.yaml')}.yaml", call.lineno, beside=True)
