"""A commit message made from a diff, by whichever model can be had."""

from __future__ import annotations

import pytest

from mltui.agent.commit_message import Commits, clean_message
from mltui.core.commits import PendingCommit
from mltui.core.errors import AuthError
from mltui.core.events import Event, UsageAdded
from mltui.models.base import Model
from mltui.models.scripted import ScriptedModel, Step
from tests.fake_history import PATCH

PENDING = PendingCommit(staged=True, patch=PATCH, paths=("a.py",))


class Nothing:
    async def pending(self) -> PendingCommit:
        return PENDING

    async def commit(self, pending: PendingCommit, message: str) -> str:
        return message

    async def recent(self) -> str:
        return "Earlier subject"


async def message(small: ScriptedModel | None, own: ScriptedModel, hint: str = "") -> tuple[str, list[Event]]:
    noted: list[Event] = []

    async def make() -> Model:
        if small is None:
            raise AuthError("no key")
        return small

    async def note(event: Event, show: object) -> None:
        noted.append(event)

    async def show(event: Event) -> None:
        pass

    commits = Commits(Nothing(), make, lambda: own, note)
    return await commits.message(await commits.pending(), hint, show), noted


def playing(*steps: Step) -> ScriptedModel:
    return ScriptedModel(steps)


async def test_the_small_model_writes_it_and_what_it_used_is_counted() -> None:
    text, noted = await message(playing(Step(text="Set x to 2")), playing())
    assert text == "Set x to 2"
    (used,) = noted
    assert isinstance(used, UsageAdded)
    assert used.source == "commit_message"
    assert used.usage.output_tokens > 0


async def test_without_a_small_model_the_sessions_own_does() -> None:
    assert (await message(None, playing(Step(text="By the other"))))[0] == "By the other"


async def test_without_any_the_person_gets_the_hint_or_the_files() -> None:
    assert (await message(None, playing(Step(error="unavailable")), "what I said"))[0] == "what I said"
    assert (await message(None, playing(Step(error="unavailable"))))[0] == "Change a.py"


@pytest.mark.parametrize(
    ("said", "message"),
    [("```\nFix it\n\nWhy.\n```", "Fix it\n\nWhy."), ("```text\nFix it", "Fix it"), ("  Fix \x1b[31mit  \n", "Fix [31mit")],
)
def test_what_models_put_around_it_is_taken_off(said: str, message: str) -> None:
    assert clean_message(said) == message
