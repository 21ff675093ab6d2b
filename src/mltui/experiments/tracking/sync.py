"""Brings MLflow up to date with the journal. `python -m mltui.experiments.tracking.sync ROOT` does it in a process of its own.

Light to import: mlflow is loaded only when there is something to send. What was sent is remembered in
`.mltui/tracking.json`; that file may be lost, since every run is found again in MLflow by its tags.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol, cast

from pydantic import ValidationError

from mltui.config.loader import load
from mltui.config.schema import Config, Tracking
from mltui.config.trust import is_trusted
from mltui.core.errors import ExperimentError, MltuiError
from mltui.experiments.heads import open_journal
from mltui.experiments.journal import plain
from mltui.experiments.records import SyncFailed
from mltui.experiments.storage import file_lock, make_state_folder, write_atomically
from mltui.experiments.tracking.history import History, histories
from mltui.experiments.tracking.place import QUIET, STATE, database_file, experiment_name, set_defaults, tracking_uri
from mltui.experiments.tracking.progress import Progress, SyncResult

SETTINGS_VARIABLE = "MLTUI_SYNC_TRACKING"
"""Carries `[tracking]` to the sync process; not an argument, since a URI may hold a password."""

DELIVER = "mltui.experiments.tracking.deliver"
"""The module behind which mlflow is."""

LOCK_SECONDS = 300.0


def preload() -> None:
    """Imports mlflow (some seconds), so that a `sync_project` of this process starts at once."""
    set_defaults(QUIET)
    importlib.import_module(DELIVER)


def sync_project(root: Path, config: Config) -> SyncResult:
    """Sends what the journal has and MLflow lacks. Twice is as once; after a crash it goes on where it was.

    Raises:
        ConfigError: the tracking store cannot be used as it is.
        ExperimentError: the server does not answer, or refuses. The journal says so too (`sync.failed`).
    """
    begun = time.monotonic()
    state = root / STATE
    uri = tracking_uri(root, config.tracking)
    journal = state / "journal.jsonl"
    if not config.tracking.enabled or not journal.exists():
        return SyncResult(tracking_uri=uri)
    make_state_folder(state)
    with file_lock(state / "tracking.lock", timeout=LOCK_SECONDS):
        progress = _progress(state, uri, experiment_name(root, config.tracking))
        found, head = histories(journal)
        news = [history for history in found if progress.seqs.get(history.experiment.id) != history.seq]
        if news:
            try:
                progress = _deliver(root, config.tracking, progress, news, head)
            except MltuiError as error:
                _remember_failure(state, progress, news[0].experiment.id, str(error))
                raise
            _write(state, progress)
    return SyncResult(
        tracking_uri=uri,
        experiment_id=progress.experiment_id,
        sent=tuple(history.experiment.id for history in news),
        runs=progress.runs,
        seconds=time.monotonic() - begun,
    )


def start_sync(root: Path, tracking: Tracking) -> int | None:
    """Starts `sync_project` in a detached process, which outlives this one and writes to `.mltui/sync.log`.

    Returns: its process id; None when tracking is switched off.
    """
    if not tracking.enabled:
        return None
    make_state_folder(root / STATE)
    with (root / STATE / "sync.log").open("ab") as log:
        process = subprocess.Popen(
            _command(root), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(tracking), start_new_session=True
        )
    return process.pid


def run_sync(root: Path, tracking: Tracking, timeout: float = 300.0) -> SyncResult:
    """Synchronises in another process and waits for it.

    Raises:
        ExperimentError: it failed, with the line that it said, or took longer than `timeout` seconds.
    """
    try:
        done = subprocess.run(
            _command(root), stdin=subprocess.DEVNULL, capture_output=True, env=_environment(tracking), timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ExperimentError(f"MLflow took longer than {timeout:g} seconds", hint="Results are safe in the journal") from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ExperimentError(lines[-1].removeprefix("mltui: ") if lines else "the synchronisation with MLflow ended without a word")
    return SyncResult.model_validate_json(done.stdout)


def main(arguments: list[str]) -> int:
    """Synchronises the project named on the command line; prints a `SyncResult` as JSON, or one line on stderr."""
    if len(arguments) != 1:
        print("usage: python -m mltui.experiments.tracking.sync ROOT", file=sys.stderr)
        return 2
    root = Path(arguments[0])
    try:
        with contextlib.redirect_stdout(sys.stderr):
            result = sync_project(root, _config(root))
    except MltuiError as error:
        print(f"mltui: {error}", file=sys.stderr)
        return error.exit_code
    print(result.model_dump_json())
    return 0


def _deliver(root: Path, tracking: Tracking, progress: Progress, news: list[History], head: str) -> Progress:
    preload()
    module = cast("_Deliver", sys.modules[DELIVER])
    return module.deliver(root, tracking, progress, news, head)


class _Deliver(Protocol):
    def deliver(self, root: Path, tracking: Tracking, progress: Progress, news: list[History], head: str) -> Progress: ...


def _progress(state: Path, uri: str, experiment: str) -> Progress:
    """What is known to be in this store: nothing, if it is another one or its file is gone."""
    file = database_file(uri)
    fresh = Progress(tracking_uri=uri, experiment=experiment)
    try:
        progress = Progress.model_validate_json((state / "tracking.json").read_bytes())
    except (OSError, ValidationError):
        return fresh
    same = (progress.tracking_uri, progress.experiment) == (uri, experiment)
    return progress if same and (file is None or file.exists() or progress.error) else fresh


def _write(state: Path, progress: Progress) -> None:
    write_atomically(state / "tracking.json", progress.model_dump_json(indent=2).encode() + b"\n", mode=0o600)


def _remember_failure(state: Path, progress: Progress, proposal_id: str, message: str) -> None:
    if progress.error == message:
        return
    open_journal(state).append(SyncFailed.type, "mltui", plain(SyncFailed(proposal_id=proposal_id, message=message)))
    _write(state, progress.model_copy(update={"error": message}))


def _command(root: Path) -> list[str]:
    return [sys.executable, "-m", "mltui.experiments.tracking.sync", str(root.absolute())]


def _environment(tracking: Tracking) -> dict[str, str]:
    return {**os.environ, SETTINGS_VARIABLE: tracking.model_dump_json()}


def _config(root: Path) -> Config:
    """The settings given by the process that started this one, else those of the project."""
    given = os.environ.get(SETTINGS_VARIABLE)
    if given:
        return Config(tracking=Tracking.model_validate_json(given))
    return load(root, os.environ, trusted=is_trusted(root, os.environ)).config


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
