"""`mltui data`: what it prints for people and for programs, and how it ends."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mltui.cli.app import run
from tests.experiments.data.made import rows, write


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".mltui").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_check_ends_with_what_it_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = rows(300, 1)
    write(here / "train.csv", data)
    write(here / "test.csv", [*rows(100, 2), *data[:3]])
    assert run(["data", "check", "train.csv"]) == 0
    assert "No problem found." in capsys.readouterr().out
    assert run(["data", "check", "--train", "train.csv", "--test", "test.csv"]) == 1
    shown = capsys.readouterr()
    assert "ERROR   train.csv → test.csv: rows of test that are in train too: 3" in shown.out
    assert "1 error found." in shown.out and not shown.err
    assert run(["data", "check", ".", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["errors"], found["findings"][0]["check"], found["findings"][0]["count"]) == (1, "leak.rows", 3)
    assert [(item["role"], item["rows"]) for item in found["looked"]] == [("train", 300), ("test", 103)]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "no data is named"),
        (["nothing.csv"], "nothing.csv does not exist"),
        (["a.csv", "--target", "lable"], "no column 'lable' for the target — Nearest: label"),
        (["a.csv", "--group", "user"], "no column 'user' for the group — There are: a, b, kind, label"),
        (["a.csv", "--schema", "none.toml"], "none.toml cannot be read"),
        (["--train", "."], "holds several sets of data, not one split"),
        (["a.csv", "--sample", "5"], "--sample"),
    ],
)
def test_a_mistake_is_one_line_and_ends_with_2(here: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str) -> None:
    write(here / "a.csv", rows(30, 1))
    write(here / "b.csv", rows(30, 2))
    assert run(["data", "check", *args]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and "Traceback" not in shown.err and not shown.out


def test_fingerprints(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.bin").write_bytes(b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    assert run(["data", "fingerprint", "a.bin"]) == 0
    assert capsys.readouterr().out == f"sha256:{digest}  a.bin  (3 bytes)\n"
    assert (here / ".mltui" / "digests.json").is_file()
    (here / "a.bin.dvc").write_text("outs:\n- md5: 0a1b2c3d\n  hash: md5\n  path: a.bin\n")
    assert run(["data", "fingerprint", "a.bin", "--json"]) == 1
    [found] = json.loads(capsys.readouterr().out)
    assert (found["digest"], found["dvc"]["state"]) == (digest, "differs")
    (here / "a.bin").unlink()
    assert run(["data", "fingerprint", "a.bin"]) == 1
    assert "a.bin: not here\n  DVC records: md5 0a1b2c3d in a.bin.dvc (dvc pull gets it)" in capsys.readouterr().out
    assert run(["data", "fingerprint", "b.bin"]) == 2


def test_a_split(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "a.csv", rows(100, 1))
    args = ["data", "split", "a.csv", "--test", "0.2", "--val", "0.1", "--stratify", "kind", "--seed", "3", "--out", "parts"]
    assert run([*args, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert sum(part["rows"] for part in made["splits"]) == 100
    assert {path.name for path in (here / "parts").iterdir()} == {"train.csv", "val.csv", "test.csv", "split.json"}
    assert run(args) == 2
    assert "parts is there already — Name a new folder" in capsys.readouterr().err
    assert run(["data", "check", "parts"]) == 0
    assert run(["data", "split", "a.csv", "--group", "a", "--time", "b", "--seed", "1", "--out", "x"]) == 2
    assert run(["data", "split", "a.csv", "--test", "0.6", "--val", "0.4", "--seed", "1", "--out", "x"]) == 2
    assert run(["data", "split", "a.csv", "--test", "nan", "--seed", "1", "--out", "x"]) == 2
    assert run(["data", "split", "no.csv", "--seed", "1", "--out", "x"]) == 2
