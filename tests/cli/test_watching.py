"""What `mltui experiments run` says of runs that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mltui.cli.experiments_run import output_of_failed
from mltui.core.experiment import Arm, Experiment, Run
from tests.experiments.tracked_project import BEGUN, proposal


def _run(arm: Arm, message: str) -> Run:
    status = "killed" if message == "stopped" else "failed"
    return Run(arm=arm, seed=1, status=status, started=BEGUN, ended=BEGUN, message=message, folder=f".mltui/jobs/J/runs/{arm}-1")


@pytest.mark.parametrize(
    ("message", "folder"),
    [
        ("exit code 1", "runs"),
        ("the evaluator failed: exit code 1", "evaluations"),
        ("The evaluator wrote no 'cost' (it wrote accuracy).", "evaluations"),
    ],
)
def test_the_folder_is_that_of_what_failed_and_not_of_what_was_stopped_with_it(message: str, folder: str) -> None:
    runs = (_run("candidate", message), _run("baseline", "stopped"))
    experiment = Experiment(proposal=proposal(), state="failed", runs=runs, message=f"2 candidate runs failed; seed 1: {message}")
    assert output_of_failed(experiment, Path("/p")) == f"All that it printed is in /p/.mltui/jobs/J/{folder}/candidate-1"
