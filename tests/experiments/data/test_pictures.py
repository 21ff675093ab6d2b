"""Folders of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
from tests.experiments.data.made import bad, named, one, report


def picture(path: Path, seed: int, size: int = 48, mode: str = "RGB", noise: float = 0.0) -> Path:
    """Smooth random grey shapes: pictures of different seeds are unlike each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7)).astype(np.uint8)
    grey = np.asarray(PIL.Image.fromarray(coarse).resize((size, size), PIL.Image.Resampling.BICUBIC), dtype=float)
    grey = grey + np.random.default_rng(seed + 999).normal(0, noise, grey.shape) if noise else grey
    PIL.Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert(mode).save(path)
    return path


def folder(root: Path, count: int = 12, first: int = 0) -> Path:
    for number in range(count):
        for at, label in enumerate(("cat", "dog")):
            picture(root / label / f"{number:03}.png", first + 2 * number + at)
    return root


def test_clean_pictures_raise_no_alarm(tmp_path: Path) -> None:
    found = report(folder(tmp_path / "all", 40))
    assert bad(found) == []
    assert (found.looked[0].kind, found.looked[0].rows) == ("pictures", 80)


def test_what_is_wrong_with_pictures_is_found(tmp_path: Path) -> None:
    root = folder(tmp_path / "all")
    (root / "cat" / "broken.png").write_bytes((root / "cat" / "000.png").read_bytes()[:200])
    (root / "dog" / "copy.png").write_bytes((root / "dog" / "003.png").read_bytes())
    (root / "dog" / "both.png").write_bytes((root / "cat" / "005.png").read_bytes())
    picture(root / "dog" / "grey.png", 500, mode="L")
    picture(root / "dog" / "large.png", 501, size=64)
    picture(root / "cat" / "near.png", 4, noise=2.0)
    for number in range(3):
        picture(root / "bird" / f"{number}.png", 600 + number)
    (root / "notes.txt").write_text("x")
    found = report(root)
    assert named(found) == {
        ("broken", None), ("mode", None), ("labels", None), ("duplicates", None), ("duplicates.near", None), ("classes", None),
    }  # fmt: skip
    assert one(found, "broken").examples[0].startswith("cat/broken.png")
    assert one(found, "labels").examples == ("cat/005.png = dog/both.png",)
    assert one(found, "duplicates").count == 2
    assert one(found, "duplicates.near").examples == ("cat/002.png ≈ cat/near.png",)
    assert found.notes == ("all: 1 files of other kinds were left out",)


def test_pictures_in_two_splits(tmp_path: Path) -> None:
    folder(tmp_path / "all" / "train")
    folder(tmp_path / "all" / "test", first=1000)
    assert not {check for check, _ in named(report(tmp_path / "all"))} & {"leak.pictures", "leak.near", "unseen"}
    picture(tmp_path / "all" / "test" / "cat" / "x.png", 6)
    picture(tmp_path / "all" / "test" / "cat" / "y.png", 8, noise=2.0)
    picture(tmp_path / "all" / "test" / "cow" / "z.png", 5000)
    found = report(tmp_path / "all")
    assert {item.role for item in found.looked} == {"train", "test"}
    assert one(found, "leak.pictures").examples == ("cat/003.png · cat/x.png",)
    assert one(found, "leak.near").examples == ("cat/004.png · cat/y.png",)
    assert one(found, "unseen").examples == ("cow",)


def test_flat_pictures_are_not_alike(tmp_path: Path) -> None:
    for number in range(4):
        path = tmp_path / "all" / "a" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (32, 32), (number * 60, 0, 0)).save(path)
    assert not {check for check, _ in named(report(tmp_path / "all"))} & {"duplicates", "duplicates.near"}
