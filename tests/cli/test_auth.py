"""`mltui auth`, as a real process."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "MLTUI_HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


def mltui(environ: dict[str, str], cwd: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mltui", "auth", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, env=environ, cwd=cwd, timeout=60, check=False)


def test_a_key_is_kept_shown_as_kept_and_forgotten(environ: dict[str, str], tmp_path: Path) -> None:
    missing = mltui(environ, tmp_path, "status")
    assert missing.returncode == 41
    assert "mltui auth login anthropic" in missing.stdout

    kept = mltui(environ, tmp_path, "login", stdin="sk-secret\n")
    assert kept.returncode == 0, kept.stderr
    file = tmp_path / "home" / "auth.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "sk-secret" not in kept.stdout + kept.stderr

    shown = mltui(environ, tmp_path, "status", "--json")
    assert shown.returncode == 0
    rows = {row["provider"]: row for row in json.loads(shown.stdout)}
    assert rows["anthropic"]["source"] == "auth.json (mode 0600)"
    assert {"default", "architect", "small"} <= set(rows["anthropic"]["roles"])
    assert "sk-secret" not in shown.stdout

    over = mltui(environ | {"ANTHROPIC_API_KEY": "other"}, tmp_path, "status")
    assert "ANTHROPIC_API_KEY in the environment" in over.stdout

    assert mltui(environ, tmp_path, "logout").returncode == 0
    assert "sk-secret" not in file.read_text()
    assert mltui(environ, tmp_path, "logout", "anthropic").returncode == 2


@pytest.mark.parametrize(
    ("words", "stdin", "says"),
    [
        (("login", "antropic"), "k", "Did you mean anthropic?"),
        (("login", "bedrock"), "k", "more than one key"),
        (("login", "ollama"), "k", "needs no key"),
        (("login", "openai"), "", "no key on stdin"),
        (("login", "openai"), "two words", "one line without blanks"),
    ],
)
def test_mistakes_are_one_line(environ: dict[str, str], tmp_path: Path, words: tuple[str, ...], stdin: str, says: str) -> None:
    done = mltui(environ, tmp_path, *words, stdin=stdin)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
