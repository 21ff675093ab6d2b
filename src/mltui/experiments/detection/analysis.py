"""From the bytes of a file to what is found in it."""

from __future__ import annotations

import re

from mltui.experiments.detection.config_reads import links, targets
from mltui.experiments.detection.evaluation_code import data, evaluation
from mltui.experiments.detection.facts import NOTHING, Facts, Finding, Links
from mltui.experiments.detection.notebooks import read_notebook
from mltui.experiments.detection.prompt_text import calls_models, prompts
from mltui.experiments.detection.syntax import Module, UnreadableError
from mltui.experiments.detection.textual import textual
from mltui.experiments.detection.training_code import training
from mltui.experiments.detection.vocabulary import HARNESSES, LLM_ROOTS, METRIC_PACKAGES, ML_ROOTS

VERSION = 1
"""Of the rules: what was found by others is not used again."""

CODE_SUFFIXES = (".py", ".pyw", ".ipynb")
MOST_TEXT = 40_000_000
"""Bytes of a file that are looked at."""

_MOST_FINDINGS = 40
_LIBRARIES = "|".join(
    sorted(ML_ROOTS | LLM_ROOTS | METRIC_PACKAGES | HARNESSES | {"genai", "generativeai", "huggingface_hub", "mcp", "fastmcp"})
)
_HINT = re.compile(
    rb"\b(?:" + _LIBRARIES.encode() + rb")\b|\.(?:fit\w*|partial_fit|backward|learn|compile|create|converse|invoke_model)\s*\(|[Pp]rompt"
    rb"|PROMPT|[Ii]nstructions?\b"
    rb"|INSTRUCTION|SYSTEM|[\"']role[\"']|\bsystem\s*=|_template\b|TEMPLATE|RUBRIC|PERSONA|\b(?:lr|learning_rate|eta|alpha|step_size)\b|_lr\b"
    rb"|\bdef \w*(?:accuracy|f1|precision|recall|auc|bleu|rouge|ndcg|mrr|exact_match|perplexity|mae|mse|rmse|iou|dice|wer|metrics)\w*\(|\btrain(?:ing)?[\"'./_-]"
)
"""Without any of these a file shows nothing, and is not parsed."""


def is_code(name: str) -> bool:
    return name.lower().endswith(CODE_SUFFIXES)


def look(name: str, content: bytes) -> Facts:
    """What a Python file or notebook shows by itself."""
    content = content[:MOST_TEXT]
    notebook = name.lower().endswith(".ipynb")
    if not _HINT.search(content) and not _is_encoded(content, notebook):
        return NOTHING
    try:
        module = _module(content, notebook)
        found = [*training(module), *evaluation(module), *data(module), *prompts(module)]
    except UnreadableError as error:
        return _as_text(content, str(error))
    except (RecursionError, MemoryError):
        return _as_text(content, "it is nested too deeply")
    return Facts(_sorted(found), llm=calls_models(module.names))


def look_closely(name: str, content: bytes) -> Links:
    """What a file under experiment names of its project; nothing where it cannot be parsed."""
    if not is_code(name):
        return Links(imports=targets(content))
    try:
        found = links(_module(content, name.lower().endswith(".ipynb")))
    except (UnreadableError, RecursionError, MemoryError):
        return Links(defines=_as_text(content, "").findings)
    return Links(found.imports, found.scripts, found.reads, _sorted(list(found.defines)))


def _module(content: bytes, notebook: bool) -> Module:
    return Module.of(read_notebook(content).code() if notebook else content)


def _as_text(content: bytes, why: str) -> Facts:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16", "replace").encode()
    return Facts(tuple(textual(content)), broken=why)


def _is_encoded(content: bytes, notebook: bool) -> bool:
    """Whether words could stand in it that the bytes do not show: UTF-16, an odd codec, escapes of JSON."""
    if notebook and b"\\u" in content:
        return True
    head = content[:200]
    return b"\0" in head or (b"coding" in head and re.search(rb"coding[:=]\s*(?!utf-?8|latin-?1|ascii|iso-8859)", head, re.I) is not None)


def _sorted(found: list[Finding]) -> tuple[Finding, ...]:
    """By line; of each kind the first few, the strong before the weak."""
    kept: list[Finding] = []
    for kind in ("train", "eval", "data", "prompt", "hparam"):
        of_kind = sorted({f for f in found if f.kind == kind}, key=lambda f: (f.weak, f.line, f.text))
        kept += of_kind[:_MOST_FINDINGS]
    return tuple(sorted(kept, key=lambda f: f.line))
