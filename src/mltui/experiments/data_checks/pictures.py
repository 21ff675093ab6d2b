"""Folders of pictures: broken files, sizes and modes, classes, and pictures that are the same or almost the same."""

from __future__ import annotations

import hashlib
import importlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.data_checks.places import Place
from mltui.experiments.data_checks.report import Finding, Looked

NEAR = 12
"""Of the 256 bits of two pictures' difference hashes, how many may differ in pictures that are almost the same."""
_FLAT = 8.0
"""Grey levels of standard deviation below which a picture is flat, and its hash says nothing."""
_SIDE = 16
_BYTES = 500_000_000
_PIXELS = 200_000_000
_CROWDED = 200
_STEP = 1000

Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Picture:
    path: Path
    label: str
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    digest: bytes = b""
    bits: bytes = b""
    problem: str = ""


@dataclass
class _Set:
    place: Place
    pictures: list[_Picture] = field(default_factory=list[_Picture])

    @property
    def whole(self) -> list[_Picture]:
        return [picture for picture in self.pictures if not picture.problem]

    def shown(self, picture: _Picture) -> str:
        return str(picture.path.relative_to(self.place.root))


def check_pictures(
    places: Sequence[Place], sample: int, looked: list[Looked], notes: list[str], told: Callable[[str, int], None] | None
) -> list[Finding]:
    """All findings about the folders; `looked` and `notes` are added to."""
    findings: list[Finding] = []
    sets: list[_Set] = []
    for place in places:
        files: tuple[Path, ...] = place.files
        if len(files) > sample:
            rng = np.random.default_rng(0)
            chosen: list[int] = sorted(rng.choice(len(files), sample, replace=False).tolist())
            files = tuple(files[index] for index in chosen)
            notes.append(f"{place.name}: {sample:,} of {len(place.files):,} pictures were looked at (--sample)")
        own = _Set(place)
        for number, path in enumerate(files, 1):
            own.pictures.append(_read(path, place.root))
            if told is not None and number % _STEP == 0:
                told(place.name, number)
        sets.append(own)
        looked.append(Looked(name=place.name, role=place.role, kind="pictures", rows=len(place.files), columns=0, sampled=len(files)))
        findings += [*_files(own), *_classes(own), *_repeated(own)]
    train = next((own for own in sets if own.place.role == "train"), None)
    for other in sets:
        if train is not None and other is not train and other.place.role:
            findings += _across(train, other)
    return findings


def _read(path: Path, root: Path) -> _Picture:
    parts = path.relative_to(root).parts
    label = parts[-2] if len(parts) > 1 else ""
    image: Any = importlib.import_module("PIL.Image")
    image.MAX_IMAGE_PIXELS = _PIXELS
    try:
        if path.stat().st_size > _BYTES:
            return _Picture(path, label, problem=f"over {_BYTES // 1_000_000} MB")
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with image.open(path) as opened:
                size, mode = opened.size, opened.mode
                opened.load()
                grey = np.asarray(opened.convert("L").resize((_SIDE + 1, _SIDE), image.Resampling.BILINEAR), dtype=np.int16)
    except Exception as error:  # what decoders raise on broken pictures is of every kind
        said = " ".join(str(error).split()).replace(str(path), path.name)[:80]
        return _Picture(path, label, problem=said or type(error).__name__)
    flat = float(grey.std()) < _FLAT
    bits = b"" if flat else np.packbits((grey[:, 1:] > grey[:, :-1]).reshape(-1)).tobytes()
    return _Picture(path, label, size, mode, hashlib.sha256(data).digest(), bits)


def _finding(own: _Set, severity: str, check: str, text: str, action: str, count: int, examples: Sequence[str] = ()) -> Finding:
    share = count / max(1, len(own.pictures))
    return Finding.model_validate(
        {
            "severity": severity,
            "check": check,
            "dataset": own.place.name,
            "text": text,
            "action": action,
            "count": count,
            "fraction": share,
            "examples": tuple(examples[:4]),
        }
    )


def _files(own: _Set) -> Iterator[Finding]:
    broken = [picture for picture in own.pictures if picture.problem]
    if broken:
        examples = [f"{own.shown(picture)}: {picture.problem}" for picture in broken]
        yield _finding(
            own, "error", "broken", f"pictures that cannot be read: {len(broken):,}", "Copy them again, or drop them", len(broken), examples
        )
    modes = Counter(picture.mode for picture in own.whole)
    if len(modes) > 1:
        usual = modes.most_common(1)[0][0]
        odd = [picture for picture in own.whole if picture.mode != usual]
        examples = [f"{own.shown(picture)}: {picture.mode}" for picture in odd]
        yield _finding(
            own,
            "warning",
            "mode",
            f"pictures that are not {usual} like the others: {len(odd):,}",
            "Convert all to one mode when loading",
            len(odd),
            examples,
        )
    sizes = Counter(picture.size for picture in own.whole)
    if len(sizes) > 1:
        shapes = [f"{width}×{height}: {count:,}" for (width, height), count in sizes.most_common(4)]
        yield _finding(own, "info", "size", f"different sizes: {len(sizes):,}", "Resize or crop on purpose", len(own.whole), shapes)
    small = [picture for picture in own.whole if min(picture.size) < 8]
    if small:
        yield _finding(
            own,
            "warning",
            "size",
            f"pictures under 8 pixels: {len(small):,}",
            "Look at them",
            len(small),
            [own.shown(picture) for picture in small],
        )


