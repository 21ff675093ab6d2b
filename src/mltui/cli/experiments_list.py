"""`mltui experiments list`: from the index, without loading what the other commands need."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path

import click

from mltui.cli.output import emit_json, emit_table
from mltui.cli.project import cd_option, json_option, open_experiments
from mltui.config.paths import project_root, project_state
from mltui.core.errors import UsageError
from mltui.experiments.families import Standing, standings
from mltui.experiments.index import Index, Row

STATES = (
    "proposed", "held", "rejected", "superseded", "maintenance", "approved", "running", "failed", "stopped", "measured", "compared",
    "interpreted", "accepted", "discarded",
)  # fmt: skip
KINDS = ("train", "hparam", "prompt", "data", "eval", "infra")
_UNITS = {"min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@click.command("list")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only in this state; may be given again.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only of this kind; may be given again.")
@click.option("--since", metavar="DATE|AGE", help="Only those proposed since: 2026-05-01, or 12h, 7d.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many of the newest.")
@cd_option
@json_option
def list_(states: tuple[str, ...], kinds: tuple[str, ...], since: str | None, limit: int | None, cwd: Path, as_json: bool) -> None:
    """All experiments of the project, the newest last. Example: mltui experiments list --state proposed --since 7d"""
    begin = _moment(since) if since else None
    index = _current_index(cwd)
    rows = index.rows(states=states, kinds=kinds, since=begin, limit=limit)
    unplanned = index.count("training.unplanned") - index.count("training.settled")
    among = standings(rows if not (states or kinds or since or limit) else index.rows()) if as_json else {}
    index.close()
    if index.notice:
        click.echo(f"{index.notice}.", err=True)
    if as_json:
        emit_json([_as_json(row, among.get(row.id)) for row in rows])
        return
    if rows:
        now = time.time()
        cells = [(row.id, row.state, row.kind, _verdict(row), _difference(row), _age(now - row.created), row.title) for row in rows]
        emit_table(["ID", "STATE", "KIND", "VERDICT", "DIFFERENCE [95 % CI]", "AGE", "TITLE"], cells)
    elif states or kinds or since:
        click.echo("No experiment is like that.", err=True)
    else:
        click.echo("There are no experiments yet. The agent makes one with ProposeExperiment; `mltui try` shows how.", err=True)
    if unplanned > 0:
        click.echo(f"Training outside any proposal, not yet settled: {unplanned}. See `mltui experiments orphans list`.", err=True)


def _current_index(cwd: Path) -> Index:
    """The index, after experiments whose supervisor died were ended, and what else a crash left was finished."""
    state = project_state(project_root(cwd))
    index = Index(state)
    running = [row.id for row in index.rows(states=("running",))]
    if running or index.half_replaced():
        found = open_experiments(cwd)
        for name in running:
            found.get(name)
        index.close()
        index = Index(state)
    return index


def _as_json(row: Row, standing: Standing | None) -> dict[str, object]:
    return {
        "id": row.id,
        "title": row.title,
        "kind": row.kind,
        "state": row.state,
        "created": row.created,
        "verdict": row.verdict,
        "diff": row.diff,
        "ci_low": row.ci_low,
        "ci_high": row.ci_high,
        "p_value": row.p_value,
        "p_adjusted": standing.p_adjusted if standing else None,
        "q_value": standing.q_value if standing else None,
        "family_size": standing.family if standing else None,
        "guardrails": row.guardrails,
    }


def _moment(text: str) -> float:
    """Seconds since the epoch. Raises: UsageError: neither a date nor an age."""
    age = re.fullmatch(r"(\d+(?:\.\d+)?)(min|h|d|w)", text.strip())
    if age:
        return time.time() - float(age[1]) * _UNITS[age[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"--since {text}: neither a date nor an age", hint="Write 2026-05-01, 30min, 12h, 7d or 2w") from None


def _verdict(row: Row) -> str:
    """The verdict on the primary metric; a guardrail that does not hold belongs to it."""
    if row.verdict is None:
        return "–"
    broken = [name for name, verdict in row.guardrails.items() if verdict == "worse"]
    unsure = [name for name, verdict in row.guardrails.items() if verdict == "inconclusive"]
    but = f", but {', '.join(broken)} worse" if broken else f", {', '.join(unsure)} unclear" if unsure else ""
    return row.verdict + but


def _difference(row: Row) -> str:
    if row.diff is None or row.ci_low is None or row.ci_high is None:
        return "–"
    return f"{row.diff:+.4g} [{row.ci_low:.4g}, {row.ci_high:.4g}]"


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
