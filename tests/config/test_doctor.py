from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mltui import doctor
from mltui.config.schema import Sandbox
from mltui.config.trust import trust
from mltui.doctor import Check
from mltui.sandbox import choose

KEY = "sk-very-secret"


@pytest.fixture
def machine(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment with a key, a terminal and no programs but git."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    git = next(Path(folder, "git") for folder in os.environ["PATH"].split(":") if Path(folder, "git").exists())
    (bin_folder / "git").symlink_to(git)
    return environ | {
        "PATH": str(bin_folder),
        "HOME": str(tmp_path),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "ANTHROPIC_API_KEY": KEY,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "Start"], cwd=folder, check=True)
    return folder


def found(folder: Path, environ: dict[str, str]) -> dict[str, Check]:
    checks = doctor.diagnose(folder, environ)
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


def program(machine: dict[str, str], name: str, script: str) -> None:
    path = Path(machine["PATH"]) / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_sound_machine(repository: Path, machine: dict[str, str]) -> None:
    checks = found(repository, machine)
    broken = {name: check for name, check in checks.items() if check.status == "fail"}
    assert broken == {}
    assert doctor.exit_code(list(checks.values())) == 0
    for name in (
        "mltui",
        "git",
        "ripgrep",
        "trust",
        "configuration",
        "personas",
        "litellm",
        "model",
        "mlflow",
        "tracking",
        "tracking queue",
        "journal",
        "gpu",
        "terminal",
    ):
        assert checks[name].status == "ok", checks[name]
    assert "ANTHROPIC_API_KEY" in checks["model"].text
    sandbox = choose(Sandbox(), machine)
    assert checks["sandbox"].text == sandbox.describe()
    assert checks["sandbox"].status == ("ok" if sandbox.name == "bubblewrap" else "warn")


def test_a_sandbox_that_is_missing_is_told_with_what_to_do(repository: Path, machine: dict[str, str]) -> None:
    settings = Path(machine["MLTUI_HOME"]) / "config.toml"
    settings.write_text("[sandbox]\nenabled = false\n")
    check = next(check for check in doctor.diagnose(repository, machine) if check.name == "sandbox")
    assert check.status == "warn"
    assert "with all your rights" in check.text
    assert check.hint
    settings.write_text("[sandbox]\nenabled = false\nrequire = true\n")
    check = next(check for check in doctor.diagnose(repository, machine) if check.name == "sandbox")
    assert check.status == "fail"
    assert "required" in check.text


def test_credentials_are_named_and_never_shown(repository: Path, machine: dict[str, str]) -> None:
    (Path(machine["MLTUI_HOME"]) / "config.toml").write_text('[tracking]\nuri = "http://me:hunter2@127.0.0.1:1/"\n')
    text = json.dumps(doctor.as_json(doctor.diagnose(repository, machine)))
    assert KEY not in text
    assert "hunter2" not in text
    assert "does not answer" in text


def test_looking_changes_nothing(repository: Path, machine: dict[str, str]) -> None:
    before = sorted(Path(machine["HOME"]).rglob("*"))
    doctor.diagnose(repository, machine)
    assert sorted(Path(machine["HOME"]).rglob("*")) == before


def test_no_key_and_no_local_model_is_broken_and_says_what_to_set(repository: Path, machine: dict[str, str]) -> None:
    check = found(repository, {**machine, "ANTHROPIC_API_KEY": "", "MLTUI_MODEL__DEFAULT": "mistral/mistral-large-latest"})["model"]
    if check.status == "fail":
        assert "MISTRAL_API_KEY" in check.hint
    else:  # llama.cpp and the embedded model are installed and stand in
        assert check.status == "warn"
        assert "no credentials for mistral/mistral-large-latest" in check.text


def test_git_missing_no_repository_no_commit(tmp_path: Path, machine: dict[str, str]) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    check = found(folder, machine)["git"]
    assert (check.status, "git init" in check.hint) == ("warn", True)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    check = found(folder, machine)["git"]
    assert (check.status, "git commit" in check.hint) == ("warn", True)
    check = found(folder, machine | {"PATH": "/nonexistent"})["git"]
    assert (check.status, check.text) == ("fail", "is not installed")


