"""The locked requirements say what pyproject.toml asks for, and name packages, versions and hashes alone."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FILES = ("base", "dev", "uv")


def blocks(name: str) -> list[str]:
    """The logical lines of a requirements file: a requirement with its hashes each."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def pins(name: str) -> dict[str, set[str]]:
    """Package to its pinned versions; several where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for block in blocks(name):
        requirement = Requirement(block.split(" --hash=")[0].strip())
        found.setdefault(canonicalize_name(requirement.name), set()).update(str(requirement.specifier).split(","))
    return found


def direct(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, with the extras and those that they include."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted: list[Requirement] = []
    lines: list[str] = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    while lines:
        requirement = Requirement(lines.pop())
        if requirement.name == "mltui":
            lines += [line for extra in requirement.extras for line in project["optional-dependencies"][extra]]
        else:
            wanted.append(requirement)
    return wanted


@pytest.mark.parametrize(("name", "extra"), [("base", "embedded"), ("base", "sweep"), ("dev", "dev")])
def test_every_direct_dependency_is_pinned_inside_its_range(name: str, extra: str):
    locked = pins(name)
    for requirement in direct(extra):
        versions = locked.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement} is not in requirements/{name}.txt: run just lock"
        for version in versions:
            assert requirement.specifier.contains(version.removeprefix("=="), prereleases=True), f"{requirement}: {version} is locked"


def test_the_runtime_is_a_part_of_what_is_tested():
    base, dev = pins("base"), pins("dev")
    assert {name: dev.get(name) for name in base} == base


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_exact_and_hashed(name: str):
    for block in blocks(name):
        assert re.match(r"[a-z0-9-]+==\S+( ; [^-]+)? +--hash=sha256:[0-9a-f]{64}", block), block[:80]


@pytest.mark.parametrize("name", FILES)
def test_no_place_is_named(name: str):
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--extra-index|--find-links|^#", text, re.MULTILINE)


def test_no_uv_lock_is_kept():
    tracked = subprocess.run(["git", "ls-files", "*uv.lock"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert tracked.stdout == ""
