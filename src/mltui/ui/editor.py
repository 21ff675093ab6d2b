"""The person's own editor, for a text that outgrows the prompt."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mltui.core.errors import MltuiError


def editor(environ: Mapping[str, str]) -> list[str]:
    """The command of $VISUAL or $EDITOR. Raises: MltuiError: neither is set, or it cannot be read."""
    named = environ.get("VISUAL") or environ.get("EDITOR") or ""
    try:
        command = shlex.split(named)
    except ValueError as error:
        raise MltuiError(f"$VISUAL or $EDITOR cannot be read: {error}") from None
    if not command:
        raise MltuiError("There is no editor to open", hint="Name one: export EDITOR=nano, and start mltui anew")
    return command


def edit(command: list[str], text: str, suffix: str = ".md") -> str:
    """Opens the text in an editor that has the terminal, and waits. Returns: the text as it was saved, without its last line end.

    Args: suffix: of the file, by which editors know what it is.

    Raises: MltuiError: the editor cannot be started or failed, or what it saved is no text.
    """
    descriptor, name = tempfile.mkstemp(prefix="mltui-prompt-", suffix=suffix)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            code = subprocess.run([*command, name], check=False).returncode
        except OSError as error:
            raise MltuiError(f"{command[0]} cannot be started: {error.strerror}", hint="Set $EDITOR to an editor that is there") from None
        if code:
            raise MltuiError(f"{command[0]} ended with {code}", hint="The text is as it was")
        try:
            return path.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError):
            raise MltuiError(f"What {command[0]} saved cannot be read", hint="The text is as it was") from None
    finally:
        path.unlink(missing_ok=True)
