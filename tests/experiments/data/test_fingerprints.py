"""Fingerprints: those that proposals record, kept while nothing changes, beside what DVC says."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from mltui.core.errors import ExperimentError, UsageError
from mltui.experiments import fingerprints
from mltui.experiments.datasets import Digests, versions
from mltui.experiments.fingerprints import Fingerprint, Fingerprints


def of(path: Path, root: Path, *, sample: bool = False) -> Fingerprint:
    prints = Fingerprints(root, root / ".mltui", sample=sample)
    found = prints.of(path, path.name)
    prints.save()
    return found


def images(root: Path, count: int = 100) -> Path:
    for index in range(count):
        (root / "images").mkdir(exist_ok=True)
        (root / "images" / f"{index:03}.png").write_text(str(index))
    return root / "images"


def test_they_are_those_that_proposals_record(tmp_path: Path) -> None:
    folder = images(tmp_path)
    [recorded] = versions(tmp_path, [f"images/{index:03}.png" for index in range(100)], Digests(None))
    assert of(folder, tmp_path).digest == recorded.digest
    one = of(folder / "007.png", tmp_path)
    assert (one.algorithm, one.digest, one.size) == ("sha256", hashlib.sha256(b"7").hexdigest(), 1)
    (folder / "007.png").write_text("8")
    assert of(folder, tmp_path).digest != recorded.digest


def test_what_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 1000)
    found = of(path, tmp_path)
    cache = tmp_path / ".mltui" / "digests.json"
    known = json.loads(cache.read_text())
    known[str(path)][4] = "kept"
    cache.write_text(json.dumps(known))
    assert of(path, tmp_path).digest == "kept"
    before = path.stat()
    path.write_bytes(b"y" * 1000)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # the time of change (ctime) still tells
    assert of(path, tmp_path).digest not in ("kept", found.digest)


def test_a_sample_is_named_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "SAMPLED", 1 << 20)
    monkeypatch.setattr(fingerprints, "_PIECE", 1 << 10)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "large.bin"
    path.write_bytes(bytes(2 << 20))
    first = of(path, tmp_path, sample=True)
    assert first.algorithm == "sample-sha256" != of(path, tmp_path).algorithm
    assert of(path.parent, tmp_path, sample=True).algorithm == "sample-sha256"
    path.write_bytes(bytes((2 << 20) - 1) + b"x")
    assert of(path, tmp_path, sample=True).digest != first.digest
    small = tmp_path / "small"
    small.write_text("x")
    assert of(small, tmp_path, sample=True).algorithm == "sha256"


def test_a_file_that_changes_while_it_is_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")
    real = hashlib.file_digest

    def slow(file: object, algorithm: str) -> object:
        found = real(file, algorithm)  # type: ignore[arg-type]
        path.write_bytes(b"longer")
        return found

    monkeypatch.setattr(hashlib, "file_digest", slow)
    with pytest.raises(ExperimentError, match="changed while it was read"):
        of(path, tmp_path)


def test_what_dvc_records_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(b"a,b\r\n1,2\r\n")
    for hashed, legacy in ((path.read_bytes(), False), (path.read_bytes().replace(b"\r\n", b"\n"), True)):
        md5 = hashlib.md5(hashed).hexdigest()
        (tmp_path / "train.csv.dvc").write_text(f"outs:\n- md5: {md5}\n  size: 10\n{'' if legacy else '  hash: md5'}\n  path: train.csv\n")
        found = of(path, tmp_path).dvc
        assert found is not None and (found.md5, found.state, found.source) == (md5, "matches", "train.csv.dvc")
    path.write_bytes(b"other")
    found = of(path, tmp_path).dvc
    assert found is not None and found.state == "differs"
    path.unlink()
    absent = of(path, tmp_path)
    assert (absent.kind, absent.digest, absent.dvc and absent.dvc.state) == ("absent", "", "absent")


def test_folders_and_stages_of_dvc(tmp_path: Path) -> None:
    folder = images(tmp_path, 3)
    # As DVC writes the list of a folder's files.
    listed = [{"md5": hashlib.md5(str(index).encode()).hexdigest(), "relpath": f"{index:03}.png"} for index in range(3)]
    md5 = hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"
    (tmp_path / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n  prepare:\n    cmd: python prepare.py\n    outs:\n"
        f"    - path: images\n      hash: md5\n      md5: {md5}\n      nfiles: 3\n"
    )
    found = of(folder, tmp_path).dvc
    assert found is not None and (found.state, found.source) == ("matches", "dvc.lock")
    inside = of(folder / "000.png", tmp_path).dvc
    assert inside is not None and inside.state == "unchecked"
    (folder / "new.png").write_text("x")
    found = of(folder, tmp_path).dvc
    assert found is not None and found.state == "differs"
    (tmp_path / "dvc.lock").write_text("stages: [")
    with pytest.raises(ExperimentError, match="is no YAML"):
        of(folder, tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        of(tmp_path / "a", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no files"):
        of(tmp_path / "empty", tmp_path)
