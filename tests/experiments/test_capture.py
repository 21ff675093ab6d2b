"""What a run left of its metrics, wherever it wrote them."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mltui.config.schema import MetricsSource
from mltui.experiments import patterns
from mltui.experiments.capture import CURVES, Place, before, capture
from mltui.experiments.patterns import PatternError, read_patterns
from mltui.experiments.points import Series
from mltui.experiments.run_records import read_record
from mltui.experiments.tracking.logged import logged_params
from mltui.experiments.tracking.spool import SPOOL, read_metrics
from mltui.experiments.tracking.tensorboard_files import read_scalars
from mltui.experiments.tracking.wandb_files import read_runs

EVENTS = Path(__file__).parent / "tensorboard"
"""Written by PyTorch's SummaryWriter: add_scalar("Loss/train", …) and add_scalars("acc", {"x": …, "y": …})."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("worktree", "run"):
        (tmp_path / name).mkdir()
    return Place(tmp_path / "worktree", tmp_path / "run", {})


def curves(place: Place) -> Mapping[str, Series]:
    return read_record("candidate", 0, place.folder).series


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("epoch,step,train_loss,val_acc\n0,9,0.5,\n0,9,,0.7\n1,19,0.25,\n1,19,,0.8\n", ("train_loss", "val_acc")),
        ("epoch;train_loss;val_acc;name\n0;0.5;0.7;a\n1;0.25;0.8;b\n1;0.2", ("train_loss", "val_acc")),
    ],
)
def test_a_table_gives_the_last_values_and_curves(place: Place, text: str, names: tuple[str, ...]) -> None:
    (place.worktree / "logs").mkdir()
    (place.worktree / "logs" / "metrics.csv").write_text(text)
    found = capture(place, {}, MetricsSource(file="logs/metrics.csv"))
    assert found.problem == "" and found.metrics["val_acc"] == 0.8 and "name" not in found.metrics
    shutil.rmtree(place.worktree)
    series = curves(place)
    assert set(series) == set(names) and series["val_acc"].values == (0.7, 0.8)


def test_patterns_find_named_metrics_and_their_steps(place: Place) -> None:
    lines = "".join(f"Epoch [{epoch}/3] loss: {1 / epoch:.3f}\n" for epoch in (1, 2, 3))
    (place.folder / "stdout.log").write_text(f"{lines}test | accuracy -> 0.91\ntest | f1 -> n/a\n")
    source = MetricsSource(regex=(r"Epoch \[(?P<step>\d+)/\d+\] loss: (?P<loss>\S+)", r"test \| (?P<name>\w+) -> (?P<value>\S+)"))
    assert capture(place, {}, source).metrics == {"loss": 0.333, "accuracy": 0.91}
    assert curves(place)["loss"] == Series((1.0, 2.0, 3.0), (1.0, 0.5, 0.333))


def test_a_pattern_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.5)
    with pytest.raises(PatternError, match="took more than"):
        read_patterns("a" * 60 + "!", (r"(?P<loss>(a+)+)$",))


@pytest.mark.parametrize("pattern", ["(", "loss (.*)", r"(?P<value>\d+)", r"(?P<step>\d+)"])
def test_a_pattern_that_names_nothing_is_refused_when_it_is_read(pattern: str) -> None:
    with pytest.raises(ValidationError):
        MetricsSource.model_validate({"regex": pattern})


def test_event_files_of_the_checkout_are_kept_and_read(place: Place) -> None:
    shutil.copytree(EVENTS / "run", place.worktree / "runs" / "a")
    found = capture(place, {}, MetricsSource(tensorboard=True))
    assert found.metrics == pytest.approx({"Loss/train": 0.2, "acc_x/acc": 4.0, "acc_y/acc": 8.0})
    assert len(list((place.folder / "tensorboard" / "runs" / "a").rglob("*tfevents*"))) == 3
    assert curves(place)["Loss/train"].values == pytest.approx((1, 1 / 2, 1 / 3, 1 / 4, 1 / 5))


def test_event_files_that_were_there_before_are_not_the_runs(place: Place) -> None:
    shutil.copytree(EVENTS, place.worktree / "old")
    source = MetricsSource(tensorboard=True)
    stale = Place(place.worktree, place.folder, before(place.worktree, source))
    assert capture(stale, {}, source).metrics == {} and not (place.folder / "tensorboard").exists()


