"""Which tools a model is offered when its window is small."""

from __future__ import annotations

from pathlib import Path

import pytest

from mltui.agent.toolset import SHARE, fitting
from mltui.core.approval import Decision
from mltui.models import tokens
from mltui.runtime import Options, open_session
from mltui.tools.base import spec
from mltui.tools.catalog import catalog


def declared(names: list[str]) -> int:
    return sum(tokens.of_tool(spec(tool)) for tool in catalog() if tool.name in names)


@pytest.mark.parametrize("window", [None, 32_768, 200_000])
def test_a_window_with_room_is_offered_all(window: int | None) -> None:
    kept, left_out = fitting(catalog(), window)
    assert [tool.name for tool in kept] == [tool.name for tool in catalog()]
    assert left_out == ()


def test_a_small_window_keeps_what_reads_changes_runs_and_proposes() -> None:
    kept, left_out = fitting(catalog(), 8_192)
    names = [tool.name for tool in kept]
    assert {"Read", "Grep", "Glob", "Edit", "Write", "Bash", "ProposeExperiment", "ExperimentStatus", "ConcludeExperiment"} <= set(names)
    assert declared(names) < 1.05 * SHARE * 8_192
    assert sorted([*names, *left_out]) == sorted(tool.name for tool in catalog())


def test_no_more_goes_than_must() -> None:
    _, left_out = fitting(catalog(), 15_000)
    assert left_out == ("ProposeSweep", "NotebookRun")


class Nobody:
    async def decide(self, request: object) -> Decision:
        raise AssertionError(request)


@pytest.mark.local
async def test_the_embedded_model_has_room_for_a_conversation(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    environ = {"MLTUI_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    session = await open_session(Options(cwd=tmp_path / "project", trusted=True), Nobody(), environ)
    try:
        found = await session.context()
        assert found.free is not None
        assert found.free > 2_000
    finally:
        await session.close()
