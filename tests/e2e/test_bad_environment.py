"""What can be wrong around mltui itself: streams that are closed, an odd locale, a full disk, folders that may not be written, git."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from .project import Done, Project


def shell(project: Project, command: str, **env: str) -> Done:
    """Runs a shell line in which `$mltui` is the program."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=project.root,
        env=project.environ(mltui=f"{sys.executable} -m mltui", **env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def script(project: Project, *steps: object) -> str:
    path = project.root.parent / "script.json"
    path.write_text(json.dumps(steps))
    return f"scripted:{path}"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$mltui --version >&-", 0),
        ("$mltui config show <&- >&-", 0),
        ("$mltui config show 2>&-", 0),
        ("$mltui config show | head -1; exit ${PIPESTATUS[0]}", 0),
        ("$mltui config show > /dev/full", 1),
    ],
)
def test_closed_streams_are_no_traceback(project: Project, line: str, code: int) -> None:
    done = shell(project, line)

    assert done.code == code, done.err
    assert "Traceback" not in done.err
    if code:
        assert "No space left on device" in done.err


def test_a_headless_run_with_every_stream_closed_does_its_task(project: Project) -> None:
    model = script(project, {"calls": [{"name": "Write", "arguments": {"file_path": "made.txt", "content": "x"}}]}, "ok")
    done = shell(project, f"$mltui -p go --model {model} --trust --permission-mode accept-edits <&- >&- 2>&-")

    assert done.code == 0
    assert project.read("made.txt") == "x"


def test_signs_that_the_terminal_lacks_are_replaced(project: Project) -> None:
    project.mltui("-p", "go", "--model", script(project, "Größe ◆"), "--trust", "--session-id", "abc")
    done = shell(project, "$mltui sessions show abc", PYTHONIOENCODING="latin-1")

    assert (done.code, "Traceback" in done.err) == (0, False)
    assert "?" in done.out


@pytest.mark.parametrize("home", ["/proc/nowhere", "/dev/null/x"])
def test_a_home_that_cannot_be_written_names_the_variable(project: Project, home: str) -> None:
    done = project.mltui("-p", "go", "--model", script(project, "x"), "--trust", MLTUI_HOME=home)

    assert done.code == 52
    assert "Set MLTUI_HOME" in done.err
    assert "Traceback" not in done.err


def test_a_configuration_that_is_a_link_to_nowhere_is_not_passed_over(project: Project) -> None:
    path = project.root / ".mltui/config.toml"
    path.unlink()
    path.symlink_to("config.toml")

    for args in (("config", "check"), ("experiments", "show", "P-0001"), ("-p", "go", "--trust", "--model", script(project, "x"))):
        done = project.mltui(*args)
        assert done.code == 52
        assert "config.toml: cannot be read" in done.err + done.out


def test_a_broken_persona_file_is_told_at_start_also_when_another_is_played(project: Project) -> None:
    folder = project.root / ".mltui/personas"
    folder.mkdir()
    (folder / "x.md").write_text("---\nname: [\n---\nhi\n")
    done = project.mltui("-p", "go", "--trust", "--model", script(project, "x"))

    assert (done.code, done.out) == (0, "x\n")
    assert "x.md:3: the front matter is not YAML" in done.err


@pytest.mark.slow
def test_leaving_a_run_says_that_it_goes_on(project: Project) -> None:
    train = project.root / "train.py"
    train.write_text(train.read_text() + "import time\ntime.sleep(30)\n")
    line = "timeout --preserve-status -s INT 4 $mltui experiments baseline"
    project.mltui("-p", "go", "--model", script(project, "x"), "--trust")
    done = shell(project, f"set -m; {line}")

    assert done.code == 130, done.err
    assert "B-0001 goes on" in done.err
    stopped = project.mltui("experiments", "stop", "B-0001")
    assert stopped.code == 0, stopped.err
    assert json.loads(project.mltui("experiments", "list", "--json").out)[0]["state"] == "stopped"


@pytest.mark.skipif(shutil.which("script") is None, reason="needs util-linux's script")
def test_a_dumb_terminal_gets_the_line_mode(project: Project) -> None:
    line = f"printf 'hello\\n' | script -qec '$mltui --trust --model {script(project, 'I am here')}' /dev/null"
    done = shell(project, line, TERM="dumb")

    assert "cannot show the app" in done.out
    assert "I am here" in done.out