def test_broken_configuration_and_persona_are_findings(repository: Path, machine: dict[str, str]) -> None:
    home = Path(machine["MLTUI_HOME"])
    (home / "config.toml").write_text("[limits]\nmax_turn = 1\n")
    (home / "personas").mkdir()
    (home / "personas" / "bad\x1b.md").write_text("nothing")
    checks = found(repository, machine)
    assert checks["configuration"].status == "fail"
    assert f"{home}/config.toml:2" in checks["configuration"].text
    assert "limits.max_turns" in checks["configuration"].hint
    assert checks["personas"].status == "warn"
    assert "\x1b" not in doctor.render(list(checks.values()))
    assert doctor.exit_code(list(checks.values())) == 1
    (home / "config.toml").write_text('persona = "reviwer"\n')
    check = found(repository, machine)["personas"]
    assert (check.status, "'reviewer'" in check.hint) == ("fail", True)


def test_an_untrusted_folder_is_told(repository: Path, machine: dict[str, str]) -> None:
    (repository / "AGENTS.md").write_text("x")
    check = found(repository, machine)["trust"]
    assert (check.status, "AGENTS.md" in check.text) == ("warn", True)
    trust(repository, machine)
    assert found(repository, machine)["trust"].status == "ok"


def test_a_cut_journal_is_found(repository: Path, machine: dict[str, str]) -> None:
    (repository / ".mltui").mkdir()
    (repository / ".mltui" / "journal.jsonl").write_text('{"seq": 1}\n')
    assert found(repository, machine)["journal"].status == "fail"


def store(repository: Path, schema: str | None) -> None:
    path = repository / ".mltui" / "mlflow.db"
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        if schema:
            database.execute("CREATE TABLE alembic_version (version_num TEXT)")
            database.executemany("INSERT INTO alembic_version VALUES (?)", [(schema,)] if schema != "none" else [])
    database.close()


def test_the_mlflow_store_of_another_age_is_told(repository: Path, machine: dict[str, str]) -> None:
    known, newest = doctor._migrations()
    assert newest in known
    assert len(known) > 20
    for schema, status, words in (
        (newest, "ok", "schema"),
        (min(known - {newest}), "warn", "older"),
        ("ffffffffffff", "fail", "does not know"),
        ("none", "warn", "has no schema yet"),
        (None, "fail", "is no MLflow store"),
    ):
        store(repository, schema)
        check = found(repository, machine)["tracking"]
        assert (check.status, words in check.text) == (status, True), check
    (repository / ".mltui" / "mlflow.db").write_bytes(b"not a database" * 100)
    assert found(repository, machine)["tracking"].status == "fail"


def test_a_tracking_server_that_answers(repository: Path, machine: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        check = found(repository, machine | {"MLTUI_TRACKING__URI": uri})["tracking"]
    assert (check.status, check.text) == ("ok", f"{uri} answers")


def test_gpus(repository: Path, machine: dict[str, str]) -> None:
    program(machine, "nvidia-smi", "echo 'NVIDIA X, 81559 MiB, 550.1'")
    assert found(repository, machine)["gpu"].text == "NVIDIA X, 81559 MiB, 550.1"
    program(machine, "nvidia-smi", "echo 'NVIDIA-SMI has failed'; exit 9")
    check = found(repository, machine)["gpu"]
    assert (check.status, "has failed" in check.text) == ("warn", True)


@pytest.mark.parametrize(
    ("change", "hint"),
    [({"TERM": "dumb"}, "--plain"), ({"TERM": ""}, "--plain"), ({"LANG": "C"}, "UTF-8"), ({"LANG": "", "LC_ALL": "C.UTF-8"}, "")],
)
def test_terminals(repository: Path, machine: dict[str, str], change: dict[str, str], hint: str) -> None:
    check = found(repository, machine | change)["terminal"]
    assert (check.status, hint in check.hint) == ("warn" if hint else "ok", True)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_lines_fit_unless_a_word_does_not(width: int) -> None:
    checks = [Check("configuration", "fail", "words " * 30, "hint " * 30), Check("git", "ok", "/a" * 100)]
    lines = doctor.render(checks, width).split("\n")
    assert all(len(line) <= width for line in lines if "/a/a" not in line)
    assert lines[-1] == "1 broken, 0 to know about"
    assert "/a" * 100 in doctor.render(checks, width)


def test_nothing_heavy_is_imported(repository: Path, machine: dict[str, str]) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom mltui import doctor\ndoctor.diagnose(Path.cwd(), os.environ)\nprint(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=repository, env=machine, capture_output=True, text=True, check=True)
    assert not {"litellm", "mlflow", "llama_cpp", "textual", "numpy", "pandas", "sklearn", "git"} & set(run.stdout.split())
