"""What kind of experiment a file is part of, by what is found in it and by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from mltui.core.experiment import ExperimentKind
from mltui.experiments.detection.facts import Facts, Finding
from mltui.experiments.detection.vocabulary import DATA_FILE, EVALUATION_FILE, JUDGE_FILE, METRIC_NAME

GRAVITY: tuple[ExperimentKind, ...] = ("eval", "data", "train", "prompt", "hparam", "infra")
"""Kinds, the one that needs the most care first."""

_TEST_FILE = re.compile(r"test_.*\.py|.*_tests?\.py|conftest\.py", re.IGNORECASE)
_TEST_FOLDERS = frozenset({"tests", "test", "testing"})
_PROMPT_FILE = re.compile(
    r"(?:.*[_.-])?(?:prompts?|system[_-](?:prompt|message)|instructions)(?:[_.-].*)?\.(?:txt|md|ya?ml|toml|json|j2|mustache|hbs|xml|tmpl|poml)",
    re.IGNORECASE,
)
_NOT_OF_THE_PROJECT = frozenset({"docs", "doc", ".github", ".cursor", ".claude", ".vscode"})
_DOES = {
    "train": "trains",
    "eval": "computes metrics",
    "data": "makes or splits data",
    "prompt": "holds a prompt",
    "hparam": "sets a hyperparameter",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Attributes:
    reason: on one line, for people.
    evidence: the findings that it rests on, by line.
    """

    kind: ExperimentKind
    reason: str
    evidence: tuple[Finding, ...] = ()


def is_test(name: str) -> bool:
    """Whether a path is a test by its name; those are not under experiment by detection."""
    path = PurePosixPath(name)
    return _TEST_FILE.fullmatch(path.name) is not None or not _TEST_FOLDERS.isdisjoint(part.lower() for part in path.parts[:-1])


def is_prompt_file(name: str) -> bool:
    """Whether a text is a prompt by its name."""
    path = PurePosixPath(name)
    return _PROMPT_FILE.fullmatch(path.name) is not None and not is_test(name) and _NOT_OF_THE_PROJECT.isdisjoint(path.parts[:-1])


def judge(name: str, facts: Facts) -> Verdict | None:
    """What a Python file or notebook is by itself; None when it shows nothing, or is a test."""
    if not facts.findings or is_test(name):
        return None
    stem = PurePosixPath(name).stem
    strong = {finding.kind for finding in facts.findings if not finding.weak}
    shown = {finding.kind for finding in facts.findings}
    measures = EVALUATION_FILE.fullmatch(stem) or METRIC_NAME.fullmatch(stem.lower())
    if "eval" in shown and measures and not stem.lower().startswith("train"):
        return _verdict("eval", facts)
    if "prompt" in strong and JUDGE_FILE.fullmatch(stem):
        judged = _verdict("prompt", facts)
        return Verdict("eval", f"judges by a prompt: {judged.reason.removeprefix('holds a prompt: ')}", judged.evidence)
    if "data" in shown and DATA_FILE.fullmatch(stem):
        return _verdict("data", facts)
    for kind in ("train", "eval", "data", "prompt"):
        if kind in strong:
            return _verdict(kind, facts)
    return None


def judge_part(facts: Sequence[Finding], importer: str) -> Verdict | None:
    """What a module is that training code imports, by what it defines; None for plain utilities."""
    for kind in GRAVITY:
        of_kind = tuple(finding for finding in facts if finding.kind == kind)
        if of_kind:
            first = of_kind[0]
            return Verdict(kind, f"imported by {importer}, and line {first.line}: {first.text}", of_kind)
    return None


def _verdict(kind: ExperimentKind, facts: Facts) -> Verdict:
    evidence = tuple(finding for finding in facts.findings if finding.kind == kind)
    first = min(evidence, key=lambda finding: (finding.weak, finding.line))
    doubt = f" ({facts.broken}, and was searched as text)" if facts.broken else ""
    return Verdict(kind, f"{_DOES[kind]}: line {first.line}: {first.text}{doubt}", evidence)
