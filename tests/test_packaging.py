"""What a wheel holds: everything that mltui reads at run time, and nothing that it does not."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import mltui

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def tracked(folder: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def test_every_source_and_data_file_is_inside(wheel: zipfile.ZipFile):
    names = set(wheel.namelist())
    assert {name.removeprefix("src/") for name in tracked("src/mltui")} <= names
    assert {f"mltui/_personas/{Path(name).name}" for name in tracked("personas")} <= names


def test_the_example_and_the_tools_texts_are_inside(wheel: zipfile.ZipFile):
    names = set(wheel.namelist())
    assert {"mltui/examples/digits/train.py", "mltui/examples/digits/conf/train.yaml", "mltui/examples/digits/policy.toml"} <= names
    assert {"mltui/tools/bash.md", "mltui/_personas/ml-engineer.md", "mltui/py.typed"} <= names


def test_nothing_else_is_inside(wheel: zipfile.ZipFile):
    for name in wheel.namelist():
        assert name.startswith(("mltui/", f"mltui-{mltui.__version__}.dist-info/")), name
        assert "__pycache__" not in name
        assert not name.endswith((".pyc", ".gguf", ".csv.gz"))


def test_metadata_says_what_is_needed(wheel: zipfile.ZipFile):
    metadata = Parser().parsestr(wheel.read(f"mltui-{mltui.__version__}.dist-info/METADATA").decode())
    assert metadata["Version"] == mltui.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra", [])) >= {"local", "embedded", "wandb", "sweep", "ray", "dev"}
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert needed
    assert not any(line.startswith(("llama-cpp-python", "scikit-learn")) for line in needed), "a compiler is asked for by the extras alone"


def test_the_command_is_installed(wheel: zipfile.ZipFile):
    entry_points = wheel.read(f"mltui-{mltui.__version__}.dist-info/entry_points.txt").decode()
    assert "mltui = mltui.__main__:main" in entry_points
