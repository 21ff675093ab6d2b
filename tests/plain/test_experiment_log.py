"""The experiment log as text: the same that the app draws, and its numbers alone for those who listen to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mltui.core.experiment import Experiment
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.looking import Looking
from mltui.experiments.run_records import RunRecord, Series
from mltui.ui.plain.experiment_log import compare_lines, detail_lines
from tests.experiments.test_compare_many import measured
from tests.tui.samples import error_analysis, experiment


class Recorded(Looking):
    def records(self, experiment: Experiment) -> list[RunRecord]:
        series = {"loss": Series((1, 2, 3), (3.0, 2.0, 1.0)), "system/gpu_0_memory_usage_percentage": Series((1, 2), (40.0, 60.0))}
        return [RunRecord(arm, seed, series) for arm in experiment.proposal.arms for seed in range(2)]

    def errors(self, experiment: Experiment) -> ErrorAnalysis | None:
        return error_analysis()


LOOKING = Recorded(Path("/nowhere"), Path("/nowhere"))


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setenv("TERM", "xterm")


def test_an_experiment_in_full_fits_the_terminal() -> None:
    lines = [*detail_lines(experiment("interpreted"), LOOKING)]
    text = "\n".join(lines)
    for part in (
        "loss: baseline 1 (2 runs, 1 to 1), candidate 1",
        "loss by step",
        "seed by seed",
        "Predictions of the candidate",
        "20 fixed, 8 broken of 150 examples",
    ):
        assert part in text, part
    assert "gpu 0 memory usage percentage" in text and "baseline 50 (at most 60)" in text
    assert max(map(len, lines)) <= 72 and any(0x2800 < ord(char) < 0x2900 for char in text)


def test_who_listens_gets_the_numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    found = [measured("P-0001", 0.0), measured("P-0002", 0.02, after=0.01)]
    text = "\n".join([*detail_lines(experiment("interpreted"), LOOKING), *compare_lines(found, LOOKING)])
    assert "loss: baseline 1" in text and not any(0x2800 <= ord(char) < 0x2900 or char in "├┤●" for char in text)
    assert "examples: 20 fixed, 8 broken of 150, over 4 pairs of runs" in text
    assert "P-0002: better, +0.02" in text and "conf/train.yaml:optimizer.lr: P-0001 0.05, P-0002 0.01" in text


def test_several_are_compared_in_words_and_pictures() -> None:
    lines = [*compare_lines([measured("P-0001", 0.0), measured("P-0002", 0.02)], LOOKING)]
    text = "\n".join(lines)
    assert lines[0] == "P-0001: the reference" and "P-0002: better, +0.02 [0.02, 0.02], p 0.00781 (Holm)" in lines[1]
    assert "difference from P-0001" in text and "loss by step" in text
    assert max(map(len, lines)) <= 72
