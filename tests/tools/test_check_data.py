"""CheckData: in a process of its own, on the draft where there is one, and on nothing that may not be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mltui.capabilities.files import SessionFiles
from mltui.core.effects import Effect, Grant
from mltui.core.errors import DeniedError, InvalidArgumentsError, ToolError, UndeclaredEffectError
from mltui.tools.base import DataQuestion
from tests.experiments.data.made import rows, write
from tests.tools.conftest import Agent


@pytest.mark.slow
async def test_what_is_found_comes_as_text_and_as_details(agent: Agent) -> None:
    data = rows(200, 1)
    data[3][2] = "\x1b[31mred\x1b]0;x\x07"
    write(agent.root / "train.csv", data)
    write(agent.root / "test.csv", [*rows(80, 2), *data[:5]])
    result = await agent.call("CheckData", train="train.csv", test="test.csv", target="label")
    assert "rows of test that are in train too: 5" in result.content
    assert result.details["errors"] == 1
    assert "\x1b" not in result.content and "\x07" not in result.content
    assert len(result.content.splitlines()) <= 60
    assert not result.is_error


@pytest.mark.slow
async def test_a_staged_file_is_checked_as_it_is_staged(agent: Agent) -> None:
    path = write(agent.root / "a.csv", rows(100, 1))
    twice = write(agent.root / "twice.csv", [*rows(100, 1), *rows(100, 1)]).read_bytes()
    agent.draft.write(path, twice)
    (agent.root / "twice.csv").unlink()
    assert "repeat an earlier one: 100" in (await agent.call("CheckData", path="a.csv")).content
    assert "repeat an earlier one: 100" in (await agent.call("CheckData", path=".")).content


async def test_what_may_not_be_read_is_left_out_of_a_folder(agent: Agent, tmp_path: Path) -> None:
    (agent.root / "data").mkdir()
    write(agent.root / "data" / "a.csv", rows(50, 1))
    write(agent.root / "data" / "secret.csv", rows(50, 2))
    outside = write(tmp_path / "outside.csv", rows(50, 3))
    (agent.root / "data" / "link.csv").symlink_to(outside)
    (agent.root / "data" / "other.csv").symlink_to("secret.csv")
    agent.files = SessionFiles(agent.draft, may_read=lambda path: path.name != "secret.csv")
    result = await agent.call("CheckData", path="data")
    assert [item["name"] for item in result.details["looked"]] == ["data/a.csv"]  # type: ignore[index,union-attr]
    assert "2 files that may not be read" in result.content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no data is named"),
        ({"path": "a.csv", "target": "lable"}, r"no column 'lable' for the target.*Nearest: label"),
        ({"path": "b.csv"}, r"b\.csv does not exist.*Nearest in that folder: a\.csv"),
        ({"path": "broken.parquet"}, r"broken\.parquet cannot be read as parquet"),
        ({"path": "pickled.npy"}, r"cannot be read as npy|Python objects"),
    ],
)
async def test_mistakes_are_told(agent: Agent, arguments: dict[str, str], message: str) -> None:
    write(agent.root / "a.csv", rows(50, 1))
    (agent.root / "broken.parquet").write_bytes(b"PAR1 no")
    (agent.root / "pickled.npy").write_bytes(b"\x80\x04\x95")
    with pytest.raises((ToolError, InvalidArgumentsError), match=message):
        await agent.call("CheckData", **arguments)


async def test_a_link_that_took_the_place_of_a_file_is_not_followed(agent: Agent, tmp_path: Path) -> None:
    path = write(agent.root / "a.csv", rows(50, 1))
    outside = write(tmp_path / "outside.csv", rows(50, 3))
    shutil.copy(outside, agent.root / "b.csv")
    granted = agent.files.granted([Grant(effect=Effect(kind="read", target=str(path)))])
    with pytest.raises(UndeclaredEffectError):
        await granted.check_data(DataQuestion((("", agent.root / "b.csv", "b.csv"),)))
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(DeniedError, match="not what was approved"):
        await granted.check_data(DataQuestion((("", path, "a.csv"),)))
