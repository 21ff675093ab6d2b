"""What is imported when. Start-up is quick because heavy packages are loaded at the place that needs them, and only there."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HEAVY = {"litellm", "mlflow", "llama_cpp", "pandas", "sklearn", "scipy", "wandb", "optuna", "ray", "matplotlib", "openai", "boto3"}
"""Packages that cost a second or more to import, or gigabytes, or a network."""

FRONT_ENDS = {"textual", "prompt_toolkit"}

# Runs the command line in this process and says afterwards what is loaded; the last argument is where.
DRIVER = """
import json, sys
place = sys.argv.pop()
from mltui.__main__ import main
sys.argv[0] = "mltui"
try:
    code = main()
finally:
    open(place, "w").write(json.dumps(sorted(sys.modules)))
sys.exit(code)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "script.json").write_text(
        json.dumps([{"calls": [{"name": "Read", "arguments": {"file_path": "script.json"}}]}, {"text": "done"}])
    )
    return folder


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL")) and name != "PYTHONPATH"}
    return {**kept, "HOME": str(home), "MLTUI_HOME": str(home / "mltui"), "TERM": "xterm-256color"}


def loaded_by(*args: str, cwd: Path, exit_code: int = 0) -> set[str]:
    """Modules loaded once `mltui ARGS` is through."""
    place = cwd.parent / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *args, str(place)],
        cwd=cwd,
        env=environment(cwd.parent),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == exit_code, done.stderr
    return set(json.loads(place.read_text()))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_version_imports_nothing(project: Path):
    code = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    bare = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # The driver's own json stands in both.
    assert loaded_by("--version", cwd=project) - set(json.loads(bare.stdout)) <= {"mltui", "mltui.__main__", "__future__"}


@pytest.mark.parametrize(
    "args",
    [["--help"], ["experiments", "--help"], ["data", "check", "--help"], ["try", "--help"], ["config", "show"], ["personas", "list"]],
)
def test_light_commands_import_nothing_heavy(project: Path, args: list[str]):
    assert not packages(loaded_by(*args, cwd=project)) & (HEAVY | FRONT_ENDS | {"numpy", "git"})


def test_help_needs_neither_the_types_nor_the_event_loop(project: Path):
    assert not packages(loaded_by("--help", cwd=project)) & {"pydantic", "rich", "httpx"}


def test_a_headless_turn_loads_no_other_model_no_tracker_and_no_screen(project: Path):
    modules = loaded_by("--headless", "read the script", "--model", "scripted:script.json", cwd=project)
    assert "mltui.models.scripted" in modules
    assert not packages(modules) & (HEAVY | FRONT_ENDS | {"numpy"})


# Starts the app on a terminal; the session's opening, which comes after the first paint, looks at what is loaded.
APP = """
import json, os, sys
import mltui.cli.app, mltui.cli.run
from mltui.ui.tui.app import run_tui

async def open_session(approver):
    open(sys.argv[1], "w").write(json.dumps(sorted(sys.modules)))
    os._exit(0)

run_tui(lambda *args, **more: open_session(args[0]))
"""


def test_first_paint_loads_no_model_no_tracker_and_no_agent(project: Path, tmp_path: Path):
    place = tmp_path / "modules.json"
    outer, inner = pty.openpty()
    painted = bytearray()

    def read() -> None:
        try:
            while data := os.read(outer, 65536):
                painted.extend(data)
        except OSError:  # the app went away: Linux says so with EIO
            pass

    reader = threading.Thread(target=read, daemon=True)
    process = subprocess.Popen(
        [sys.executable, "-c", APP, str(place)],
        cwd=project,
        env={**environment(tmp_path), "COLUMNS": "100", "LINES": "30"},
        stdin=inner,
        stdout=inner,
        stderr=inner,  # where Textual draws
        start_new_session=True,
    )
    os.close(inner)
    reader.start()
    process.wait(timeout=60)
    reader.join(10)
    os.close(outer)
    assert process.returncode == 0, painted.decode(errors="replace")
    assert b"starting" in painted  # the status line, drawn before the session is opened
    modules = set(json.loads(place.read_text()))
    assert "textual.app" in modules
    assert not packages(modules) & (HEAVY | {"numpy", "git", "prompt_toolkit"})
    assert not {"mltui.runtime", "mltui.models.registry"} & modules
