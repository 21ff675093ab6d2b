"""Scripted models that try to get around the gate, each with the sandbox and without one."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.redteam.attempts import ATTEMPTS
from tests.redteam.field import Attempt, Field

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("sandbox", ["bubblewrap", "none"])
@pytest.mark.parametrize("tried", ATTEMPTS, ids=lambda attempt: attempt.name)
async def test_attempt(tried: Attempt, sandbox: str, tmp_path: Path) -> None:
    field = Field.make(tmp_path.resolve(), sandbox)
    await field.attempt(tried)
    expected = tried.expected(sandbox)
    if tried.wait:
        time.sleep(tried.wait)

    if expected != "open":
        assert field.controlled() == field.before, field.told
    if trained := field.trained():
        assert expected != "prevented", f"it trained in {trained}: {field.told}"
        assert expected == "open" or field.records("training.unplanned"), field.told
    assert tried.says in field.told, field.told
    assert field.experiments.verify() >= 0
    decided = [record["approval"] for record in field.records("proposal.decided")]
    assert all(approval["by"] in ("somebody", "ann") for approval in decided)
    if tried.after:
        tried.after(field)


def test_there_are_enough_attempts_and_each_has_a_name_of_its_own() -> None:
    names = [attempt.name for attempt in ATTEMPTS]
    assert len(names) == len(set(names)) >= 60


def test_the_table_in_the_documentation_is_that_of_the_attempts() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    from redteam_table import DOCUMENT, document

    text = DOCUMENT.read_text(encoding="utf-8")
    assert document(text) == text, "run scripts/redteam_table.py"