def _classes(own: _Set) -> Iterator[Finding]:
    counts = Counter(picture.label for picture in own.whole)
    labelled = {label: count for label, count in counts.items() if label}
    if not labelled:
        return
    ordered = sorted(labelled.items(), key=lambda item: -item[1])
    shown = [f"{label}: {count:,}" for label, count in ([*ordered[:2], *ordered[-2:]] if len(ordered) > 4 else ordered)]
    if counts.get(""):
        yield _finding(own, "warning", "classes", f"pictures in no class's folder: {counts['']:,}", "Move them into one", counts[""])
    if len(ordered) > 1 and ordered[0][1] >= 10 * ordered[-1][1]:
        text = f"the classes are unequal: {ordered[0][1] / ordered[-1][1]:,.0f} to 1"
        yield _finding(own, "warning", "imbalance", text, "Stratify the splits, and measure balanced accuracy", ordered[-1][1], shown)
    rare = [label for label, count in ordered if count < 10]
    if rare:
        yield _finding(
            own, "warning", "classes", f"classes with fewer than 10 pictures: {len(rare):,}", "Collect more or merge them", len(rare), rare
        )


def _repeated(own: _Set) -> Iterator[Finding]:
    first: dict[bytes, _Picture] = {}
    again: list[tuple[_Picture, _Picture]] = []
    for picture in own.whole:
        other = first.setdefault(picture.digest, picture)
        if other is not picture:
            again.append((other, picture))
    apart = [(one, other) for one, other in again if one.label != other.label]
    if apart:
        examples = [f"{own.shown(one)} = {own.shown(other)}" for one, other in apart]
        yield _finding(own, "error", "labels", f"pictures in two classes: {len(apart):,}", "Decide which class it is", len(apart), examples)
    if again:
        examples = [f"{own.shown(one)} = {own.shown(other)}" for one, other in again]
        yield _finding(own, "warning", "duplicates", f"copies of another picture: {len(again):,}", "Drop the copies", len(again), examples)
    singles = list(first.values())
    near = _alike(singles, singles)
    if near:
        examples = [f"{own.shown(one)} ≈ {own.shown(other)}" for one, other in near]
        text = f"pictures almost like another (difference hash, at most {NEAR} of 256 bits): {len(near):,}"
        yield _finding(own, "warning", "duplicates.near", text, "Look at them; keep such pictures in one split", len(near), examples)


def _across(train: _Set, other: _Set) -> Iterator[Finding]:
    known = {picture.digest: picture for picture in train.whole}
    same = [(known[picture.digest], picture) for picture in other.whole if picture.digest in known]
    found = {picture.path for _, picture in same}
    near = [pair for pair in _alike(train.whole, other.whole) if pair[1].path not in found]
    role = other.place.role
    for pairs, check, how in ((same, "leak.pictures", "in train too"), (near, "leak.near", "almost in train too")):
        if pairs:
            examples = [f"{train.shown(one)} · {other.shown(picture)}" for one, picture in pairs]
            text = f"pictures of {role} that are {how}: {len(pairs):,}"
            yield _finding(other, "error", check, text, "Drop them from one of the two, and measure again", len(pairs), examples)
    new = {picture.label for picture in other.whole} - {picture.label for picture in train.whole}
    if new:
        yield _finding(
            other, "error", "unseen", f"classes that are not in train: {len(new):,}", "Give both the same classes", len(new), sorted(new)
        )


def _alike(before: Sequence[_Picture], after: Sequence[_Picture]) -> list[tuple[_Picture, _Picture]]:
    """For each of `after` an earlier or other picture of `before` whose hash is near.

    Two hashes that differ in at most 12 bits have at least 4 of their 16 pieces of 16 bits in common, so equal pieces find every pair.
    """
    table: dict[tuple[int, bytes], list[int]] = {}
    for index, picture in enumerate(before):
        for key in _pieces(picture.bits):
            found = table.setdefault(key, [])
            if len(found) < _CROWDED:
                found.append(index)
    out: list[tuple[_Picture, _Picture]] = []
    same = before is after
    for index, picture in enumerate(after):
        candidates = {other for key in _pieces(picture.bits) for other in table.get(key, ()) if not same or other < index}
        for other in sorted(candidates):
            if _distance(before[other].bits, picture.bits) <= NEAR:
                out.append((before[other], picture))
                break
    return out


def _pieces(bits: bytes) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(bits), 2):
        yield start, bits[start : start + 2]


def _distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
