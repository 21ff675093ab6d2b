"""What mltui itself puts into the tree, when a person keeps an experiment, is no news and no command's doing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mltui.config.schema import Config
from mltui.experiments.service import Experiments
from tests.redteam.field import Attempt, Field, bash, call, propose

SCRIPT = """\
import json
from pathlib import Path

settings = dict(line.split(": ") for line in Path("conf/optim.yaml").read_text().splitlines())
Path("metrics.json").write_text(json.dumps({"accuracy": 0.8 + float(settings["lr"])}))
"""


def project(folder: Path, sandbox: str) -> Field:
    field = Field.make(folder, sandbox)
    field.write("train.py", SCRIPT)
    field.git("commit", "-qam", "A plain script", "--author", "t <t@example.org>")
    return field


@pytest.fixture(params=["bubblewrap", "none"])
def field(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Field:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.org")
    return project(tmp_path, request.param)


async def play(field: Field, *steps: Any, answers: tuple[str, ...] = ()) -> None:
    await field.attempt(Attempt("kept", "", "", steps, "open", answers=answers))


@pytest.mark.slow
async def test_a_kept_change_is_no_news_to_the_next_command(field: Field) -> None:
    concluded = call("ConcludeExperiment", experiment_id="P-0001", interpretation="A larger step helps", recommendation="accept")
    await play(field, bash("true"), propose(seeds=[0, 1]), [concluded], bash("true"), "Kept.", answers=("approve", "approve"))
    assert (field.root / "conf/optim.yaml").read_text() == "lr: 0.2\n"
    assert field.experiments.get("P-0001").state == "accepted"
    assert "conf/optim.yaml was" not in field.told and "under experiment" not in field.told


async def test_what_another_process_keeps_is_none_and_the_persons_own_edit_is(field: Field) -> None:
    def keep() -> None:
        field.experiments.decide("P-0001", answer="maintenance", by="ann", reason="the default of the paper")

    await with_deeds(field, keep)
    assert (field.root / "conf/optim.yaml").read_text() == "lr: 0.2\n"
    assert field.told.count("taken as your own work") == 1
    assert "evaluate.py was modified" in field.told and "conf/optim.yaml" not in field.told


async def test_what_is_kept_while_a_command_runs_stays_where_no_command_could_have_kept_it(field: Field) -> None:
    def keep() -> None:
        other = Experiments.open(field.root, Config.model_validate({"tracking": {"enabled": False}}))
        other.decide("P-0001", answer="maintenance", by="ann", reason="the default of the paper")

    async def when_it_runs() -> None:
        while not (field.root / "begun").exists():
            await asyncio.sleep(0.01)
        await asyncio.to_thread(keep)
        (field.root / "go").touch()

    task = asyncio.ensure_future(when_it_runs())
    await play(field, propose(), bash("touch begun; while [ ! -e go ]; do sleep 0.01; done"), "Done.", answers=("hold",))
    await task
    kept = (field.root / "conf/optim.yaml").read_text() == "lr: 0.2\n"
    assert kept == (field.sandbox == "bubblewrap")
    assert field.experiments.get("P-0001").state == "accepted"


async def with_deeds(field: Field, keep: Callable[[], None]) -> None:
    """Plays in one session; between its commands a person keeps the experiment, then edits a file by hand."""
    done: list[str] = []

    class Watching(list[Any]):
        def append(self, event: Any) -> None:
            super().append(event)
            if event.type == "tool.completed" and event.name == "Bash":
                deed = len(done)
                done.append(event.call_id)
                if deed == 0:
                    keep()
                elif deed == 1:
                    field.write("evaluate.py", "import json, sys\njson.dump({'accuracy': 0.6}, open(sys.argv[1], 'w'))\n")

    field.events = Watching()
    await play(field, propose(), bash("true"), bash("pwd"), bash("ls"), "Done.", answers=("hold",))


BESIDE = bash("while [ ! -e stop ]; do sleep 0.05; done", run_in_background=True)


@pytest.mark.slow
async def test_what_is_kept_in_the_session_beside_a_command_in_the_background_stays(field: Field) -> None:
    concluded = call("ConcludeExperiment", experiment_id="P-0001", interpretation="A larger step helps", recommendation="accept")
    answers = ("approve", "approve")
    await play(field, BESIDE, propose(seeds=[0, 1]), bash("true"), [concluded], bash("true"), bash("touch stop"), "Kept.", answers=answers)
    assert (field.root / "conf/optim.yaml").read_text() == "lr: 0.2\n", field.told
    assert field.experiments.get("P-0001").state == "accepted"
    assert "has to confirm" not in field.told and "under experiment" not in field.told


@pytest.mark.slow
async def test_what_is_discarded_in_the_session_leaves_the_draft_for_good(field: Field) -> None:
    edit = [call("Read", file_path="conf/optim.yaml")], [call("Write", file_path="conf/optim.yaml", content="lr: 0.3\n")]
    asked = [call("ProposeExperiment", title="Larger steps", hypothesis="A larger step is better by far", seeds=[0, 1])]
    concluded = call("ConcludeExperiment", experiment_id="P-0001", interpretation="It does not help", recommendation="discard")
    steps = (BESIDE, *edit, asked, bash("true"), [concluded], bash("true"), bash("touch stop"), "Gone.")
    await play(field, *steps, answers=("approve", "reject"))
    assert field.experiments.get("P-0001").state == "discarded", field.told
    assert field.experiments.draft("red").paths() == ()
    assert "put back" not in field.told and "has to confirm" not in field.told
