"""What is found in one file, whatever its name and place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mltui.core.experiment import ExperimentKind


@dataclass(frozen=True, slots=True)
class Finding:
    """A piece of evidence.

    Attributes:
        line: counted from 1; in a notebook it counts the lines of its code cells.
        text: what stands there, shortened, for people.
        weak: counts only in a file whose name says the same.
    """

    kind: ExperimentKind
    line: int
    text: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A path that the code names.

    Attributes:
        path: as written, with `*` for what is known only when it runs.
        beside: it is relative to the file's own folder.
        text: prose, and no configuration.
    """

    path: str
    line: int
    beside: bool = False
    text: bool = False


@dataclass(frozen=True, slots=True)
class Links:
    """What a module names of its project.

    Attributes:
        imports: dotted names; leading dots as in the statement.
        scripts: Python files that it starts, as written.
        reads: configuration and prompts that it reads.
        defines: models, losses, data sets, features and hyperparameters.
    """

    imports: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    reads: tuple[Read, ...] = ()
    defines: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Attributes:
    findings: in the order of the lines.
    broken: why the file could not be parsed; it was then searched as text.
    llm: it calls language models.
    """

    findings: tuple[Finding, ...] = ()
    broken: str = ""
    llm: bool = False


NOTHING = Facts()


def facts_to_json(facts: Facts) -> list[Any]:
    return [[[f.kind, f.line, f.text, f.weak] for f in facts.findings], facts.broken, facts.llm]


def facts_from_json(value: Any) -> Facts:
    """Raises: ValueError, TypeError: it is no such value."""
    rows, broken, llm = value
    return Facts(tuple(Finding(kind, int(line), str(text), bool(weak)) for kind, line, text, weak in rows), str(broken), bool(llm))
