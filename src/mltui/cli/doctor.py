"""`mltui doctor`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click

from mltui import doctor as diagnosis
from mltui.cli.output import emit_json
from mltui.cli.project import cd_option, json_option


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui doctor --json")
@cd_option
@json_option
@click.option("--width", type=click.IntRange(min=1), hidden=True, help="Columns of what is printed; as the terminal's when left out.")
def doctor(cwd: Path, as_json: bool, width: int | None) -> int:
    """Say what is installed, what works and what to do about the rest; ends with 1 when something is broken."""
    checks = diagnosis.diagnose(cwd.resolve(), os.environ)
    if as_json:
        emit_json(diagnosis.as_json(checks))
    else:
        click.echo(diagnosis.render(checks, width or shutil.get_terminal_size((100, 24)).columns))
    return diagnosis.exit_code(checks)
