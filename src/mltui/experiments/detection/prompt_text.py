"""Prompts in code: long texts by their variables' names, and texts that are passed to a model."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mltui.experiments.detection.facts import Finding
from mltui.experiments.detection.syntax import Module, Names, keywords
from mltui.experiments.detection.vocabulary import (
    CUE,
    LLM_MODULES,
    LLM_ROOTS,
    MODEL_CALL,
    MODEL_TOOL,
    PROMPT_FACTORY,
    PROMPT_KEYWORDS,
    PROMPT_NAME,
    PROMPT_NAME_DOUBTFUL,
    SIGNATURE,
)

LONG = 200
"""Characters of a text under the name of a prompt that need no further evidence."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_ROLES = frozenset({"system", "user", "assistant", "developer", "human", "ai"})
_MARKUP = re.compile(r"</(?:html|body|div|table|p|td)>|<!doctype|\bSELECT\b.+\bFROM\b|\{%\s*extends", re.IGNORECASE | re.DOTALL)


def calls_models(names: Names) -> bool:
    """Whether a file imports something that calls language models."""
    return bool(names.roots & LLM_ROOTS) or any(name.startswith(LLM_MODULES) for name in names.imported)


def prompts(module: Module) -> Iterator[Finding]:
    """Evidence of prompts, in no order."""
    llm = calls_models(module.names)
    strings = _variables(module)
    yield from _named(module, llm)
    for call in module.calls:
        text = _passed(call, module.names, llm, strings)
        if text is not None:
            yield _finding(call.lineno, "passes", text)
    for mapping in module.dicts:
        text = _message(mapping, strings)
        if text is not None:
            yield _finding(mapping.lineno, "message", text)
    if llm or any(root in module.names.roots for root in ("mcp", "fastmcp")):
        yield from _docstrings(module)


def texts(node: ast.expr | None, strings: dict[str, str] | None = None, depth: int = 0) -> Iterator[str]:
    """The texts that an expression is made of, the parts of one f-string or sum joined; `…` for what is not constant."""
    if depth > 12:
        return
    match node:
        case ast.Constant(value=str(value)):
            yield value
        case ast.JoinedStr(values=values):
            yield "".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in values)
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            yield " ".join([*texts(left, strings, depth + 1), *texts(right, strings, depth + 1)])
        case ast.Call(func=func, args=args, keywords=given):
            if isinstance(func, ast.Attribute):
                yield from texts(func.value, strings, depth + 1)
            if not isinstance(func, ast.Attribute) or func.attr in ("join", "dedent", "cleandoc", "Template", "from_template", "concat"):
                for part in (*args, *(keyword.value for keyword in given)):
                    yield from texts(part, strings, depth + 1)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            for part in parts:
                yield from texts(part, strings, depth + 1)
        case ast.Dict(values=parts):
            for part in parts:
                yield from texts(part, strings, depth + 1)
        case ast.IfExp(body=body, orelse=orelse):
            yield from texts(body, strings, depth + 1)
            yield from texts(orelse, strings, depth + 1)
        case ast.Name(id=name) if strings and name in strings:
            yield strings[name]
        case _:
            return


def _finding(line: int, how: str, text: str) -> Finding:
    words = " ".join(text.split())
    return Finding("prompt", line, f"{how} {words[:48]!r}{'…' if len(words) > 48 else ''}")


def _prose(text: str, words: int) -> bool:
    return " " in text.strip() and len(_WORD.findall(text)) >= words and not _MARKUP.search(text)


def _variables(module: Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for assign in module.assigns:
        if isinstance(assign, ast.Assign) and isinstance(assign.targets[0], ast.Name) and assign.value:
            joined = " ".join(texts(assign.value))
            if joined:
                found.setdefault(assign.targets[0].id, joined)
    return found


def _named(module: Module, llm: bool) -> Iterator[Finding]:
    for assign in module.assigns:
        for target in assign.targets if isinstance(assign, ast.Assign) else [assign.target]:
            name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
            if name and (text := _prompt_under(name, assign.value, llm)):
                yield _finding(assign.lineno, f"{name} =", text)
    for function in module.functions:
        arguments = function.args
        plain = [*arguments.posonlyargs, *arguments.args]
        pairs = [*zip(plain[len(plain) - len(arguments.defaults) :], arguments.defaults, strict=True)]
        pairs += [(name, value) for name, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value is not None]
        for argument, value in pairs:
            if text := _prompt_under(argument.arg, value, llm):
                yield _finding(value.lineno, f"{argument.arg} =", text)


def _prompt_under(name: str, value: ast.expr | None, llm: bool) -> str | None:
    """The text of a variable of this name that is a prompt."""
    sure = PROMPT_NAME.fullmatch(name) is not None
    if value is None or (not sure and PROMPT_NAME_DOUBTFUL.fullmatch(name) is None):
        return None
    for text in texts(value):
        if not _prose(text, 5):
            continue
        cues = len({found.lower() for found in CUE.findall(text)})
        if sure and (llm or cues >= 1 or (len(text) >= LONG and len(_WORD.findall(text)) >= 30)):
            return text
        if not sure and ((llm and (cues or len(text) >= 80)) or cues >= 2):
            return text
    return None


def _passed(call: ast.Call, names: Names, llm: bool, strings: dict[str, str]) -> str | None:
    """The text that a call passes to a model, or makes a prompt of."""
    full = names.dotted(call.func)
    calling = MODEL_CALL.fullmatch(full) is not None
    made = PROMPT_FACTORY.fullmatch(full) is not None and llm
    if not llm and not calling:
        return None
    candidates = [value for name, value in keywords(call).items() if name in PROMPT_KEYWORDS]
    method = full.rpartition(".")[2]
    if made or (llm and (calling or method in ("invoke", "predict", "complete", "chat", "generate", "Predict", "ChainOfThought", "ask"))):
        candidates += call.args
    if names.root(full) == "transformers" and full.endswith(("pipeline()", "pipeline()()")):
        candidates += call.args
    for candidate in candidates:
        for text in texts(candidate, strings):
            if _prose(text, 4) or (full.startswith("dspy.") and "->" in text):
                return text
    return None


def _message(mapping: ast.Dict, strings: dict[str, str]) -> str | None:
    """The text of `{"role": …, "content": …}`."""
    entries = {key.value: value for key, value in zip(mapping.keys, mapping.values, strict=True) if isinstance(key, ast.Constant)}
    role, content = entries.get("role"), entries.get("content")
    if not (isinstance(role, ast.Constant) and role.value in _ROLES) or content is None:
        return None
    return next((text for text in texts(content, strings) if _prose(text, 3)), None)


def _docstrings(module: Module) -> Iterator[Finding]:
    """Docstrings that a model is shown: of signatures, and of functions that are its tools."""
    for definition in module.classes:
        text = ast.get_docstring(definition)
        if text and any(base.startswith("dspy") and SIGNATURE.fullmatch(base) for base in module.names.inherits(definition.name)):
            yield _finding(definition.lineno, f"class {definition.name}:", text)
    for function in module.functions:
        text = ast.get_docstring(function)
        if text and any(MODEL_TOOL.fullmatch(module.names.dotted(decorator)) for decorator in function.decorator_list):
            yield _finding(function.lineno, f"tool {function.name}:", text)