def test_nothing_is_written_where_a_link_leads(place: Place, tmp_path: Path) -> None:
    shutil.copytree(EVENTS, place.worktree / "runs")
    (tmp_path / "elsewhere").mkdir()
    (place.folder / "tensorboard").symlink_to(tmp_path / "elsewhere")
    assert capture(place, {}, MetricsSource(tensorboard=True)).metrics == {}
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_of_one_name_in_several_places_the_file_counts(place: Place) -> None:
    run = place.folder / SPOOL / "1" / "abc" / "metrics"
    run.mkdir(parents=True)
    (run.parent / "meta.yaml").write_text("")
    for name in ("a", "b", "c"):
        (run / name).write_text("1000 1 0\n")
    (place.folder / "metrics.json").write_text('{"a": 3}')
    source = MetricsSource(file="metrics.json", stdout="key=value", mlflow=True)
    assert capture(place, {"a": 2.0, "b": 2.0}, source).metrics == {"a": 3.0, "b": 2.0, "c": 1.0}


def test_a_parent_counts_over_its_children_and_the_later_over_the_earlier(tmp_path: Path) -> None:
    for name, started, value, parent in (("p", 1, 0.9, ""), ("c", 2, 0.1, "p"), ("q", 3, 0.95, ""), ("d", 4, 0.2, "q")):
        run = tmp_path / SPOOL / "1" / name
        (run / "metrics").mkdir(parents=True)
        (run / "meta.yaml").write_text(f"run_id: {name}\nstart_time: {started}\n")
        (run / "metrics" / "accuracy").write_text(f"1 {value} 0\n")
        if parent:
            (run / "tags").mkdir()
            (run / "tags" / "mlflow.parentRunId").write_text(parent)
    assert read_metrics(tmp_path) == {"accuracy": 0.95}


def wandb_file(folder: Path, records: list[bytes]) -> None:
    """As wandb writes it: a head, then records that are cut where a block of 32 KiB ends."""
    data = b":W&B\xe1\xbe\x00"
    for record in records:
        first = True
        while first or record:
            room = 32_768 - len(data) % 32_768
            if room < 7:
                data += bytes(room)
                continue
            part, record = record[: room - 7], record[room - 7 :]
            kind = (1 if not record else 2) if first else (4 if not record else 3)
            data += struct.pack("<IHB", 0, len(part), kind) + part
            first = False
    target = folder / "wandb" / "offline-run-1-x"
    target.mkdir(parents=True)
    (target / "run-x.wandb").write_bytes(data)


def field(number: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) if size >= 128 else bytes([size])
    key = number << 3 | 2
    return (bytes([key]) if key < 128 else bytes([key & 0x7F | 0x80, key >> 7])) + length + content


def items(**values: str) -> bytes:
    return b"".join(field(1, field(2, name.encode()) + field(16, value.encode())) for name, value in values.items())


def test_a_wandb_file_is_read_over_the_ends_of_its_blocks(place: Place) -> None:
    history = [field(2, items(_step=str(step), loss=str(1 / (step + 1)), text='"' + "x" * 900 + '"')) for step in range(100)]
    config, end = field(5, items(lr="0.1", _wandb="{}")), field(3, items(final="0.75", bad='"NaN"', nested='{"a": 2}'))
    wandb_file(place.folder, [config, *history, end, b"\xff\xff"])
    found = capture(place, {}, MetricsSource(wandb=True)).metrics
    assert found["loss"] == 0.01 and found["final"] == 0.75 and found["nested/a"] == 2.0 and found["bad"] != found["bad"]
    assert curves(place)["loss"].values == tuple(1 / (step + 1) for step in range(100))
    assert logged_params(place.folder) == {"lr": "0.1"}


@given(st.binary(max_size=300))
def test_no_file_of_a_tracker_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("run")
    wandb_file(folder, [data])
    (folder / "wandb" / "offline-run-1-x" / "run-y.wandb").write_bytes(data)
    event = folder / "events.out.tfevents.1"
    event.write_bytes(struct.pack("<Q", len(data)) + bytes(4) + data + bytes(4) + data)
    read_runs(folder)
    read_scalars([event])
    (folder / "metrics.csv").write_bytes(data)
    capture(Place(folder, folder, {}), {}, MetricsSource(file="metrics.csv"))


def test_what_is_a_pipe_is_not_read(place: Place) -> None:
    os.mkfifo(place.worktree / "events.out.tfevents.1")
    assert capture(place, {}, MetricsSource(tensorboard=True)).metrics == {} and not (place.folder / CURVES).exists()
