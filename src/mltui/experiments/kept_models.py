"""The model that a run left: kept beside the run's folder, where no run can write, with its digest."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath


class ModelMissing(ValueError):
    """The declared artifact is not there, or is nothing that can be kept; the text is one line for the person."""


def keep_model(artifact: str, sources: Sequence[Path], target: Path, logged: Path | None = None) -> tuple[Path, str]:
    """Keeps the artifact of the first folder that has it. Files are linked where the disk can, so that gigabytes cost nothing.

    Args:
        artifact: a file or folder, relative to a source.
        target: a folder for it; what is there goes.
        logged: where a model of that name lies that the run logged to its tracker, in case no source has it.

    Returns: where it is now, and its SHA-256; of a folder, over digest and name of each file, sorted.

    Raises: ModelMissing: no source has it, or it is a link out of the source, or nothing but files and folders.
    """
    path = PurePosixPath(artifact)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ModelMissing(f"[promotion] artifact = {artifact!r} has to be a path inside the run's folder")
    for source, place in [*((source, source / path) for source in sources), *([(logged, logged)] if logged else [])]:
        found = Path(os.path.realpath(place))
        if not found.exists():
            continue
        if not found.is_relative_to(os.path.realpath(source)):
            raise ModelMissing(f"the model {artifact} is a link to a place outside the run")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        kept = target / path.name
        if found.is_file():
            return kept, _keep_file(found, kept)
        if found.is_dir():
            lines = sorted(f"{_keep_file(found / name, kept / name)} {name}\n" for name in _files(found))
            if not lines:
                raise ModelMissing(f"the model {artifact} is an empty folder")
            return kept, hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
        raise ModelMissing(f"the model {artifact} is neither a file nor a folder")
    where = "in its folder or $MLTUI_RUN_DIR, and logged no model of that name"
    raise ModelMissing(f"the run left no {artifact}, which [promotion] artifact names, {where}")


def model_digest(path: Path) -> str:
    """The SHA-256 of a kept model as it is now, made as `keep_model` makes it. Raises: OSError: it cannot be read."""
    if path.is_dir():
        lines = sorted(f"{_digest(path / name)} {name}\n" for name in _files(path))
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return _digest(path)


def _files(folder: Path) -> Iterator[str]:
    """Plain files below a folder; links are passed over."""
    for top, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(top, name)
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix()


def _keep_file(source: Path, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return _digest(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
