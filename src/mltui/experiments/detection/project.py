"""What follows for other files from the code under experiment: modules that it imports, files that it reads."""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mltui.core.experiment import ExperimentKind
from mltui.experiments.detection.facts import Links, Read
from mltui.experiments.detection.verdicts import Verdict, is_prompt_file
from mltui.experiments.globs import fold

LinksOf = Callable[[str], Links]

_SOURCE_FOLDERS = ("", "src/", "lib/", "python/")
_DATA = re.compile(r"(?:^|.*/)(?:data|datasets?|corpus|raw|processed)/.*\.json$", re.IGNORECASE)
_NO_SETTINGS = re.compile(
    r"(?:.*/)?(?:package(?:-lock)?|tsconfig|pyproject|setup|tox|composer|\.?logging\w*|log_?config\w*)\.\w+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file under experiment that others follow from.

    Attributes:
        whole: everything that it imports is under experiment too, not only what shows evidence of its own.
    """

    name: str
    kind: ExperimentKind
    whole: bool


@dataclass(slots=True)
class Reach:
    """What the sources reach; names are folded, and need not exist.

    Attributes:
        imported: modules that are under experiment whatever they hold, with the reason.
        near: modules that are, if they show evidence, with who imports them.
        read: files that are read.
    """

    imported: dict[str, str] = field(default_factory=dict[str, str])
    near: dict[str, str] = field(default_factory=dict[str, str])
    read: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    patterns: list[tuple[re.Pattern[str], Verdict]] = field(default_factory=list[tuple[re.Pattern[str], Verdict]])

    def reads(self, name: str) -> Verdict | None:
        """Who reads a file, or None."""
        folded = fold(name)
        found = self.read.get(folded)
        if found is None:
            found = next((verdict for pattern, verdict in self.patterns if pattern.fullmatch(folded)), None)
        return found


class Follower:
    """Follows imports and reads through one state of a project's files.

    Args:
        names: all files of the project.
        links_of: what a file names, of files that exist.
    """

    def __init__(self, names: Iterable[str], links_of: LinksOf) -> None:
        self._names: Mapping[str, str] = {fold(name): name for name in names}
        self._links_of = links_of
        self._by_last: dict[str, list[str]] = {}
        for folded in self._names:
            self._by_last.setdefault(folded.rpartition("/")[2], []).append(folded)

    def follow(self, sources: Iterable[Source]) -> Reach:
        reach = Reach()
        for source in sorted(sources, key=lambda source: (not source.whole, source.name)):
            self._follow_one(source, reach)
        return reach

    def _follow_one(self, source: Source, reach: Reach) -> None:
        queue: deque[str] = deque([source.name])
        seen = {source.name}
        while queue:
            name = queue.popleft()
            links = self._links_of(name)
            for module in self._modules(name, links):
                folded = fold(module)
                via = "" if name == source.name else f" through {name}"
                if source.whole:
                    reach.imported.setdefault(folded, f"imported by the entry point {source.name}{via}")
                else:
                    reach.near.setdefault(folded, source.name + via)
                if folded in self._names and module not in seen:
                    seen.add(module)
                    queue.append(self._names[folded])
            # A utility that is free reads nothing for the training.
            if name == source.name or source.whole or links.defines:
                for read in links.reads:
                    for config in self._read(source, name, read, reach):
                        if config not in seen:
                            # For the classes that hydra makes by their names.
                            seen.add(config)
                            queue.append(config)

    def _modules(self, name: str, links: Links) -> Iterator[str]:
        """The files that a module imports or starts: those that exist, else the first place where one would be looked for."""
        roots = self._roots(name)
        for imported in links.imports:
            yield from self._module(name, imported, roots)
        for script in links.scripts:
            places = [posixpath.normpath(posixpath.join(root, script)) for root in roots]
            yield next((place for place in places if fold(place) in self._names), places[-1])

    def _module(self, name: str, imported: str, roots: list[str]) -> Iterator[str]:
        stripped = imported.lstrip(".")
        level = len(imported) - len(stripped)
        parts = stripped.split(".") if stripped else []
        if level:
            base = PurePosixPath(name).parent
            for _ in range(level - 1):
                base = base.parent
            roots = ["" if str(base) == "." else f"{base}/"]
        for root in roots:
            found = list(self._places(root, parts, 0 if level else 1))
            if found:
                yield from found
                return

    def _places(self, root: str, parts: list[str], shallowest: int) -> Iterator[str]:
        """`a/__init__.py`, `a/b.py` for `a.b.c`, as far as they exist."""
        for depth in range(shallowest, len(parts) + 1):
            stem = root + "/".join(parts[:depth])
            places = ((f"{stem}.py",) if depth else ()) + ((f"{stem.rstrip('/')}/__init__.py",) if stem else ())
            yield from (place for place in places if fold(place) in self._names)

    def _roots(self, name: str) -> list[str]:
        """Where a script's imports and paths may start: its folder, those above, the project and its source folders."""
        own = [f"{parent}/" for parent in PurePosixPath(name).parents if str(parent) != "."]
        return list(dict.fromkeys([*own, *_SOURCE_FOLDERS]))

    def _read(self, source: Source, name: str, read: Read, reach: Reach) -> list[str]:
        """Notes what a file reads. Returns the configuration files among it that exist."""
        if _NO_SETTINGS.fullmatch(read.path) or _DATA.fullmatch(read.path):
            return []
        if source.kind == "prompt" and not read.text and not _says_model(read.path):
            return []
        kind: ExperimentKind = "prompt" if read.text or is_prompt_file(read.path) else "eval" if source.kind == "eval" else "hparam"
        verdict = Verdict(kind, f"read by {name}, line {read.line}: {read.path}")
        own = posixpath.dirname(name)
        beside = posixpath.normpath(posixpath.join(own, read.path))
        places = [beside] if read.beside else [beside, posixpath.normpath(read.path.lstrip("/")), *self._above(name, read.path)]
        if "*" in read.path:
            patterns = [_pattern(fold(place)) for place in dict.fromkeys(places) if place.strip("*./")]
            reach.patterns += [(pattern, verdict) for pattern in patterns]
            return [name for folded, name in self._names.items() if any(pattern.fullmatch(folded) for pattern in patterns)]
        existing = [place for place in places if fold(place) in self._names]
        if not existing and not read.beside:
            existing = self._anywhere(read.path)
        for place in existing or places[:2]:
            if not place.startswith("../"):
                known = reach.read.get(fold(place))
                # What training reads too is no matter of the evaluation alone.
                if known is None or (known.kind == "eval" and kind == "hparam"):
                    reach.read[fold(place)] = verdict
        return [] if read.text else [self._names[fold(place)] for place in existing]

    def _above(self, name: str, path: str) -> Iterator[str]:
        for parent in PurePosixPath(name).parents:
            if str(parent) != ".":
                yield posixpath.normpath(f"{parent}/{path}")

    def _anywhere(self, path: str) -> list[str]:
        """A path that starts somewhere unknown, if one file alone fits it."""
        folded = fold(posixpath.normpath(path)).lstrip("./")
        fitting = [name for name in self._by_last.get(folded.rpartition("/")[2], ()) if name == folded or name.endswith(f"/{folded}")]
        return [self._names[fitting[0]]] if len(fitting) == 1 and folded else []


def _says_model(path: str) -> bool:
    return re.search(r"model|llm|agent|prompt|generation|config|settings|params", path, re.IGNORECASE) is not None


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", path)
    return re.compile("".join(".*" if part == "**" else "[^/]*" if part == "*" else re.escape(part) for part in parts))
