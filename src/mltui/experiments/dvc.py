"""What DVC records of data: `NAME.dvc` beside it, or a `dvc.lock` above it. DVC itself is not needed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, cast

from mltui.core.data import Data
from mltui.core.errors import ExperimentError
from mltui.experiments.datasets import Digests

_LARGEST = 5_000_000


class Recorded(Data):
    """Attributes: source: the file that says it; inside: the tracked folder, where the data is a part of it."""

    source: str
    md5: str
    size: int = 0
    legacy: bool = False
    inside: str = ""


class Standing(Data):
    """Attributes: state: `unchecked` where the data is a part of a tracked folder, or was only sampled."""

    source: str
    md5: str
    state: Literal["matches", "differs", "absent", "unchecked"]


def recorded(path: Path, root: Path) -> Recorded | None:
    """What DVC records of a file or folder, or of the folder that it is in; None where it knows nothing of it.

    Raises: ExperimentError: a file of DVC's cannot be read.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 (a link into DVC's cache keeps its own name)
    for own in (absolute, *absolute.parents):
        if own == root or not own.is_relative_to(root):
            break
        found = _of(own, root)
        if found is not None:
            return found if own == absolute else found.model_copy(update={"inside": str(own.relative_to(root))})
    return None


def standing(recorded: Recorded, path: Path, files: Mapping[str, Path], digests: Digests, *, check: bool) -> Standing:
    """How what is on disk compares with what DVC records.

    Args:
        files: of a folder, by name inside it.
        digests: of MD5.
        check: read the data; without it nothing is compared.
    """
    if not check or recorded.inside:
        return Standing(source=recorded.source, md5=recorded.md5, state="unchecked")
    found = _folder_md5(files, digests) if recorded.md5.endswith(".dir") else digests.of(path)[0] if path.is_file() else ""
    same = found == recorded.md5 or (recorded.legacy and path.is_file() and _unix_md5(path) == recorded.md5)
    return Standing(source=recorded.source, md5=recorded.md5, state="matches" if same else "differs")


def _folder_md5(files: Mapping[str, Path], digests: Digests) -> str:
    """The hash of DVC's list of a folder's files."""
    listed = [{"md5": digests.of(files[name])[0], "relpath": name} for name in files]
    listed.sort(key=lambda entry: entry["relpath"])
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _unix_md5(path: Path) -> str:
    """As DVC before version 3 hashed text: with the line endings of Unix."""
    hashed = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            if chunk.endswith(b"\r"):
                chunk += file.read(1)
            hashed.update(chunk.replace(b"\r\n", b"\n"))
    return hashed.hexdigest()


def _of(path: Path, root: Path) -> Recorded | None:
    beside = path.with_name(f"{path.name}.dvc")
    if beside.is_file():
        for out in _mappings(_yaml(beside).get("outs")):
            if out.get("path") == path.name:
                return _entry(out, beside, root)
    for folder in path.parents:
        if not folder.is_relative_to(root):
            return None
        lock = folder / "dvc.lock"
        if lock.is_file():
            stages = _yaml(lock).get("stages")
            for stage in _mappings(list(cast("dict[str, object]", stages).values()) if isinstance(stages, dict) else None):
                for out in (*_mappings(stage.get("outs")), *_mappings(stage.get("deps"))):
                    if os.path.normpath(folder / str(out.get("path"))) == str(path) and out.get("md5"):
                        return _entry(out, lock, root)
    return None


def _entry(out: Mapping[str, object], source: Path, root: Path) -> Recorded | None:
    md5, size = out.get("md5"), out.get("size")
    if not isinstance(md5, str):
        return None
    return Recorded(
        source=str(source.relative_to(root)), md5=md5[:64], size=size if isinstance(size, int) else 0, legacy=out.get("hash") != "md5"
    )


def _mappings(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, list):
        yield from (cast("dict[str, object]", item) for item in cast("list[object]", value) if isinstance(item, dict))


def _yaml(path: Path) -> dict[str, object]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        if path.stat().st_size > _LARGEST:
            raise ExperimentError(f"{path} is too large for a file of DVC's")
        loaded: object = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))  # pyright: ignore[reportUnknownMemberType]
    except OSError as error:
        raise ExperimentError(f"{path} cannot be read: {error.strerror}") from None
    except (YAMLError, ValueError, RecursionError):
        raise ExperimentError(f"{path} is no YAML", hint="Mend it, or remove it if the data is not DVC's any more") from None
    return cast("dict[str, object]", loaded) if isinstance(loaded, dict) else {}
