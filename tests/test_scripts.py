"""The scripts that set the environment up, with a stand-in for uv on PATH: no network, no compiler, no minutes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SYSTEM = (
    *("awk", "bash", "cat", "chmod", "cmp", "cp", "cut", "getconf", "git", "grep"),
    *("ln", "mkdir", "readlink", "rm", "sleep", "tail", "touch"),
)

# Records its arguments, and makes what `uv venv` and `uv pip install` make, as far as the scripts look at it.
FAKE_UV = """#!/usr/bin/env bash
echo "$*" >>"$UV_CALLS"
[[ $1 != --version ]] || { echo "uv 9.9.9 (stand-in)"; exit 0; }
[[ -z ${UV_SAYS:-} || $1 == venv ]] || { echo "$UV_SAYS" >&2; exit 2; }
if [[ $1 == venv ]]; then
    for folder; do :; done
    rm -rf "$folder"; mkdir -p "$folder/bin"; ln -s "$UV_PYTHON_FOR_TESTS" "$folder/bin/python"
else
    [[ -z ${UV_SLEEPS:-} ]] || { touch "$UV_CALLS.sleeping"; sleep "$UV_SLEEPS"; }
    case " $* " in *" --editable "*)
        for folder; do [[ ! -f $folder/scripts/mltui ]] || break; done
        echo 'import sys; print("ran", *sys.argv[1:]); sys.exit(7)' >"$folder/.venv/bin/mltui" ;;
    esac
fi
"""


@dataclass
class Checkout:
    """A bare copy of the scripts and the requirements, and a PATH with nothing but what is named."""

    root: Path
    tools: Path
    calls: Path
    env: dict[str, str] = field(default_factory=dict[str, str])

    def link(self, *names: str) -> None:
        for name in names:
            found = shutil.which(name)
            assert found, name
            (self.tools / name).symlink_to(found)

    def start(self, *args: str, script: str = "mltui", **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "scripts" / script, *args],
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str, script: str = "mltui", **env: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*args, script=script, **env)
        out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def installs(self) -> list[str]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if not line.startswith("--version")]


def compiler(tools: Path) -> None:
    for name in ("cc", "c++"):
        (tools / name).write_text("#!/bin/sh\n")
        (tools / name).chmod(0o755)


@pytest.fixture
def bare(tmp_path: Path) -> Checkout:
    """A machine with the system's own tools and no more."""
    root = tmp_path / "check out"  # a blank in the path, as people have them
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "requirements", root / "requirements")
    tools = tmp_path / "bin"
    tools.mkdir()
    calls = tmp_path / "calls"
    env = {"PATH": str(tools), "HOME": str(tmp_path), "UV_CALLS": str(calls), "UV_PYTHON_FOR_TESTS": sys.executable}
    checkout = Checkout(root, tools, calls, env)
    checkout.link(*SYSTEM, "env")
    return checkout


@pytest.fixture
def machine(bare: Checkout) -> Checkout:
    """A machine with Python, a compiler and the stand-in for uv."""
    (bare.tools / "python3").symlink_to(sys.executable)
    compiler(bare.tools)
    (bare.tools / "uv").write_text(FAKE_UV)
    (bare.tools / "uv").chmod(0o755)
    return bare


def test_sets_up_once_and_passes_arguments_and_status_on(machine: Checkout):
    first = machine.run("try", "--dir", "a b")
    assert (first.stdout, first.returncode) == ("ran try --dir a b\n", 7)
    assert "installing the locked packages: done" in first.stderr
    made = machine.installs()
    assert [line.split()[0] for line in made] == ["venv", "pip", "pip", "pip"]
    assert all("--require-hashes" in line for line in made[1:3])

    second = machine.run("--version")
    assert (second.stdout, second.stderr, second.returncode) == ("ran --version\n", "", 7)
    assert machine.installs() == made


def test_llama_cpp_is_installed_apart_from_everything_else(machine: Checkout):
    machine.run()
    names = [
        {line.split("==")[0] for line in (machine.root / ".venv-tools" / name).read_text().splitlines() if "==" in line}
        for name in ("llama.txt", "packages.txt")
    ]
    assert names[0] == {"llama-cpp-python"}
    assert {"mlflow", "litellm"} <= names[1]
    assert "llama-cpp-python" not in names[1]


