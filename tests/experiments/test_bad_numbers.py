"""Metrics, seeds, data and clocks that are not as they should be, through a whole experiment: each has a defined end, in words."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from tests.experiments.conftest import Project

from mltui.core.errors import ExperimentError, ProposalError
from mltui.experiments.compare_many import together
from mltui.experiments.report import experiment_report
from mltui.experiments.verification import verify

HEAD = """\
import json, os
from pathlib import Path
seed = int(os.environ["MLTUI_SEED"])
out = Path(os.environ["MLTUI_RUN_DIR"], "metrics.json")
"""
ONCE = HEAD + "out.write_text(json.dumps({'accuracy': 0.5}))\n"
AT_STEPS = (
    HEAD + "out.write_text(''.join(json.dumps({'accuracy': value, 'step': n}) + chr(10) for n, value in enumerate([0.1, 0.9, 0.6])))\n"
)
DIVERGED = HEAD + "out.write_text('{\"accuracy\": %s}' % {0: 0.7, 1: 0.71, 2: 'NaN', 3: 0.7}.get(seed, 'Infinity'))\n"
TURNED_BACK = """\
import os, sys, time
if "mltui.experiments.supervisor" in sys.orig_argv:
    true = time.time
    time.time = lambda: true() - (3600 if os.path.exists("runs/candidate-0/metrics.json") else 0)
"""


@pytest.mark.slow
async def test_what_is_no_number_is_a_failed_run_and_the_pairs_that_are_left_are_compared(project: Project) -> None:
    project.write("train.py", ONCE)
    diverged, _ = await project.finish(project.propose_script(DIVERGED, seeds=(0, 1, 2, 3)))
    assert diverged.state == "compared", diverged.message
    nan = next(run for run in diverged.runs if run.seed == 2 and run.arm == "candidate")
    assert (nan.status, nan.metrics) == ("failed", {}) and "is nan: the training diverged or divided by zero" in nan.message
    assert diverged.comparison is not None
    assert [seed for seed, _, _ in diverged.comparison.pairs] == [0, 1, 3] and diverged.comparison.verdict == "inconclusive"
    assert "is nan" in experiment_report(diverged)

    # Again under the same title; the baseline's runs are there already. Two infinite ones end it.
    project.experiments.discard(diverged.id, by="ann")
    infinite, _ = await project.finish(project.propose_script(DIVERGED, seeds=(0, 1, 8, 9)))
    assert infinite.state == "failed"
    assert "2 candidate runs failed; seed 9: The metric 'accuracy' is inf" in infinite.message

    # The last of several values counts; one that every seed shares is one measurement and decides nothing.
    project.experiments.discard(infinite.id, by="ann")
    steps, _ = await project.finish(project.propose_script(AT_STEPS, seeds=(0, 1, 8)))
    assert {(run.arm, run.metrics["accuracy"]) for run in steps.runs} == {("baseline", 0.5), ("candidate", 0.6)}
    assert steps.comparison is not None and steps.comparison.verdict == "inconclusive"

    # They share their title and are told apart by their ids.
    assert [contrast.id for contrast in together([diverged, steps]).contrasts] == [diverged.id, steps.id]
    assert diverged.proposal.title == steps.proposal.title and diverged.id != steps.id


async def test_one_seed_shows_nothing_and_says_so(project: Project) -> None:
    with pytest.raises(ProposalError, match="1 seed cannot show a difference — Give at least 2 different seeds"):
        project.propose(seeds=(3, 3))
    project.write("train.py", ONCE)
    alone, _ = await project.finish(project.propose_script(DIVERGED, seeds=(0, 2)))
    assert (alone.state, alone.comparison) == ("failed", None)
    assert "only 1 seed finished in both arms, which shows nothing; candidate seed 2: The metric 'accuracy' is nan" in alone.message


def test_data_that_changes_while_it_is_read_makes_no_proposal(project: Project) -> None:
    project.reopen(data=("data/**",))
    big = project.root / "data" / "big.bin"
    big.touch()
    os.truncate(big, 300_000_000)
    begun, ended = threading.Event(), threading.Event()

    def write() -> None:
        size = 300_000_000
        while not ended.is_set():
            size += 1
            os.truncate(big, size)
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
        with pytest.raises(
            ExperimentError, match=r"data file .*big\.bin changed while it was read — Wait until whatever writes it is done"
        ):
            project.propose()
    finally:
        ended.set()
        writer.join()
    assert project.experiments.list() == []
    os.truncate(big, 3)
    assert project.propose() == "P-0001"


async def test_a_clock_that_is_set_back_neither_ends_an_experiment_nor_makes_time_negative(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(TURNED_BACK)
    monkeypatch.setenv("PYTHONPATH", str(site))
    experiment, _ = await project.finish(project.propose(seeds=(0, 1)))
    assert experiment.state == "compared", experiment.message
    assert all(0 <= run.ended - run.started < 600 for run in experiment.runs)
    times = [run.started for run in experiment.runs]
    assert max(times) - min(times) > 3000  # set back while a run went on
    assert any("the clock had gone back" in note for note in verify(project.root).notes)
