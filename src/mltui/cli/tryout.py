"""`mltui try`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import click

from mltui.core.errors import ConfigError, MltuiError


@click.command(name="try", context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui try --dir digits")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Where the project goes (a new or empty folder); it is kept.")
@click.option("--headless", is_flag=True, help="Ask no one: the example's policy file decides.")
@click.option("--plain", is_flag=True, help="Line by line instead of the app.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout; implies --headless.")
def try_command(folder: Path | None, headless: bool, plain: bool, as_json: bool) -> int:
    """Run one whole experiment on the packaged example, offline: baseline, proposal, your decision, runs, comparison."""
    from mltui.models.registry import embedded_model_path
    from mltui.tryout.project import make_project, missing_parts

    model, missing = embedded_model_path(), missing_parts()
    if missing or model is None:
        what = ", ".join(missing) or "the embedded model"
        raise ConfigError(f"mltui try needs what is not installed: {what}", hint="pip install 'mltui[embedded]'")
    root = make_project(folder)
    click.echo(f"The project is in {root} (kept).", err=True)
    alone = headless or as_json or not (sys.stdin.isatty() and sys.stdout.isatty())
    keeper = _Keeper(root, model)
    if alone:
        return _alone(keeper, as_json)
    code = _plain(keeper) if plain else _tui(keeper)
    _farewell(keeper)
    return code


class _Keeper:
    """Opens the session for a front-end and keeps it for the last word."""

    def __init__(self, root: Path, model: Path) -> None:
        self.root = root
        self.model = model
        self.session: Any = None
        self.policy: Path | None = None

    async def open(self, approver: Any, resume: str | None = None) -> Any:
        runtime = await asyncio.to_thread(__import__, "mltui.runtime", fromlist=["open_session"])
        tryout = await asyncio.to_thread(__import__, "mltui.tryout.session", fromlist=["TryoutSession"])
        options = runtime.Options(
            cwd=self.root,
            resume=resume,
            model=str(self.model),
            trusted=True,
            session_type=tryout.TryoutSession,
            system=tryout.SYSTEM,
            policy=self.policy,
        )
        self.session = await runtime.open_session(options, approver, os.environ)
        return self.session


def _alone(keeper: _Keeper, as_json: bool) -> int:
    from mltui.ui.headless.approver import HeadlessApprover

    approver = HeadlessApprover()
    keeper.policy = keeper.root / "policy.toml"
    try:
        result = asyncio.run(_play(keeper, approver))
    finally:
        _farewell(keeper)
    if as_json:
        from mltui.cli.output import emit_json

        emit_json(result)
    return 0


async def _play(keeper: _Keeper, approver: Any) -> dict[str, Any]:
    from mltui.cli.progress import show_progress
    from mltui.tryout.session import FIRST_PROMPT

    session = await keeper.open(approver)
    try:
        end = await session.prompt(FIRST_PROMPT, show_progress)
        synced = await asyncio.to_thread(_sync, session.experiments)
    finally:
        await session.close()
    experiment = session.outcome
    if experiment is None or experiment.comparison is None:
        why = end.error or (experiment.message if experiment else "") or end.outcome
        raise MltuiError(
            f"The experiment did not come to a comparison: {why}", hint=f"Look at it with: mltui experiments list -C {keeper.root}"
        )
    comparison = experiment.comparison
    return {
        "dir": str(keeper.root),
        "tracking_uri": synced.tracking_uri,
        "experiment_id": synced.experiment_id,
        "proposal_id": experiment.id,
        "verdict": comparison.verdict,
        "diff": comparison.diff,
        "ci_low": comparison.ci_low,
        "ci_high": comparison.ci_high,
        "p_value": comparison.p_value,
    }


def _sync(experiments: Any) -> Any:
    """Waits until MLflow has everything."""
    from mltui.experiments.tracking.sync import run_sync

    return run_sync(experiments.root, experiments.config.tracking)


def _tui(keeper: _Keeper) -> int:
    from mltui.tryout.session import FIRST_PROMPT
    from mltui.ui.tui.app import run_tui

    return run_tui(keeper.open, FIRST_PROMPT)


def _plain(keeper: _Keeper) -> int:
    from mltui.tryout.session import FIRST_PROMPT
    from mltui.ui.plain.run import run_plain

    return asyncio.run(run_plain(keeper.open, FIRST_PROMPT))


def _farewell(keeper: _Keeper) -> None:
    """What happened and where to look, on stderr."""
    session = keeper.session
    experiment = session.outcome if session is not None else None
    if experiment is not None and experiment.comparison is not None:
        from mltui.experiments.render import render_comparison

        click.echo(render_comparison(experiment.comparison, 80), err=True)
    click.echo(f"\nThe project: {keeper.root}", err=True)
    if experiment is not None:
        click.echo(f"  mltui experiments show {experiment.id} -C {keeper.root}", err=True)
        if experiment.state == "interpreted":
            click.echo(f"  mltui experiments accept {experiment.id} -C {keeper.root}     (or discard)", err=True)
    click.echo(f"  mltui ui -C {keeper.root}     (the runs in MLflow)", err=True)
