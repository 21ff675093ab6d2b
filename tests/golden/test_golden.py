"""Whole sessions against what was recorded: `just golden` writes the files again; read their diff."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.project import Project

HERE = Path(__file__).parent


def settled(text: str, project: Project) -> str:
    """The text without what differs from run to run."""
    text = text.replace(str(project.root), "/project").replace(str(HERE), "/golden")
    text = re.sub(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "SESSION", text)
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "DIGEST", text)
    return re.sub(r"\d+(\.\d+)? ?(ms|s)\b", "TIME", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coding", "refusals", "experiment"])
def test_a_session_reads_as_recorded(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    project = Project.make(tmp_path)
    allowed = "Edit,Bash(python -c *)"
    args = ("--headless", "go", "--model", f"scripted:{HERE / name}.json", "--trust", "--denied-ok", "--session-id", "golden")
    done = project.mltui(*args, "--allowed-tools", allowed, "--approval-policy", "policy.toml")
    assert done.code == 0, done.err
    (session,) = project.home.rglob("golden.jsonl")
    replayed = project.mltui("replay", str(session))
    assert replayed.code == 0, replayed.err

    text = settled(replayed.out, project)
    golden = HERE / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text()
