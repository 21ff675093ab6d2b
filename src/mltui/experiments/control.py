"""What is under experiment, and why: files by declared and default patterns, and commands that train."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mltui.config.schema import Experiments as Section
from mltui.core.errors import ConfigError
from mltui.core.experiment import ControlledChange, ExperimentKind
from mltui.experiments.globs import NEVER, Globs
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


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: ExperimentKind
    globs: Globs
    declared: bool

    def reason(self, pattern: str) -> str:
        return f"declared in [experiments] {SETTINGS[self.kind]}: {pattern}" if self.declared else f"default pattern {pattern.lstrip('/')}"


class Control:
    """Answers in microseconds; `files` takes a few milliseconds after the tree changed.

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
        self._tracked: tuple[tuple[int, int] | None, frozenset[str]] | None = None
        self._listing = Listing(self.root)
        self._controlled: tuple[int, tuple[str, ...]] = (-1, ())

    def explain(self, path: Path) -> ControlledChange | None:
        """Why a path, absolute or relative to the root, is under experiment; None when it is free."""
        relative = self.relative(path)
        if relative is None or NEVER & set(relative.split("/")[:-1]):
            return None
        found = self._classify(relative)
        if found is None:
            return None
        kind, reason = found
        change = "modified" if (self.root / relative).exists() else "added"
        return ControlledChange(path=relative, kind=kind, reason=reason, change=change)

    def launch(self, command: str) -> str | None:
        """Why a simple shell command is a training run, or None."""
        return self._launches.reason(command)

    def files(self) -> list[Path]:
        """The files under experiment that exist now, as git sees the working tree (without git: all of it)."""
        names = self._listing.names()
        if self._controlled[0] != self._listing.version:
            self._controlled = (self._listing.version, tuple(name for name in names if self._classify(name)))
        return [path for name in self._controlled[1] if (path := self.root / name).is_file()]

    def data_files(self) -> tuple[str, ...]:
        """The data of the project: declared (ignored by git or not), or tracked below `data/`."""
        declared = set(self.data.walk(self.root))
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

    def _classify(self, relative: str) -> tuple[ExperimentKind, str] | None:
        named = self._named.get(relative)
        for rule in self._rules:
            if named and named[0] == rule.kind:
                return named
            pattern = rule.globs.match(relative)
            if pattern and (rule.kind != "data" or rule.declared or relative in self._tracked_files()):
                return rule.kind, rule.reason(pattern)
        return named

    def _tracked_files(self) -> frozenset[str]:
        """What git tracks below `data/`, asked again only when the index changed."""
        stamp = _index_stamp(self.root)
        if self._tracked is None or self._tracked[0] != stamp:
            names = git_files(self.root, "--cached", "--", "data") if stamp else None
            self._tracked = (stamp, frozenset(names or ()))
        return self._tracked[1]


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
    """Files that the configuration names without a pattern: those that hold parameters, and the entry points' scripts."""
    named: dict[str, tuple[ExperimentKind, str]] = {}
    holding: dict[str, list[str]] = {}
    for name, parameter in section.space.items():
        file, _, key = parameter.key.partition(":")
        if not file or not key:
            raise ConfigError(
                f"[experiments.space] {name}: key = {parameter.key!r} names no file and key", hint='Write key = "FILE:dotted.key".'
            )
        holding.setdefault(file.removeprefix("./"), []).append(name)
    for file, names in holding.items():
        named[file] = ("hparam", f"holds the declared parameter{'s' if len(names) > 1 else ''} {', '.join(names)}")
    for entry in entrypoints:
        for script in entry.scripts:
            if (root / script).is_file():
                named[script] = ("train", f"script of the entry point `{entry.text}`")
    return named
