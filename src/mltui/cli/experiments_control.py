"""`mltui experiments control`: what is under experiment, and why, or why not."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, open_experiments
from mltui.core.data import Data
from mltui.experiments.control import SETTINGS, Control


@click.command()
@cd_option
@json_option
@click.option("--explain", "path", type=click.Path(path_type=Path), help="Say why this file is under experiment, or why not.")
@click.option("--kind", type=click.Choice(sorted(SETTINGS)), help="Only files of this kind.")
def control(cwd: Path, as_json: bool, path: Path | None, kind: str | None) -> None:
    """What is under experiment and why. Example: mltui experiments control --explain train.py"""
    found = open_experiments(cwd).control
    paths = [_absolute(path)] if path else found.files()
    rows = [row for row in (_row(found, p) for p in paths) if kind is None or row.kind == kind]
    if as_json:
        emit_json([row.model_dump(mode="json") for row in rows])
    elif path is not None:
        for row in rows:
            click.echo(clean(f"{row.path}: {row.kind}: {row.reason}"))
            for line, text in row.evidence:
                click.echo(clean(f"  line {line}: {text}"))
    elif rows:
        emit_table(["PATH", "KIND", "REASON"], [[row.path, row.kind, row.reason] for row in rows])
    else:
        print("Nothing is under experiment: declare it in [experiments] of .mltui/config.toml", file=sys.stderr)


def _absolute(path: Path) -> Path:
    """The path with its folder resolved; the file itself may be a link, which is explained as one."""
    path = Path.cwd() / path
    return path.parent.resolve() / path.name


class Row(Data):
    """Attributes: evidence: line and what stands there, of what detection found."""

    path: str
    kind: str
    reason: str
    evidence: tuple[tuple[int, str], ...]


def _row(found: Control, path: Path) -> Row:
    change = found.explain(path)
    name = found.relative(path) or str(path)
    return Row(
        # JSON holds no halves of characters, which stand for bytes that are no UTF-8.
        path=_text(name),
        kind=change.kind if change else "free",
        reason=_text(change.reason if change else found.why_not(path)),
        evidence=tuple((finding.line, _text(finding.text)) for finding in found.evidence(path)),
    )


def _text(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
