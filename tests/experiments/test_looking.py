from __future__ import annotations

import asyncio

import pytest
from tests.experiments.conftest import TRAIN, Project

from mltui.core.errors import JournalError
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.index import Index
from mltui.experiments.run_records import mean_of

NOISY = """import os
for epoch in (1, 2, 3):
    print(f"epoch={epoch} loss={1 / epoch}", flush=True)
with open(os.path.join(os.environ["MLTUI_RUN_DIR"], "predictions.csv"), "w") as file:
    file.write("label,prediction\\na,a\\na,b\\nb,b\\n")
"""


async def test_what_the_runs_wrote_is_found(project: Project) -> None:
    name = project.propose_script(NOISY + TRAIN, seeds=(0, 1))
    experiment, _ = await project.finish(name)
    looking = project.experiments.looking
    records = looking.records(experiment)
    assert [(record.arm, record.seed) for record in records] == [("baseline", 0), ("baseline", 1), ("candidate", 0), ("candidate", 1)]
    assert not records[0].series
    mean = mean_of(record.series["loss"] for record in records[2:])
    assert mean is not None and (mean.steps, mean.runs, mean.step_name) == ((1, 2, 3), 2, "epoch")
    run, streams = looking.output(experiment, 2)
    assert run == "candidate-1" and streams[0][0] == "stdout.log" and streams[0][1][0] == "epoch=3 loss=0.3333333333333333"
    found = looking.errors(experiment)
    assert found is not None and found.of("baseline") is None
    candidate = found.of("candidate")
    assert candidate is not None and found.names == ("a", "b") and candidate.matrix == ((2, 2), (0, 2))
    kept = looking.state / "reports" / name / "errors.json"
    assert ErrorAnalysis.model_validate_json(kept.read_bytes()) == found == looking.errors(experiment)


async def test_the_journal_of_one_experiment_comes_from_the_index(project: Project) -> None:
    first, second = project.propose(0.2), project.propose(0.3)
    project.approve(second)
    trail = project.experiments.looking.trail(second)
    assert [record.type for record in trail.records] == ["proposal.created", "proposal.decided"]
    assert trail.records[0].payload["proposal"]["id"] == second  # type: ignore[index, call-overload]
    assert project.experiments.looking.trail("P-0099").records == () and not trail.promotions
    index = Index(project.experiments.state)
    assert [record.payload["proposal"]["id"] for record in index.records(type_="proposal.created")] == [first, second]  # type: ignore[index, call-overload]
    journal = project.experiments.state / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"learns faster', b'"learns slower').replace(b"It learns", b"it learns"))
    with pytest.raises(JournalError):
        project.experiments.looking.trail(first)


async def test_a_row_says_what_it_took_and_who_decided(project: Project) -> None:
    name = project.propose(0.2, seeds=(0, 1))
    await project.finish(name)
    row = project.experiments.rows()[0]
    assert row.id == name and row.metric == "accuracy" and row.direction == "maximize"
    assert row.wall_seconds > 0 and row.baseline is not None and row.candidate is not None and row.spread is not None
    assert (row.author, row.decided_by) == ("model", "ann")
    project.experiments.discard(name, by="bob")
    assert project.experiments.rows()[0].decided_by == "bob"


async def test_what_still_runs_is_found(project: Project) -> None:
    slow = "import sys, time\nprint('epoch=1 loss=1', flush=True)\nprint('epoch=2 loss=0.5', flush=True)\ntime.sleep(60)\n"
    name = project.propose_script(slow + TRAIN, seeds=(0, 1))
    project.approve(name)
    project.experiments.start(name)
    try:
        async for event in project.experiments.follow(name, poll=0.05):
            if event.type != "experiment.progressed" or (event.arm == "candidate" and not event.message):
                break
        for _ in range(400):
            records = project.experiments.looking.records(project.experiments.peek(name))
            if any("loss" in record.series for record in records):
                break
            await asyncio.sleep(0.05)
        assert any(record.arm == "candidate" and record.series["loss"].values == (1.0, 0.5) for record in records if record.series)
    finally:
        project.experiments.stop(name)
