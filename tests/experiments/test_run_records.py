from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.experiments.points import MOST_POINTS
from mltui.experiments.run_records import RunRecord, Series, mean_of, names_of, read_record, tail
from mltui.experiments.storage import read_text


def logged(folder: Path, name: str, points: list[tuple[int, float]]) -> None:
    run = folder / "mlflow" / "0" / "abc"
    target = run / "metrics" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    (run / "meta.yaml").write_text("")
    target.write_text("".join(f"1700000000 {value} {step}\n" for step, value in points))


@pytest.mark.parametrize(
    ("line", "name", "steps", "step_name"),
    [
        ("epoch {0} train_loss {1}", "train_loss", (1, 2, 3), "epoch"),
        ("Step 	{0}  loss: {1}", "loss", (1, 2, 3), "line"),
        ("step={0} loss={1} took 3 s", "loss", (1, 2, 3), "step"),
        ('{{"step": {0}, "loss": {1}, "ok": true, "name": "x"}}', "loss", (1, 2, 3), "step"),
        ("loss={1}", "loss", (0, 1, 2), "line"),
    ],
)
def test_what_is_printed_becomes_curves(tmp_path: Path, line: str, name: str, steps: tuple[int, ...], step_name: str) -> None:
    text = "Loading 3 files in 2 threads\n" + "\n".join(line.format(step, 1 / step) for step in (1, 2, 3)) + "\ndone in 4 s\n"
    (tmp_path / "stdout.log").write_text(text)
    series = read_record("candidate", 0, tmp_path).series
    assert list(series) == [name]
    assert series[name].values == pytest.approx((1, 0.5, 1 / 3))
    if step_name != "line" or steps[0] == 0:
        assert (series[name].steps, series[name].step_name) == (steps, step_name)


def test_what_mlflow_logged_counts_over_what_was_printed(tmp_path: Path) -> None:
    logged(tmp_path, "val/loss", [(2, 0.5), (0, 0.9), (2, 0.4), (1, 0.7)])
    logged(tmp_path, "system/gpu_0_utilization_percentage", [(0, 80.0)])
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "f1": 0.1}\nnot json\n{"epoch": 2, "f1": 0.2}\n')
    (tmp_path / "stdout.log").write_text("step=0 val/loss=9\nstep=1 val/loss=9\n")
    series = read_record("baseline", 1, tmp_path).series
    assert (series["val/loss"].steps, series["val/loss"].values) == ((0.0, 1.0, 2.0), (0.9, 0.7, 0.4))
    assert series["f1"] == Series((1.0, 2.0), (0.1, 0.2), "epoch")
    assert "system/gpu_0_utilization_percentage" in series
    assert names_of([RunRecord("baseline", 1, series)], "f1") == ["f1", "val/loss"]


def test_a_long_curve_keeps_its_ends(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps({"step": at, "loss": at}) + "\n" for at in range(10_001)))
    series = read_record("baseline", 0, tmp_path).series["loss"]
    assert len(series.steps) <= MOST_POINTS and (series.steps[0], series.steps[-1]) == (0, 10_000)


@given(st.binary(max_size=200))
def test_no_output_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("run")
    for name in ("stdout.log", "metrics.jsonl"):
        (folder / name).write_bytes(data)
    read_record("candidate", 0, folder)
    tail(folder, 5)


def test_pipes_and_links_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stdout.log")
    (tmp_path / "secret").write_text("loss=1\nloss=2\n")
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "secret")
    assert read_record("candidate", 0, tmp_path).series == {}
    assert read_text(tmp_path / "metrics.jsonl") == "" and read_text(tmp_path) == ""


def test_the_mean_is_over_the_runs_that_got_so_far() -> None:
    whole, short = Series((1, 2, 3, 4), (1.0, 2.0, 3.0, 4.0)), Series((1, 2), (3.0, 4.0))
    mean = mean_of([whole, whole, short])
    assert mean is not None and mean.steps == (1, 2, 3, 4) and mean.runs == 3
    assert mean.values == pytest.approx((5 / 3, 8 / 3, 3, 4)) and (mean.low[0], mean.high[0]) == (1.0, 3.0)
    assert mean_of([]) is None


def test_the_end_of_the_output_is_shown_as_a_terminal_would(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_bytes(b"one\r\n  5%\r 50%\r100%\nlast\n")
    assert tail(tmp_path, 2) == [("stdout.log", ["100%", "last"])]
