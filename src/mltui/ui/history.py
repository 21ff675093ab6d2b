"""The prompts of a project's sessions, kept for the next one."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from mltui.config.paths import project_root, sessions_dir, state_dir
from mltui.core import secrets

MOST = 1_000
LONGEST = 20_000
"""Characters of a prompt that is kept; a longer one is there in its session only."""
_LARGEST = 4 * 2**20
"""Bytes at which the file is written anew with what counts."""


def history_file(cwd: Path, environ: Mapping[str, str]) -> Path:
    return state_dir(environ) / "history" / f"{sessions_dir(project_root(cwd), environ).name}.jsonl"


class PromptHistory:
    """The file of one project. What cannot be read or written is left out: nobody is kept from working by it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> list[str]:
        """The prompts, the oldest first, each where it was last used. Blocks."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return []
        found: dict[str, None] = {}
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                text = json.loads(line)
                if isinstance(text, str) and text:
                    found.pop(text, None)
                    found[text] = None
        prompts = list(found)[-MOST:]
        if len(lines) > 2 * MOST or sum(map(len, lines)) > _LARGEST:
            self._rewrite(prompts)
        return prompts

    def add(self, text: str) -> None:
        """Keeps a prompt, without the credentials in it."""
        if not text.strip() or len(text) > LONGEST:
            return
        line = _line(text)
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(line)

    def _rewrite(self, prompts: Iterable[str]) -> None:
        with contextlib.suppress(OSError):
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".history-")
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(map(_line, prompts))
            Path(name).replace(self._path)


def _line(text: str) -> bytes:
    parts: list[str] = []
    end = 0
    for secret in secrets.find(text):
        parts += (text[end : secret.start], f"[{secret.kind}]")
        end = secret.end
    return json.dumps("".join((*parts, text[end:]))).encode() + b"\n"


def matching(prompts: Iterable[str], query: str, limit: int) -> list[str]:
    """Prompts that hold every word of the query, whatever their case; the newest first."""
    words = query.lower().split()
    found: dict[str, None] = {}
    for text in reversed(list(prompts)):
        low = text.lower()
        if all(word in low for word in words):
            found.setdefault(text)
            if len(found) >= limit:
                break
    return list(found)
