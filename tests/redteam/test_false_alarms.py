"""Ordinary work in fresh clones of five kinds of projects: nobody is asked more than without the gate, and everything works as well."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mltui.core.approval import ApprovalRequest, Decision, TrustRequest
from mltui.core.events import Event, ToolCompleted
from mltui.runtime import Options, open_session
from tests.redteam.field import AUTHOR, Field
from tests.redteam.projects import KINDS, Kind

NOTHING = "[experiments]\ndetect = false\n" + "".join(
    f'{key} = ["!**"]\n' for key in ("training", "configs", "prompts", "data", "evaluation")
)


class Willing:
    """Allows everything and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        self.asked.append(request.kind)
        return Decision(answer="approve", by="somebody")


def clone(kind: Kind, folder: Path, settings: str) -> Field:
    """A fresh clone, with the settings that the person has."""
    origin = folder / "origin"
    for name, text in kind.files.items():
        path = origin / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (origin / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n.mltui/\n")
    git = ["git", *AUTHOR, "-C", str(origin)]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *arguments], check=True)
    field = Field(folder / "clone", folder / "home", folder / "user", "bubblewrap")
    field.user.mkdir()
    subprocess.run(["git", "clone", "-q", str(origin), str(field.root)], check=True)
    field.git("config", "user.name", "Ann")
    field.git("config", "user.email", "ann@example.org")
    if settings:
        field.write(".mltui/config.toml", settings)
    return field


async def work(kind: Kind, folder: Path, mode: str, settings: str = "") -> tuple[Field, list[str], list[ToolCompleted]]:
    folder.mkdir()
    field = clone(kind, folder.resolve(), settings)
    script = folder / "script.json"
    script.write_text(json.dumps([*({"calls": step} for step in kind.work), {"text": "done"}]))
    person = Willing()
    options = Options(cwd=field.root, model=f"scripted:{script}", trusted=True, mode=mode)
    session = await open_session(options, person, field.environ)

    async def show(event: Event) -> None:
        field.events.append(event)

    try:
        await session.prompt("Some ordinary work.", show)
    finally:
        await session.close()
    return field, person.asked, [event for event in field.events if isinstance(event, ToolCompleted)]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["default", "accept-edits"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.replace(" ", "-"))
async def test_ordinary_work_is_asked_about_as_often_as_without_the_gate(kind: Kind, mode: str, tmp_path: Path) -> None:
    gated, asked, results = await work(kind, tmp_path / "gated", mode)
    free, asked_freely, free_results = await work(kind, tmp_path / "free", mode, NOTHING)

    assert asked == asked_freely
    failed = [result.content for result in results if result.is_error]
    assert failed == [result.content for result in free_results if result.is_error] == []
    assert not [result.content for result in results if "under experiment" in result.content]
    # The same work was done: what is committed is equal, and nothing waits in a draft.
    assert gated.git("rev-parse", "HEAD^{tree}") == free.git("rev-parse", "HEAD^{tree}")
    assert gated.git("status", "--short") == ""
    assert not list(gated.root.glob(".mltui/drafts/*/*/*"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.replace(" ", "-"))
def test_what_is_under_experiment_is_found_and_nothing_else(kind: Kind, tmp_path: Path) -> None:
    field = clone(kind, tmp_path.resolve(), "")

    assert {path.relative_to(field.root).as_posix() for path in field.experiments.control.files()} == kind.controlled
