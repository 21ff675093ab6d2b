"""What a shell command says beside its output: the folder in which it ended, and an answer to who called it."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from io import FileIO
from pathlib import Path

ANSWER = "MLTUI_ANSWER"
"""The variable that names the descriptor for the answer."""
LARGEST_ANSWER = 50_000_000
"""Bytes of an answer that are read."""
_MOVES = re.compile(r"\b(?:cd|pushd|popd)\b")
_LONGEST_PATH = 16_384


class SaidAside:
    """How a command is started so that it can say something aside, through files of no name that it inherits. To be closed.

    All of it is the command's word: it may have written anything there. One that changes no folder runs as it is; one that replaces
    the shell, or what bash does as it exits, says nothing of its folder.

    Args:
        folder: ask bash for its folder as it exits.
        answer: let the command write an answer.
    """

    def __init__(self, program: str, command: str, *, folder: bool, answer: bool) -> None:
        self._argv = [program, "-c", command]
        self._open = contextlib.ExitStack()
        self._folder = self._file(folder and Path(program).name == "bash" and _MOVES.search(command) is not None)
        self._answer = self._file(answer)
        if self._folder is not None:
            # In an `eval`, so that lines and errors of the command are counted and shown as its own. A folder that was removed has
            # no name but the one that bash remembers.
            asked = f'{{ command pwd -P || echo "$PWD"; }} >&{self._folder.fileno()} 2> /dev/null || :'
            question = f"trap '{asked}' EXIT; eval \"shift; $1\""
            self._argv = [program, "-c", question, program, command]

    def __enter__(self) -> SaidAside:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def argv(self) -> list[str]:
        """The command line to start."""
        return self._argv

    @property
    def inherited(self) -> tuple[int, ...]:
        """The descriptors that it must inherit."""
        return tuple(file.fileno() for file in (self._folder, self._answer) if file is not None)

    @property
    def variables(self) -> dict[str, str]:
        """Variables for it."""
        return {} if self._answer is None else {ANSWER: str(self._answer.fileno())}

    def folder(self) -> Path | None:
        """Where it ended; None where it said nothing that can be a folder."""
        said = os.fsdecode(_read(self._folder, _LONGEST_PATH)).removesuffix("\n")
        return Path(said) if said.startswith("/") and "\0" not in said else None

    def answer(self) -> bytes:
        return _read(self._answer, LARGEST_ANSWER)

    def _file(self, wanted: bool) -> FileIO | None:
        return self._open.enter_context(tempfile.TemporaryFile(buffering=0)) if wanted else None


def _read(file: FileIO | None, most: int) -> bytes:
    if file is None:
        return b""
    file.seek(0)
    found = b""
    while len(found) < most and (piece := file.read(most - len(found))):
        found += piece
    return found
