"""`mltui data`: checks, fingerprints and splits of data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mltui.cli.output import clean, emit_json
from mltui.cli.project import cd_option, json_option
from mltui.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mltui.experiments.data_checks.places import Place
    from mltui.experiments.fingerprints import Fingerprint

_STEP = 1_000_000
"""Rows after which the progress is said anew."""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mltui data check --train train.csv --test test.csv --target label",
)
def data() -> None:
    """Check data before training on it, fingerprint it, and split it."""


@data.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--train", type=click.Path(path_type=Path), help="The training split.")
@click.option("--val", type=click.Path(path_type=Path), help="The validation split.")
@click.option("--test", type=click.Path(path_type=Path), help="The test split.")
@click.option("--target", metavar="COLUMN", help="The label. A column named target, label, y or class is taken unless this is given.")
@click.option("--group", metavar="COLUMN", help="No value of it may be in two splits (a patient, a user).")
@click.option("--time", metavar="COLUMN", help="No split may reach back into the one before.")
@click.option("--schema", type=click.Path(path_type=Path), help="A TOML or JSON file that says what each column must be.")
@click.option(
    "--sample", metavar="ROWS", type=click.IntRange(min=1000), default=100_000, show_default=True, help="Rows in which values are compared."
)
@json_option
def check(
    paths: tuple[Path, ...],
    train: Path | None,
    val: Path | None,
    test: Path | None,
    target: str | None,
    group: str | None,
    time: str | None,
    schema: Path | None,
    sample: int,
    as_json: bool,
) -> int:
    """Look for what spoils a model: missing, mixed, odd and repeated values, classes
    that are unequal, columns that tell the label, splits that share rows, groups or
    time, and drift between them.

    PATH: CSV, TSV, JSONL (also .gz and .zst), Parquet, .npy, .npz, or a folder of
    these, or of pictures with a folder for each class. In a folder, files or folders
    named train, val and test are taken for splits.

    Ends with 0 if no error was found (warnings may have been), with 1 if one was, and
    with 2 if something cannot be read.

    Example: mltui data check data/ --target label --group patient
    """
    from mltui.experiments.data_checks import declared
    from mltui.experiments.data_checks.check import Options
    from mltui.experiments.data_checks.check import check as run
    from mltui.experiments.data_checks.report import lines

    found: list[Place] = []
    notes: list[str] = []
    named = [*((path, "") for path in paths), *((path, role) for path, role in ((train, "train"), (val, "val"), (test, "test")) if path)]
    for path, role in named:
        _add(path, role, found, notes)
    if not found:
        raise UsageError("no data is named", hint="Write `mltui data check PATH`, or --train PATH --test PATH")
    wanted = declared.load(schema, str(schema)) if schema is not None else None
    options = Options(target=target, group=group, time=time, sample=sample, schema=wanted)
    report = run(found, options, notes, _progress())
    if as_json:
        emit_json(report.as_json())
    else:
        click.echo("\n".join(lines(report)))
    return 1 if report.count("error") else 0


def _add(path: Path, role: str, found: list[Place], notes: list[str]) -> None:
    from mltui.experiments.data_checks.places import places

    more, said = places(path, role, clean(str(path)))
    if role and len(more) > 1:
        raise UsageError(f"{clean(str(path))} holds several sets of data, not one split", hint="Name the file")
    found += more
    notes += said


def _progress() -> Callable[[str, int], None] | None:
    """Says on a terminal how far the reading is; nothing elsewhere."""
    if not sys.stderr.isatty():
        return None
    said: dict[str, int] = {}

    def told(name: str, rows: int) -> None:
        if rows // _STEP > said.get(name, 0):
            said[name] = rows // _STEP
            click.echo(f"{clean(name)}: {rows:,} read …", err=True)

    return told


@data.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--sample", is_flag=True, help="Read only parts of files over 64 MB; such fingerprints are named sample-sha256.")
@cd_option
@json_option
def fingerprint(paths: tuple[Path, ...], sample: bool, cwd: Path, as_json: bool) -> int:
    """Say which data this is: the SHA-256 of a file, or of a folder's files and their
    names, as proposals record it. What did not change since it was last read is not
    read again. What DVC records (NAME.dvc, dvc.lock) is shown and compared.

    Ends with 1 if data is not what DVC records, or is not here.

    Example: mltui data fingerprint data/train.parquet data/images
    """
    from mltui.config.paths import ensure_project_state, project_root
    from mltui.experiments.fingerprints import Fingerprints

    root = project_root(cwd)
    kept = (root / ".git").exists() or (root / ".mltui").is_dir()
    prints = Fingerprints(root, ensure_project_state(root) if kept else None, sample=sample)
    found = [prints.of(cwd / path, str(path)) for path in paths]
    prints.save()
    if as_json:
        emit_json([item.model_dump(mode="json") for item in found])
    else:
        for item in found:
            click.echo(_fingerprint_line(item))
    return 1 if any(item.dvc is not None and item.dvc.state in ("differs", "absent") for item in found) else 0


def _fingerprint_line(item: Fingerprint) -> str:
    files = f", {item.files:,} files" if item.kind == "folder" else ""
    line = (
        f"{item.algorithm}:{item.digest}  {clean(item.path)}  ({item.size:,} bytes{files})"
        if item.digest
        else f"{clean(item.path)}: not here"
    )
    if item.dvc is not None:
        words = {
            "matches": "as DVC records",
            "differs": "NOT as DVC records",
            "absent": "DVC records",
            "unchecked": "not compared with DVC's",
        }
        line += f"\n  {words[item.dvc.state]}: md5 {clean(item.dvc.md5)} in {clean(item.dvc.source)}"
        line += " (dvc pull gets it)" if item.dvc.state == "absent" else ""
    return line


@data.command("split")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--test", type=click.FloatRange(0, 1, max_open=True), default=0.2, show_default=True, help="The test split's share of the rows."
)
@click.option("--val", type=click.FloatRange(0, 1, max_open=True), default=0.0, help="The validation split's share of the rows.")
@click.option("--group", metavar="COLUMN", help="Keep rows with the same value together.")
@click.option("--stratify", metavar="COLUMN", help="The same mix of its values in every split.")
@click.option("--time", metavar="COLUMN", help="The latest rows are the test split.")
@click.option("--seed", type=click.IntRange(min=0), required=True, help="The same seed gives the same splits.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder for the splits and split.json.")
@json_option
def split_(
    path: Path, test: float, val: float, group: str | None, stratify: str | None, time: str | None, seed: int, out: Path, as_json: bool
) -> None:
    """Divide the rows of a file into train, val and test. Nothing is overwritten; how it was
    done, with the fingerprints of the source and the splits, stands in split.json.

    Example: mltui data split data.csv --test 0.2 --group patient --seed 7 --out data/split
    """
    from mltui.experiments.data_checks.splitting import Plan, split
    from mltui.experiments.datasets import Digests

    if sum(bool(column) for column in (group, stratify, time)) > 1:
        raise UsageError(
            "--group, --stratify and --time exclude one another", hint="Choose what matters most; check the result with `mltui data check`"
        )
    if not 0 < test + val < 1:  # also of no number at all
        raise UsageError(
            f"--test {test:g} and --val {val:g} leave nothing for {'training' if test + val else 'testing'}",
            hint="Such as --test 0.2 --val 0.1",
        )
    shown = clean(str(path))
    if not path.is_file():
        raise UsageError(f"{shown} is a folder" if path.is_dir() else f"{shown} does not exist", hint="Name one file")
    parts = split(path, shown, Plan(test, val, seed, group, stratify, time), out, Digests(None))
    if as_json:
        emit_json({"out": str(out), "splits": [{"name": part.name, "file": str(out / part.file), "rows": part.rows} for part in parts]})
        return
    for part in parts:
        click.echo(f"{part.name}: {part.rows:,} rows in {clean(str(out / part.file))}")
