"""How well detection tells what is under experiment: python scripts/control_score.py [--json]

Precision and recall by kind on the labelled files of tests/control_corpus, and every file that was taken for something
else. Each project is copied to a folder of its own and committed, as a person's would be.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mltui.config.schema import Experiments as Section
from mltui.experiments.control import Control

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "control_corpus"
KINDS = ("train", "hparam", "prompt", "data", "eval")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Attributes:
    label, found: a kind of experiment, or `free`.
    """

    path: str
    label: str
    found: str
    reason: str
    held_out: bool


@dataclass(frozen=True, slots=True)
class Score:
    right: int
    found: int
    labelled: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.labelled if self.labelled else 1.0


def labelled_files(corpus: Path = CORPUS) -> list[Labelled]:
    """Every labelled file with what was found of it."""
    labels: dict[str, Any] = tomllib.loads((corpus / "labels.toml").read_text(encoding="utf-8"))
    found: list[Labelled] = []
    with tempfile.TemporaryDirectory() as folder:
        controls: dict[str, Control] = {}
        for entry in labels["file"]:
            project, _, path = entry["path"].partition("/")
            if project not in controls:
                controls[project] = _open(corpus / project, Path(folder) / project, labels.get("projects", {}).get(project, {}))
            control = controls[project]
            change = control.explain(Path(path))
            kind, reason = (change.kind, change.reason) if change else ("free", control.why_not(Path(path)))
            found.append(Labelled(entry["path"], entry["kind"], kind, reason, entry.get("held_out", False)))
    return found


def _open(source: Path, target: Path, section: dict[str, Any]) -> Control:
    shutil.copytree(source, target)
    for arguments in (["init", "-q"], ["add", "-A", "-f"]):
        subprocess.run(["git", *arguments], cwd=target, check=True)
    control = Control(target, Section(**section))
    control.files()
    return control


def controlled(files: Iterable[Labelled]) -> Score:
    """Under experiment or free, whatever the kind."""
    rows = list(files)
    return Score(
        sum(row.label != "free" and row.found != "free" for row in rows),
        sum(row.found != "free" for row in rows),
        sum(row.label != "free" for row in rows),
    )


def of_kind(files: Iterable[Labelled], kind: str) -> Score:
    rows = list(files)
    return Score(
        sum(row.label == row.found == kind for row in rows), sum(row.found == kind for row in rows), sum(row.label == kind for row in rows)
    )


def table(files: list[Labelled]) -> list[str]:
    """One line for each kind, and one for all."""
    rows = [("under experiment", controlled(files)), *((kind, of_kind(files, kind)) for kind in KINDS)]
    lines = [f"{'':18}{'precision':>10}{'recall':>8}{'labelled':>10}{'found':>7}"]
    lines += [f"{name:18}{score.precision:10.3f}{score.recall:8.3f}{score.labelled:10}{score.found:7}" for name, score in rows]
    return lines


def main() -> int:
    files = labelled_files()
    parts = {
        "all": files,
        "seen while the rules were written": [f for f in files if not f.held_out],
        "held out": [f for f in files if f.held_out],
    }
    if "--json" in sys.argv[1:]:
        print(json.dumps({name: {kind: list(_figures(of_kind(part, kind))) for kind in KINDS} for name, part in parts.items()}, indent=2))
        return 0
    for name, part in parts.items():
        print(f"{name}: {len(part)} files", *table(part), sep="\n", end="\n\n")
    for row in files:
        if row.label != row.found:
            print(f"{'held out ' if row.held_out else ''}{row.path}: is {row.label}, found {row.found}: {row.reason}")
    return 0


def _figures(score: Score) -> tuple[float, float, int, int]:
    return score.precision, score.recall, score.labelled, score.found


if __name__ == "__main__":
    sys.exit(main())
