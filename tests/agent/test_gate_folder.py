"""A `cd` of an earlier call, seen from the gate: what is decided on is what is done, wherever it is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mltui.core.approval import PermissionRequest
from mltui.core.events import Event
from mltui.core.messages import ToolMessage
from mltui.runtime import Options, open_session
from tests.agent.test_gate import Bench
from tests.agent.test_gate import template as template
from tests.redteam.field import Attempt, Field
from tests.redteam.field import bash as bash_calls


@pytest.fixture
def bench(template: Path, tmp_path: Path) -> Iterator[Bench]:
    yield Bench(template, tmp_path, [], mode="auto")


async def bash(bench: Bench, command: str) -> str:
    return (await bench.call("Bash", command=command)).content


async def test_a_cd_lasts_and_a_redirect_is_judged_where_it_lands(bench: Bench) -> None:
    assert "[Commands start in conf]" in await bash(bench, "cd conf")
    assert (await bash(bench, "pwd")).strip() == str(bench.root / "conf")
    before = (bench.root / "conf/optim.yaml").read_bytes()
    await bash(bench, "echo 'lr: 9' > optim.yaml")
    assert (bench.root / "conf/optim.yaml").read_bytes() == before
    denied = await bench.call("Bash", command="echo x > ../.git/hooks/pre-commit")
    assert denied.denied and "belongs to git or to mltui" in denied.content
    assert "[Commands start in the workspace's folder]" in await bash(bench, "cd ..")
    assert "Commands start" not in await bash(bench, "cd .")


async def test_what_only_looks_is_judged_from_the_shells_folder(template: Path, tmp_path: Path) -> None:
    bench = Bench(template, tmp_path, [])
    (bench.root / "a/b").mkdir(parents=True)
    await bash(bench, "cd a/b")
    assert not (await bench.call("Bash", command="ls ../..")).denied
    assert bench.approver.asked == []
    assert (await bench.call("Bash", command="ls ../../..")).denied
    (request,) = bench.approver.asked
    assert isinstance(request, PermissionRequest)
    assert request.effects[0].folder == str(bench.root / "a/b"), "the person is shown where it would run"


async def test_a_subagent_and_a_persons_command_have_a_folder_of_their_own(bench: Bench) -> None:
    await bash(bench, "cd conf")
    mine = bench.gate
    for other in (mine.narrowed([bench.gate._tools["Bash"]], only_looks=False, author=lambda: "model:x"), mine.apart()):  # pyright: ignore[reportPrivateUsage]
        bench.gate = other
        assert (await bash(bench, "pwd")).strip() == str(bench.root)
        await bash(bench, "mkdir -p own && cd own")
        assert (await bash(bench, "pwd")).strip() == str(bench.root / "own")
    bench.gate = mine
    assert (await bash(bench, "pwd")).strip() == str(bench.root / "conf")


async def test_a_background_command_starts_there_and_changes_nothing(bench: Bench) -> None:
    await bash(bench, "mkdir sub; cd sub")
    await bench.call("Bash", command="pwd > here; cd /", run_in_background=True)
    while bench.gate.background.running:
        await bash(bench, "sleep 0.05")
    assert (bench.root / "sub/here").read_text().strip() == str(bench.root / "sub")
    assert (await bash(bench, "pwd")).strip() == str(bench.root / "sub")
    await bench.gate.close()


async def test_a_new_session_tells_a_model_that_thinks_it_is_elsewhere(bench: Bench) -> None:
    messages = [ToolMessage(call_id="c", name="Bash", content=await bash(bench, "mkdir sub; cd sub"))]
    bench.use(bench.approver)  # another process goes on from the same conversation
    bench.gate.folder.conversation = lambda: messages
    refused = await bench.call("Bash", command="rm -rf *")
    assert refused.is_error and "Nothing was run" in refused.content
    assert (bench.root / "train.py").exists()
    messages.append(ToolMessage(call_id="d", name="Bash", content=refused.content))
    assert (await bash(bench, "pwd")).strip() == str(bench.root)


async def test_other_tools_start_in_the_workspace(bench: Bench) -> None:
    await bash(bench, "cd conf")
    assert not (await bench.call("Read", file_path="conf/optim.yaml")).is_error


async def test_a_resumed_session_starts_in_the_workspace_and_says_so(tmp_path: Path) -> None:
    field = Field.make(tmp_path.resolve(), "none")
    await field.attempt(Attempt("one", "", "", (bash_calls("cd src"), bash_calls("pwd"), "There."), "open"))
    assert f"{field.root}/src\n" in f"{field.told}\n"
    field.events.clear()
    script = tmp_path / "again.json"
    script.write_text(json.dumps([{"calls": bash_calls("touch here")}, {"calls": bash_calls("touch there")}, {"text": "Done."}]))
    options = Options(cwd=field.root, model=f"scripted:{script}", trusted=True, mode="auto", resume="red")
    session = await open_session(options, field.person, field.environ)

    async def show(event: Event) -> None:
        field.events.append(event)

    await session.prompt("Go on.", show)
    await session.close()
    assert "This was meant for src. Nothing was run. Commands start in the workspace's folder" in field.told
    assert (field.root / "there").exists() and not list(field.root.rglob("here"))


async def test_a_cd_through_a_link_and_back_is_judged_as_bash_goes(template: Path, tmp_path: Path) -> None:
    bench = Bench(template, tmp_path, [])
    (bench.root / "x/y").mkdir(parents=True)
    (bench.root / "x/out").mkdir()
    (bench.root / "a").symlink_to("x/y")
    result = await bench.call("Bash", command="cd a/../out && cat note.txt")
    assert result.denied and len(bench.approver.asked) == 1, "to bash, `a/../out` is the link `out`, which leads out of the project"
