"""Brings the trackers up to date with the journal; `python -m mltui.experiments.tracking.sync ROOT [SINK]` does so in a process of its own.

Light to import: a tracker's library is loaded only when there is something to send and somebody to take it. What was sent is
remembered in `.mltui/tracking.json` (MLflow) and `.mltui/wandb.json`; these files may be lost, since every run is found again by its id.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from mltui.config.loader import load
from mltui.config.schema import Config, Tracking
from mltui.config.trust import is_trusted
from mltui.core.errors import ExperimentError, MltuiError
from mltui.experiments.heads import open_journal
from mltui.experiments.index import Index
from mltui.experiments.journal import plain
from mltui.experiments.records import SyncFailed
from mltui.experiments.storage import file_lock, make_state_folder
from mltui.experiments.tracking.backlog import backlogs, waiting
from mltui.experiments.tracking.history import History, histories
from mltui.experiments.tracking.lean_import import import_without
from mltui.experiments.tracking.place import QUIET, STATE, check_reachable, set_defaults
from mltui.experiments.tracking.progress import Progress, SyncResult, write_progress
from mltui.experiments.tracking.sinks import MLFLOW, SINKS, Sink, SinkName, enabled_sinks

if TYPE_CHECKING:
    from collections.abc import Generator

SETTINGS_VARIABLE = "MLTUI_SYNC_TRACKING"
"""Carries `[tracking]` to the sync process; not an argument, since a URI may hold a password."""

PATIENT_VARIABLE = "MLTUI_SYNC_PATIENT"
"""Somebody waits for the result, so that it is not left to another process."""

LOCK_SECONDS = 300.0


def preload() -> None:
    """Imports mlflow (some seconds), so that a `sync_project` of this process starts at once."""
    _library(MLFLOW)


def sync_project(root: Path, config: Config, sink: Sink = MLFLOW, *, patient: bool = True) -> SyncResult:
    """Sends what the journal has and a tracker lacks. Twice is as once; after a crash it goes on where it was.

    Args:
        patient: wait for others that send, too; else leave it to the one that waits already, who will see what is there now.

    Raises:
        ConfigError: the tracker cannot be used as it is.
        ExperimentError: the server does not answer, or refuses. The journal says so too (`sync.failed`).
    """
    begun = time.monotonic()
    tracking, state = config.tracking, root / STATE
    uri = sink.place(root, tracking)
    journal = state / "journal.jsonl"
    if not sink.enabled(tracking) or not journal.exists():
        return SyncResult(tracking_uri=uri)
    make_state_folder(state)
    with _turn(sink.file(root), patient) as ours:
        if not ours:
            return SyncResult(tracking_uri=uri, yielded=True)
        progress = sink.progress(root, tracking)
        with closing(Index(state)) as index:
            names = waiting(index, sink, progress.seqs)
        news, head = histories(journal, set(names)) if names else ([], "")
        for held in _delivered(root, tracking, sink, progress, news, head) if news else ():
            progress = held
            write_progress(sink.file(root), progress)
    return SyncResult(
        tracking_uri=uri,
        experiment_id=progress.experiment_id,
        sent=tuple(history.experiment.id for history in news),
        runs=progress.runs,
        seconds=time.monotonic() - begun,
    )


def start_sync(root: Path, tracking: Tracking, sinks: Iterable[Sink] | None = None) -> list[int]:
    """Starts `sync_project` in detached processes, one a tracker, which outlive this one and write to `.mltui/sync.log`.

    A tracker that failed is left alone until its next try.

    Returns: their process ids; none when tracking is switched off.
    """
    wanted = [sink for sink in enabled_sinks(tracking) if sinks is None or sink in sinks]
    return [_start(root, tracking, sink) for sink in wanted if sink.progress(root, tracking).due(time.time())]


def catch_up(root: Path, tracking: Tracking) -> list[int]:
    """Starts what `start_sync` does where a result waits, or the last try failed and it is time for another. Cheap where nothing does.

    Returns: the ids of the processes that were started.
    """
    now = time.time()
    behind = {
        backlog.sink
        for backlog in backlogs(root, tracking)
        if (backlog.results or (backlog.experiments and backlog.failures)) and not backlog.next_try > now
    }
    return start_sync(root, tracking, [sink for sink in SINKS.values() if sink.title in behind]) if behind else []


def start_others(root: Path, config: Config) -> None:
    """Starts the trackers beside MLflow, which the caller brings up to date itself, whenever their last try was."""
    for sink in enabled_sinks(config.tracking):
        if sink is not MLFLOW:
            _start(root, config.tracking, sink)


def run_sync(root: Path, tracking: Tracking, sink: Sink = MLFLOW, timeout: float = 300.0) -> SyncResult:
    """Synchronises in another process and waits for it.

    Raises:
        ExperimentError: it failed, with the line that it said, or took longer than `timeout` seconds.
    """
    try:
        done = subprocess.run(
            _command(root, sink),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(tracking) | {PATIENT_VARIABLE: "1"},
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ExperimentError(f"{sink.title} took longer than {timeout:g} seconds", hint="Results are safe in the journal") from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ExperimentError(lines[-1].removeprefix("mltui: ") if lines else f"the synchronisation with {sink.title} ended without a word")
    return SyncResult.model_validate_json(done.stdout)


def main(arguments: list[str]) -> int:
    """Synchronises the project named on the command line; prints a `SyncResult` as JSON, or one line on stderr."""
    if len(arguments) not in (1, 2) or (arguments[1:] and arguments[1] not in SINKS):
        print(f"usage: python -m mltui.experiments.tracking.sync ROOT [{'|'.join(SINKS)}]", file=sys.stderr)
        return 2
    root = Path(arguments[0])
    sink = SINKS[cast("SinkName", arguments[1])] if arguments[1:] else MLFLOW
    try:
        with contextlib.redirect_stdout(sys.stderr):
            result = sync_project(root, _config(root), sink, patient=PATIENT_VARIABLE in os.environ)
    except MltuiError as error:
        print(f"mltui: {error}", file=sys.stderr)
        return error.exit_code
    print(result.model_dump_json())
    return 0


def _delivered(root: Path, tracking: Tracking, sink: Sink, progress: Progress, news: list[History], head: str) -> Iterator[Progress]:
    """What the tracker holds, after each experiment that it took. A failure is remembered before it is raised."""
    try:
        check_reachable(progress.tracking_uri)
        for progress in _library(sink).deliver(root, tracking, progress, news, head):  # noqa: B020  each follows from the one before
            yield progress
    except Exception as error:
        message = str(error) if isinstance(error, MltuiError) else f"mltui failed: {type(error).__name__}: {error}"
        _remember_failure(root, sink, progress, news, message)
        raise


def _library(sink: Sink) -> _Deliver:
    """MLflow needs pandas for tables only, and takes twice as long to import with it. wandb does not load without one that is there."""
    set_defaults(QUIET)
    return cast("_Deliver", import_without(sink.module, "pandas") if sink == MLFLOW else importlib.import_module(sink.module))


class _Deliver(Protocol):
    def deliver(self, root: Path, tracking: Tracking, progress: Progress, news: list[History], head: str) -> Iterator[Progress]: ...


@contextmanager
def _turn(file: Path, patient: bool) -> Generator[bool]:
    """Holds the tracker against every other process. Whether it is our turn: one that waits is enough, and sends for all.

    Raises: ExperimentError: whoever sends takes too long.
    """
    with ExitStack() as held, ExitStack() as queued:
        try:
            queued.enter_context(file_lock(file.with_suffix(".next.lock"), timeout=LOCK_SECONDS if patient else 0.0))
        except ExperimentError:
            if patient:
                raise
            yield False
            return
        held.enter_context(file_lock(file.with_suffix(".lock"), timeout=LOCK_SECONDS))
        queued.close()
        yield True


def _remember_failure(root: Path, sink: Sink, progress: Progress, news: list[History], message: str) -> None:
    if progress.error != message:
        first = next(history for history in news if progress.seqs.get(history.experiment.id) != history.seq)
        entry = SyncFailed(proposal_id=first.experiment.id, message=message)
        open_journal(root / STATE).append(SyncFailed.type, "mltui", plain(entry))
    write_progress(sink.file(root), progress.with_failure(message, time.time()))


def _start(root: Path, tracking: Tracking, sink: Sink) -> int:
    make_state_folder(root / STATE)
    with (root / STATE / "sync.log").open("ab") as log:
        process = subprocess.Popen(
            _command(root, sink), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(tracking), start_new_session=True
        )
    return process.pid


def _command(root: Path, sink: Sink) -> list[str]:
    return [sys.executable, "-m", "mltui.experiments.tracking.sync", str(root.absolute()), sink.name]


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
