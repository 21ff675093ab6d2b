"""What is under experiment, and why: files by declared and default patterns and by what they hold, and commands that train."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltui.config.paths import project_state
from mltui.config.schema import Experiments as Section
from mltui.core.errors import ConfigError
from mltui.core.experiment import ControlledChange, ExperimentKind
from mltui.experiments.detection.analysis import is_code
from mltui.experiments.detection.config_reads import CONFIG_SUFFIXES, TEXT_SUFFIXES
from mltui.experiments.detection.detector import Detector
from mltui.experiments.detection.equivalence import equivalent
from mltui.experiments.detection.facts import Finding
from mltui.experiments.detection.verdicts import GRAVITY, Verdict, is_test
from mltui.experiments.globs import NEVER, Globs, fold
from mltui.experiments.launch import EntryPoint, Launches
from mltui.experiments.listing import Listing, git_files, git_folder

DEFAULTS: tuple[tuple[ExperimentKind, tuple[str, ...]], ...] = (
    ("eval", ("/evaluate.py", "/eval.py")),
    ("data", ("/data/**",)),
    ("train", ("/train.py", "/train_*.py", "/*/train.py")),
    ("prompt", ("/prompts/**", "*.prompt", "*.jinja", "*.jinja2")),
    ("hparam", ("/conf/**", "/config*.yaml", "/config*.yml", "/params.yaml", "/params.yml")),
)
"""What is controlled in a project that declares nothing. A path that fits several kinds is the first of them."""

SETTINGS: dict[ExperimentKind, str] = {"eval": "evaluation", "data": "data", "train": "training", "prompt": "prompts", "hparam": "configs"}
"""The key of `[experiments]` that declares each kind."""

_SETTINGS_KINDS = frozenset({"hparam", "train", "infra"})
"""Kinds whose configuration files may be written differently and stay what they are."""

_MOST_CLASSIFIED = 400_000


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: ExperimentKind
    globs: Globs
    declared: bool

    def reason(self, pattern: str) -> str:
        return f"declared in [experiments] {SETTINGS[self.kind]}: {pattern}" if self.declared else f"default pattern {pattern.lstrip('/')}"


class Control:
    """Answers in microseconds about what it has seen; `files` takes milliseconds, and parses what changed.

    A path is under experiment if the configuration declares it, a default pattern takes it in, or (with `detect`) its content
    or the code that imports or reads it says so. A `!` pattern in any of the lists of `[experiments]` takes back the latter two.

    Attributes:
        root: the project's top folder, resolved.
    """

    def __init__(self, root: Path, section: Section) -> None:
        self.root = root.resolve()
        self.entrypoints = tuple(EntryPoint.parse(text) for text in section.entrypoints)
        self._launches = Launches(self.root, self.entrypoints)
        self._named = _named_files(section, self.entrypoints, self.root)
        self._rules = tuple(_rules(section))
        self.data = Globs.of(section.data, "[experiments] data")
        self._labels = Globs.of(section.labels, "[experiments] labels")
        self._tracked: tuple[tuple[int, int] | None, frozenset[str]] | None = None
        self._listing = Listing(self.root)
        self._controlled: tuple[int, tuple[str, ...]] = (-1, ())
        self._classified: dict[str, tuple[ExperimentKind, str] | None] = {}
        scripts = [script for entry in self.entrypoints for script in entry.scripts]
        self._detector = Detector(self.root, project_state(self.root), scripts, self._kind, self._free) if section.detect else None

    def explain(self, path: Path) -> ControlledChange | None:
        """Why a path, absolute or relative to the root, is under experiment as it is on disk; None when it is free."""
        relative = self._within(path)
        if relative is None:
            return None
        verdict = self._explain(relative)
        return None if verdict is None else _change(relative, verdict, "modified" if (self.root / relative).exists() else "added")

    def explain_content(self, path: Path, content: bytes | None) -> ControlledChange | None:
        """Why a path would be under experiment if it held this; None: it is gone, and what is on disk decides."""
        if content is None:
            return self.explain(path)
        relative = self._within(path)
        if relative is None:
            return None
        verdict = self._explain_content(relative, content)
        return None if verdict is None else _change(relative, verdict, "modified" if (self.root / relative).exists() else "added")

    def explain_change(self, path: Path, before: bytes | None, after: bytes | None) -> ControlledChange | None:
        """Why a change is one: the file is under experiment before it or after it; None on either side: there is no file."""
        if before is None and after is None:
            return self.explain(path)
        relative = self._within(path)
        if relative is None:
            return None
        sides = [self._explain_content(relative, content) for content in (before, after) if content is not None]
        found = [verdict for verdict in sides if verdict is not None]
        if not found:
            return None
        gravest = min(found, key=lambda verdict: GRAVITY.index(verdict.kind))
        return _change(relative, gravest, "added" if before is None else "deleted" if after is None else "modified")

    def harmless(self, path: Path, before: bytes | None, after: bytes | None) -> str | None:
        """Why an edit of a file under experiment is no experiment; None where it may be one.

        Code may change in comments, formatting and docstrings that no model is shown, configuration in comments and order.
        Prompts, data, and what evaluation reads may not: every byte of them may count.
        """
        if before is None or after is None:
            return None
        change = self.explain_change(path, before, after)
        if change is None or (not is_code(change.path) and change.kind not in _SETTINGS_KINDS):
            return None
        return equivalent(change.path, before, after)

    def evidence(self, path: Path) -> tuple[Finding, ...]:
        """What detection found in a file that it puts under experiment, by line; empty for patterns and for files that are free."""
        relative = self._within(path)
        verdict = self._explain(relative) if relative is not None else None
        return verdict.evidence if verdict is not None else ()

    def why_not(self, path: Path) -> str:
        """Why a path is not under experiment; for one that is, the reason why it is."""
        relative = self.relative(path)
        if relative is None:
            return f"it lies outside the project {self.root}"
        never = sorted(NEVER & set(relative.split("/")[:-1]))
        if never:
            return f"nothing in a folder {never[0]} is"
        verdict = self._explain(relative)
        if verdict is not None:
            return verdict.reason
        return self._why_free(relative)

    def launch(self, command: str) -> str | None:
        """Why a simple shell command is a training run, or None."""
        return self._launches.reason(command)

    def files(self) -> list[Path]:
        """The files under experiment that exist now, as git sees the working tree (without git: all of it)."""
        names = self._update()
        return [path for name in names if (path := self.root / name).is_file()]

    def data_files(self) -> tuple[str, ...]:
        """The data of the project: declared, labels included (ignored by git or not), or tracked below `data/`."""
        declared = {*self.data.walk(self.root), *self._labels.walk(self.root)}
        by_default = {name for name in self._tracked_files() if name.startswith("data/") and (self.root / name).is_file()}
        return tuple(sorted(declared | by_default))

    def relative(self, path: Path) -> str | None:
        """The path below the root, with slashes; None outside."""
        if not path.is_absolute():
            path = self.root / path
        try:
            relative = path.relative_to(self.root).as_posix()
        except ValueError:
            return None
        return None if relative == "." or ".." in relative.split("/") else relative

    def _within(self, path: Path) -> str | None:
        relative = self.relative(path)
        return None if relative is None or NEVER & set(relative.split("/")[:-1]) else relative

    def _update(self) -> tuple[str, ...]:
        names = self._listing.names()
        changed = self._controlled[0] != self._listing.version
        if self._detector is not None:
            changed = self._detector.update(names) or changed
        if changed:
            found = self._detector.found() if self._detector is not None else {}
            self._controlled = (self._listing.version, tuple(name for name in names if name in found or self._classify(name)))
        return self._controlled[1]

    def _explain(self, relative: str, *, link: bool = True) -> Verdict | None:
        declared = self._classify(relative)
        if declared is not None:
            return Verdict(*declared)
        detector = self._current(relative)
        verdict = detector.explain(relative) if detector is not None else None
        if verdict is None and link:
            target = self._link_target(relative)
            found = self._explain(target, link=False) if target is not None else None
            verdict = Verdict(found.kind, f"a link to {target}: {found.reason}", found.evidence) if found is not None else None
        return verdict

    def _explain_content(self, relative: str, content: bytes) -> Verdict | None:
        declared = self._classify(relative)
        if declared is not None:
            return Verdict(*declared)
        detector = self._current(relative)
        verdict = detector.explain_content(relative, content) if detector is not None else None
        if verdict is None:
            target = self._link_target(relative)
            verdict = self._explain(target, link=False) if target is not None else None
        return verdict

    def _current(self, relative: str) -> Detector | None:
        """The detector, if it may say something about this path; it has looked at the project a moment ago at most."""
        if self._detector is None or self._free(relative):
            return None
        if self._detector.stale():
            self._update()
        return self._detector

    def _link_target(self, relative: str) -> str | None:
        path = f"{self.root}/{relative}"
        real = os.path.realpath(path)
        if real == path or not real.startswith(f"{self.root}/"):
            return None
        return self._within(Path(real))

    def _free(self, relative: str) -> bool:
        """Whether a `!` pattern takes the path back from detection."""
        return self._taken_back(relative) is not None

    def _taken_back(self, relative: str) -> tuple[ExperimentKind, str] | None:
        for rule in self._rules:
            pattern = rule.globs.takes_back(relative) if rule.declared else None
            if pattern:
                return rule.kind, pattern
        return None

    def _kind(self, relative: str) -> ExperimentKind | None:
        found = self._classify(relative)
        return found[0] if found else None

    def _classify(self, relative: str) -> tuple[ExperimentKind, str] | None:
        """By patterns and names alone; remembered, except for data, which depends on what git tracks."""
        if relative in self._classified:
            return self._classified[relative]
        found, lasting = self._by_rules(relative)
        if lasting:
            if len(self._classified) >= _MOST_CLASSIFIED:
                self._classified.clear()
            self._classified[relative] = found
        return found

    def _by_rules(self, relative: str) -> tuple[tuple[ExperimentKind, str] | None, bool]:
        named = self._named.get(fold(relative))
        taken_back = self._taken_back(relative) is not None
        lasting = True
        for rule in self._rules:
            if named and named[0] == rule.kind:
                return named, lasting
            pattern = rule.globs.match(relative) if rule.declared or not taken_back else None
            if pattern and rule.kind == "data" and not rule.declared:
                lasting = False
                pattern = pattern if relative in self._tracked_files() else None
            if pattern:
                return (rule.kind, rule.reason(pattern)), lasting
        return named, lasting

    def _why_free(self, relative: str) -> str:
        name = relative.lower()
        path = self.root / relative
        taken = self._taken_back(relative)
        if taken is not None:
            return f"taken back in [experiments] {SETTINGS[taken[0]]}: {taken[1]}"
        if self._detector is None:
            return "no pattern names it, and [experiments] detect is false"
        if is_code(name):
            if is_test(relative):
                return "it is a test"
            if not path.exists():
                return "no pattern names it, and nothing under experiment would import it; what will be in it decides"
            return "no pattern names it, and it shows no training, evaluation, data split or prompt; nothing that trains needs it"
        if path.is_dir():
            return "it is a folder; its files are looked at one by one"
        ignored = path.exists() and relative not in self._listing.names()
        why = "no pattern names it, and nothing under experiment reads it"
        if not name.endswith((*CONFIG_SUFFIXES, *TEXT_SUFFIXES)):
            why = "no pattern names it, and it is neither Python, a notebook, configuration nor a prompt"
        return f"{why}; git ignores it" if ignored else why

    def _tracked_files(self) -> frozenset[str]:
        """What git tracks below `data/`, asked again only when the index changed."""
        stamp = _index_stamp(self.root)
        if self._tracked is None or self._tracked[0] != stamp:
            names = git_files(self.root, "--cached", "--", "data") if stamp else None
            self._tracked = (stamp, frozenset(names or ()))
        return self._tracked[1]


def _change(relative: str, verdict: Verdict, change: Literal["added", "modified", "deleted"]) -> ControlledChange:
    return ControlledChange(path=relative, kind=verdict.kind, reason=verdict.reason, change=change)


def _index_stamp(root: Path) -> tuple[int, int] | None:
    folder = git_folder(root)
    try:
        status = (folder / "index").stat() if folder else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status else None


def _rules(section: Section) -> Iterable[_Rule]:
    """By kind in the order of DEFAULTS; within a kind what is declared comes first."""
    for kind, patterns in DEFAULTS:
        declared: tuple[str, ...] = getattr(section, SETTINGS[kind])
        yield _Rule(kind, Globs.of(declared, f"[experiments] {SETTINGS[kind]}"), declared=True)
        yield _Rule(kind, Globs.of(patterns), declared=False)


def _named_files(section: Section, entrypoints: Iterable[EntryPoint], root: Path) -> dict[str, tuple[ExperimentKind, str]]:
    """Files that the configuration names without a pattern, folded: those with parameters, entry points' scripts and what those read."""
    named: dict[str, tuple[ExperimentKind, str]] = {}
    holding: dict[str, list[str]] = {}
    for name, parameter in section.space.items():
        file, _, key = parameter.key.partition(":")
        if not file or not key:
            raise ConfigError(
                f"[experiments.space] {name}: key = {parameter.key!r} names no file and key", hint='Write key = "FILE:dotted.key".'
            )
        holding.setdefault(file.removeprefix("./"), []).append(name)
    for entry in entrypoints:
        for config in entry.configs:
            named[fold(config)] = ("hparam", f"named by the entry point `{entry.text}`")
    for file, names in holding.items():
        named[fold(file)] = ("hparam", f"holds the declared parameter{'s' if len(names) > 1 else ''} {', '.join(names)}")
    for entry in entrypoints:
        for script in entry.scripts:
            if (root / script).is_file():
                named[fold(script)] = ("train", f"script of the entry point `{entry.text}`")
    return named