def test_runs_from_anywhere_and_through_a_link(machine: Checkout, tmp_path: Path):
    machine.run()
    link = tmp_path / "elsewhere"
    link.symlink_to(machine.root / "scripts" / "mltui")
    done = subprocess.run([link, "x"], env=machine.env, cwd="/", capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("ran x\n", "")


def test_changed_requirements_are_installed(machine: Checkout):
    machine.run()
    before = machine.installs()
    with (machine.root / "requirements" / "base.txt").open("a") as file:
        file.write("more==1.0 \\\n    --hash=sha256:00\n")
    machine.run()
    later = machine.installs()[len(before) :]
    assert [line.split()[0] for line in later] == ["pip", "pip", "pip"]  # into the same folder
    machine.run()
    assert len(machine.installs()) == len(before) + 3


def test_moved_checkout_is_installed_again(machine: Checkout):
    machine.run()
    before = len(machine.installs())
    machine.root = machine.root.rename(machine.root.with_name("moved"))
    assert machine.run("x").stdout == "ran x\n"
    assert len(machine.installs()) > before


def test_environment_whose_python_is_gone_is_made_anew(machine: Checkout):
    machine.run()
    python = machine.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    before = len(machine.installs())
    assert machine.run("x").stdout == "ran x\n"
    assert machine.installs()[before].startswith("venv --clear")


def test_failed_set_up_is_not_taken_for_a_finished_one(machine: Checkout):
    failed = machine.run(UV_SAYS="something else went wrong")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "something else went wrong" in failed.stderr
    before = len(machine.installs())
    assert machine.run("x").stdout == "ran x\n"
    assert machine.installs()[before].startswith("venv --clear")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("error: failed to write: No space left on device (os error 28)", "the disk is full"),
        ("error: Request failed: dns error: failed to lookup address", "the package registry cannot be reached"),
        ("error: Permission denied (os error 13)", "no permission to write"),
    ],
)
def test_failure_is_one_line_that_says_why(machine: Checkout, said: str, told: str):
    failed = machine.run(UV_SAYS=said)
    assert failed.returncode == 1
    assert told in failed.stderr.splitlines()[-1]
    assert said not in failed.stderr


def test_interrupt_ends_the_installer_and_the_next_run_starts_over(machine: Checkout):
    process = machine.start(UV_SLEEPS="30")
    sleeping = Path(f"{machine.calls}.sleeping")
    while not sleeping.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "interrupted; run it again" in err
    before = len(machine.installs())
    assert machine.run("x").stdout == "ran x\n"
    assert machine.installs()[before].startswith("venv --clear")


@pytest.mark.slow
def test_two_at_once_set_up_once(machine: Checkout):
    first = machine.start("a", UV_SLEEPS="1")
    while not Path(f"{machine.calls}.sleeping").exists():
        assert first.poll() is None
        time.sleep(0.02)
    second = machine.start("b")
    assert first.communicate(timeout=30)[0] == "ran a\n"
    out, err = second.communicate(timeout=30)
    assert (out, second.returncode) == ("ran b\n", 7)
    assert "another set-up of this checkout is under way" in err
    assert sum(line.startswith("venv") for line in machine.installs()) == 1


def test_a_development_environment_stays_one(machine: Checkout):
    machine.run(script="test")  # the stand-in's Python then fails to find the tests, which is not looked at here
    assert "pytest==" in (machine.root / ".venv-tools" / "packages.txt").read_text()
    before = len(machine.installs())
    assert machine.run("x").stdout == "ran x\n"
    assert len(machine.installs()) == before


def test_no_python(bare: Checkout):
    done = bare.run()
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_old_python_is_no_python(bare: Checkout):
    old = bare.tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert "Python 3.11 or newer is needed" in bare.run().stderr


def test_no_compiler(bare: Checkout):
    (bare.tools / "python3").symlink_to(sys.executable)
    done = bare.run()
    assert "a C and C++ compiler is needed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_git(bare: Checkout):
    (bare.tools / "python3").symlink_to(sys.executable)
    (bare.tools / "git").unlink()
    assert "git is needed" in bare.run().stderr


def sizes(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "check_sizes.py", root], capture_output=True, text=True, check=False, env=dict(os.environ)
    )


def test_sizes_at_the_limit_pass(tmp_path: Path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("def f():\n" + "    pass\n" * 59 + "# more\n" * 340)
    assert sizes(tmp_path).returncode == 0


def test_sizes_over_the_limit_fail_with_a_list(tmp_path: Path):
    (tmp_path / "src").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "src" / "a.py").write_text("class A:\n    async def f(self):\n" + "        pass\n" * 60 + "# more\n" * 340)
    (tmp_path / "tests" / "b.py").write_text("\n" * 601)
    done = sizes(tmp_path)
    assert done.returncode == 1
    assert "a.py has 402 lines, over 400" in done.stdout
    assert "f has 61 lines, over 60" in done.stdout
    assert "b.py has 601 lines, over 600" in done.stdout


def test_event_schema_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "events_schema.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
