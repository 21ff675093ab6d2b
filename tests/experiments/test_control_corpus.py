"""Detection against the labelled files of tests/control_corpus. What the floors are made of: python scripts/control_score.py"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "control_score.py"


@pytest.fixture(scope="module")
def score() -> ModuleType:
    spec = importlib.util.spec_from_file_location("control_score", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["control_score"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(score: ModuleType) -> list[object]:
    return score.labelled_files()


def test_the_corpus_is_whole(score: ModuleType, files: list[object]) -> None:
    named = {row.path for row in files}
    on_disk = {path.relative_to(score.CORPUS).as_posix() for path in score.CORPUS.rglob("*") if path.is_file()}
    assert named == {path for path in on_disk if "/" in path and "__pycache__" not in path}
    assert len(files) >= 180
    assert sum(row.held_out for row in files) >= 49


@pytest.mark.parametrize(("held_out", "precision", "recall"), [(False, 1.0, 0.98), (True, 1.0, 0.91)])
def test_what_is_under_experiment_is_found(score: ModuleType, files: list[object], held_out: bool, precision: float, recall: float) -> None:
    found = score.controlled([row for row in files if row.held_out == held_out])
    assert found.precision >= precision
    assert found.recall >= recall


@pytest.mark.parametrize(("kind", "recall"), [("train", 0.95), ("hparam", 0.91), ("prompt", 1.0), ("data", 1.0), ("eval", 1.0)])
def test_the_kind_is_right(score: ModuleType, files: list[object], kind: str, recall: float) -> None:
    found = score.of_kind(files, kind)
    assert found.precision == 1.0
    assert found.recall >= recall
