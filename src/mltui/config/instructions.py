"""What the person and the project want the agent to know: AGENTS.md and its kin."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mltui.config.paths import config_dir, folders_from_root, project_root

NAMES = ("AGENTS.override.md", "AGENTS.md", "CLAUDE.md")
"""Of each folder the first that is there counts."""

MAX_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class Instructions:
    """Instructions in reading order: the person's own, then from the project's root down, nearest last.

    Attributes:
        text: one section a file, headed by where it comes from; empty when there is none.
        warnings: what was left out or cut, and why, one line each.
    """

    text: str
    sources: tuple[Path, ...]
    warnings: tuple[str, ...]


def load_instructions(cwd: Path, environ: Mapping[str, str], trusted: bool = True) -> Instructions:
    """Reads the instructions that hold in a folder, 32 KiB at most in all.

    The nearest files are the most specific, so where the limit bites they come whole and the farther
    ones are cut. A file that cannot be read is a warning, never an error.
    """
    root = project_root(cwd)
    found: list[tuple[Path, Path | None]] = [(path, root) for folder in folders_from_root(cwd) if (path := _pick(folder))]
    warnings: list[str] = []
    if found and not trusted:
        names = ", ".join(str(path.relative_to(root)) for path, _ in found)
        warnings.append(f"{names}: not loaded, because this folder is not trusted yet")
        found = []
    if own := _pick(config_dir(environ)):
        found.insert(0, (own, None))

    left = MAX_BYTES
    sections: list[tuple[Path, str]] = []
    for path, inside in reversed(found):
        if left <= 0:
            warnings.append(f"{path}: left out, because the instructions nearer by fill {MAX_BYTES // 1024} KiB")
            continue
        text, size = _read(path, inside, left, warnings)
        left -= size
        if text:
            sections.insert(0, (path, text))
    body = "\n\n".join(f"Instructions from {path}:\n\n{text}" for path, text in sections)
    return Instructions(body, tuple(path for path, _ in sections), tuple(warnings))


def _pick(folder: Path) -> Path | None:
    return next((folder / name for name in NAMES if os.path.lexists(folder / name)), None)


def _read(path: Path, inside: Path | None, limit: int, warnings: list[str]) -> tuple[str, int]:
    """The file's text, of at most `limit` bytes, and its size; what goes wrong is added to `warnings`."""
    try:
        real = path.resolve(strict=True)
        if inside is not None and not real.is_relative_to(inside):
            warnings.append(f"{path}: not loaded, because it is a link that leads out of the project")
            return "", 0
        # Anything but a file (a folder, a pipe that never ends) must not be opened.
        if not real.is_file():
            warnings.append(f"{path}: not loaded, because it is not a file")
            return "", 0
        with real.open("rb") as file:
            data = file.read(limit + 1)
        size = real.stat().st_size
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself, before Python 3.13
        warnings.append(f"{path}: not loaded: {getattr(error, 'strerror', None) or error}")
        return "", 0
    cut = len(data) > limit
    try:
        text = data[:limit].decode("utf-8-sig", errors="strict")
    except UnicodeDecodeError as error:
        if not (cut and error.end == limit and limit - error.start < 4):
            warnings.append(f"{path}: not loaded, because it is not UTF-8 (byte {error.start + 1})")
            return "", 0
        text = data[: error.start].decode("utf-8-sig")
    if cut:
        warnings.append(f"{path}: cut to {limit:,} of {size:,} bytes, because instructions may fill {MAX_BYTES // 1024} KiB in all")
    return text.strip(), size
