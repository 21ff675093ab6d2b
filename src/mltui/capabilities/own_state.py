"""What mltui itself obeys and relies on, before and after a shell command: settings, trust, hooks, and the journal.

A command runs with the person's rights, so nothing here is prevented. What it changed is put back and told.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from mltui.capabilities.atomic import write_atomically
from mltui.capabilities.controlled_copies import Copies, Kept
from mltui.capabilities.git_settings import dangerous_changes
from mltui.config.own_section import settings_section
from mltui.core.errors import ExperimentError
from mltui.experiments.journal import GENESIS, Record, canonical, seal
from mltui.experiments.private_git import Repository
from mltui.experiments.records import ExperimentAccepted, ExperimentDiscarded, GrantGiven, JobStarted, ProposalDecided
from mltui.experiments.signature import Signature
from mltui.experiments.storage import file_lock

_SETTINGS = ("config.toml", "auth.json", "trusted.json", "approved.json", "hooks.json", "mcp.json")
_FOLDERS = ("personas", "skills", "commands")
_OF_GIT = ("config", "config.worktree", "info/attributes", "info/exclude", "info/grafts")
_DECISIONS = {ProposalDecided.type, ExperimentAccepted.type, ExperimentDiscarded.type, JobStarted.type, GrantGiven.type}


def _nobody(_: str) -> bool:
    return False


def _nothing(_: str) -> Mapping[str, str]:
    return {}


class OwnState:
    """Remembers mltui's own files, and puts back what a command changed of them.

    Args:
        root: the project.
        state: its `.mltui`.
        homes: the person's own folders of mltui.
        files: further files that mltui obeys, such as an approval policy.
        draft: the folder of this session's draft, which commands have no business in.
        mine: whether this process wrote the record of that hash, so that no command did.
        staged: what an experiment was made of in the draft: path to SHA-256, or `deleted`.

    Attributes:
        doubted: proposals on which something was decided while a command ran, by another process.
    """

    def __init__(
        self,
        root: Path,
        state: Path,
        homes: Sequence[Path] = (),
        files: Sequence[Path] = (),
        draft: Path | None = None,
        *,
        mine: Callable[[str], bool] = _nobody,
        staged: Callable[[str], Mapping[str, str]] = _nothing,
    ) -> None:
        self.doubted: set[str] = set()
        self._mine = mine
        self._staged = staged
        self._settled: set[str] = set()
        self._root = root
        self._journal = state / "journal.jsonl"
        self._pyproject = root / "pyproject.toml"
        self._places = (state, *homes)
        self._files = tuple(files)
        self._jobs = state / "jobs"
        self._draft = draft
        self._aside = state / "tmp" / "set-aside"
        self._copies = Copies(state / "tmp")

    def before(self) -> None:
        """Remembers the files as they are; those that did not change since cost one look."""
        self._copies.remember([*self._watched(), self._pyproject, self._journal])

    def after(self, *, beside: bool = False) -> tuple[str, ...]:
        """Puts back what changed. Returns a line for each.

        Args:
            beside: what acted did so beside this session, whose own work in the draft it is not to be confused with.
        """
        notes: list[str] = []
        kept = self._copies.kept
        # The journal first: what a person decided here explains what left the draft.
        for path in dict.fromkeys((self._journal, *kept, *self._watched(), self._pyproject)):
            known, now = kept.get(path), Signature.of(path)
            if now == (known.signature if known else None):
                continue
            if beside and self._draft is not None and path.is_relative_to(self._draft):
                continue
            try:
                note = self._settle(path, known)
            except (OSError, ExperimentError) as error:
                note = f"{path} was changed by the command and could not be put back ({error})"
            if note:
                notes.append(note)
        return tuple(notes)

    def close(self) -> None:
        self._copies.close()

    def _watched(self) -> Iterator[Path]:
        for place in self._places:
            yield from (place / name for name in _SETTINGS if os.path.lexists(place / name))
            for folder in _FOLDERS:
                yield from _files_below(place / folder)
        yield from self._files
        yield from self._jobs.glob("*/plan.json")
        if self._draft is not None:
            yield from _files_below(self._draft)
        if (repository := Repository.at(self._root)) is not None:
            for folder in dict.fromkeys((repository.common, repository.own, *repository.common.glob("modules/*"))):
                yield from (path for path in _files_below(folder / "hooks") if path.suffix != ".sample")
                yield from (path for name in _OF_GIT if os.path.lexists(path := folder / name))

    def _settle(self, path: Path, known: Kept | None) -> str | None:
        if path == self._journal:
            return self._settle_journal(known)
        old = known.content() if known else None
        now = Signature.of(path)
        new = path.read_bytes() if now is not None and now.is_file else None
        if path == self._pyproject and settings_section(old) == settings_section(new):
            return None
        if known is not None and new is not None and new == old and now is not None and now.mode == known.signature.mode:
            return None
        what = "is obeyed by mltui"
        if path.name.startswith("config") and path.parent.joinpath("objects").is_dir():
            keys = dangerous_changes(old, new)
            if not keys and (new is not None) == (now is not None):
                return None
            what = f"can make git run programs ({', '.join(keys[:3])})"
        if known is not None and now is None and (self._in_the_tree(path, old) or self._was_settled(path, old)):
            return None
        if known is None and (path.name == "plan.json" or (path.name == "exclude" and not _rules(new))):
            return None  # a job that was started elsewhere; what `git init` leaves
        if known is not None and old is None:
            return f"{path} was changed by the command and is too large or odd to be put back: look at it"
        aside = self._set_aside(path)
        if known is not None and old is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, old, mode=known.signature.permissions)
            self._copies.touched(path)
        return f"{path} {what} and was changed by the command: it was put back{aside}"

    def _in_the_tree(self, path: Path, old: bytes | None) -> bool:
        """Whether a staged edit that is gone from the draft is in the tree: a person kept its experiment meanwhile.

        If the command did both instead, the guard finds the edit in the tree and moves it to the draft again.
        """
        if self._draft is None or not path.is_relative_to(self._draft) or old is None:
            return False
        kind, *parts = path.relative_to(self._draft).parts
        there = self._root.joinpath(*parts)
        if kind == "deleted":
            return not os.path.lexists(there)
        now = Signature.of(there)
        return kind == "files" and now is not None and now.is_file and there.read_bytes() == old

    def _was_settled(self, path: Path, old: bytes | None) -> bool:
        """Whether a staged edit that is gone from the draft was of an experiment that was decided on in this session meanwhile."""
        if self._draft is None or not path.is_relative_to(self._draft) or old is None:
            return False
        kind, *parts = path.relative_to(self._draft).parts
        digest = "deleted" if kind == "deleted" else hashlib.sha256(old).hexdigest()
        return any(self._staged(id_).get("/".join(parts)) == digest for id_ in self._settled)

    def _settle_journal(self, known: Kept | None) -> str | None:
        """Appending is what supervisors and people in other terminals do; all else is undone."""
        before = known.content() if known else b""
        if before is None:
            return None  # too large to keep: its own chain shows what was changed
        sound = _sound(before)
        with file_lock(self._journal.with_suffix(".lock")):
            after = self._journal.read_bytes() if self._journal.exists() else b""
            whole = _sound(after) if after.startswith(sound) else b""
            if not after.startswith(sound) or (whole != after and sound == before):
                restored = whole or before
                aside = self._set_aside(self._journal)
                if restored:
                    write_atomically(self._journal, restored)
                return f"the journal of experiments was changed by the command: it was put back{aside}"
        return self._doubt(after[len(sound) :])

    def _doubt(self, appended: bytes) -> str | None:
        """Whoever decided meanwhile elsewhere may have been the command, so the person is asked again before it counts."""
        found: dict[str, None] = {}
        for line in appended.splitlines():
            try:
                record = Record.model_validate_json(line)
            except ValidationError:
                continue
            if record.type in _DECISIONS:
                named = cast("dict[str, Any]", record.payload.get("approval") or record.payload)
                experiment = named.get("proposal_id")
                if not self._mine(record.hash) or not _sealed(record):
                    found[str(experiment or named.get("id", "?"))] = None
                elif experiment:  # a grant is of none
                    self._settled.add(str(experiment))
        self.doubted.update(found)
        return f"while the command ran, somebody decided on {', '.join(found)}: a person has to confirm it" if found else None

    def _set_aside(self, path: Path) -> str:
        if not os.path.lexists(path):
            return ""
        self._aside.mkdir(parents=True, exist_ok=True)
        aside = self._aside / f"{secrets.token_hex(4)}-{path.name}"
        shutil.move(path, aside)
        return f"; the command's version is in {aside}"


def _rules(data: bytes | None) -> bool:
    return any(line.strip() and not line.startswith(b"#") for line in (data or b"").splitlines())


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in sorted(names))


def _sealed(record: Record) -> bool:
    fields = record.model_dump(mode="json")
    del fields["hash"]
    return seal(fields) == record


def _sound(data: bytes) -> bytes:
    """The leading records that are whole, as mltui writes them, and follow one another."""
    end, seq, head = 0, 0, GENESIS
    for line in data.splitlines(keepends=True):
        try:
            record = Record.model_validate_json(line)
            fits = record.seq == seq + 1 and record.prev == head and _sealed(record)
            if not fits or line != canonical(record.model_dump(mode="json")) + b"\n":
                break
        except ValidationError:
            break
        end, seq, head = end + len(line), record.seq, record.hash
    return data[:end]
