"""Sends experiments to W&B. The only module that imports wandb; loaded in a process of its own.

A run is written to `.mltui/wandb` as W&B does it offline, under an id that is derived from the journal, and is written anew when what
it should hold has changed. In online mode `wandb sync` uploads what lies there: the files are the queue, and W&B takes the same id as the
same run.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from mltui.config.schema import Tracking
from mltui.core.errors import ConfigError, ExperimentError
from mltui.experiments.storage import write_atomically
from mltui.experiments.tracking.history import History
from mltui.experiments.tracking.place import KEPT, check_reachable, set_defaults, wandb_folder
from mltui.experiments.tracking.progress import Progress
from mltui.experiments.tracking.sinks import WANDB
from mltui.experiments.tracking.wandb_mapping import WandbRun, wandb_runs

QUIET = {"WANDB_SILENT": "true", "WANDB_CONSOLE": "off", "WANDB_ERROR_REPORTING": "false"}
IMPATIENT = {
    "WANDB_X_GRAPHQL_RETRY_MAX": "1",
    "WANDB_X_GRAPHQL_TIMEOUT_SECONDS": "10",
    "WANDB_X_FILE_STREAM_RETRY_MAX": "2",
    "WANDB_X_FILE_STREAM_TIMEOUT_SECONDS": "20",
    "WANDB_X_FILE_TRANSFER_RETRY_MAX": "2",
}
"""W&B's own retries go on for hours; here the next synchronisation is the retry."""

OURS = re.compile(
    r"WANDB_(RUN_ID|RUN_GROUP|RUN_NAME|NAME|NOTES|TAGS|JOB_TYPE|SWEEP_ID|PROJECT|ENTITY|MODE|DIR|RESUME|DISABLED|CONFIG_PATHS|RUN_DIR|SERVICE)"
)
"""Variables that would say of which run this is; those about the server and the key are the person's."""

UPLOAD_SECONDS = 120.0
MARK = "mltui.sha256"
"""In a run's folder, once it is whole: the digest of what it holds."""

for _name in [name for name in os.environ if OURS.fullmatch(name)]:
    del os.environ[_name]
set_defaults(QUIET | IMPATIENT)  # wandb reads these when it is imported

try:
    import wandb
except ImportError as error:
    raise ConfigError(f"W&B cannot be loaded ({error})", hint="pip install 'mltui[wandb]', or set [tracking] wandb = \"off\"") from error


def deliver(root: Path, tracking: Tracking, progress: Progress, news: list[History], head: str) -> Iterator[Progress]:
    """Brings the W&B runs of `news` up to date, in their order. `head`, the journal's last hash, is for MLflow.

    Yields: after each experiment, what W&B holds.

    Raises:
        ConfigError: there is no key.
        ExperimentError: the server does not answer, or does not take a run; what was written stays and is uploaded later.
    """
    project, entity = WANDB.group(root, tracking).rpartition("/")[2], tracking.wandb_entity.strip()
    online = tracking.wandb == "online"
    folder = wandb_folder(root)
    for history in news:
        runs = wandb_runs(history, root)
        with _told():
            written = [_written(run, folder, project, entity) for run in runs]
        if online and written:
            _upload(written)
        progress = progress.with_sent(project, history.experiment.id, history.seq, runs[0].group if runs else "")
        yield progress


def _written(run: WandbRun, folder: Path, project: str, entity: str) -> Path:
    """The run's folder, made anew unless it holds just this. What a crash left of the same run is removed: the journal has it all."""
    digest = run.digest()
    found = _folders(folder, run.id)
    whole = next((one for one in found if _mark(one) == digest), None)
    for other in found:
        if other != whole:
            shutil.rmtree(other)
    if whole is None:
        whole = _write(run, folder, project, entity)
        write_atomically(whole / MARK, digest.encode())
    return whole


def _write(run: WandbRun, folder: Path, project: str, entity: str) -> Path:
    settings = wandb.Settings(
        console="off",
        disable_code=True,
        disable_git=True,
        save_code=False,
        silent=True,
        # They would tell of this process: what ran is in the journal, and in `config`.
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
    made = wandb.init(
        id=run.id,
        project=project,
        entity=entity or None,
        mode="offline",
        dir=str(folder.parent),
        name=run.name,
        group=run.group,
        job_type=run.job_type,
        notes=run.notes,
        tags=run.tags,
        config=run.config,
        settings=settings,
        reinit="finish_previous",
    )
    place, files = Path(made.dir).parent, Path(made.dir)
    for name, data in run.files.items():
        target = files / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        made.save(str(target), base_path=str(files), policy="end", glob=False)  # pyright: ignore[reportUnknownMemberType]
    for step, row in run.rows:
        made.log(dict(row), step=step)
    made.summary.update(run.summary)  # pyright: ignore[reportUnknownMemberType]
    made.finish(exit_code=1 if run.failed else 0)
    return place


def _folders(folder: Path, id_: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"offline-run-*-{id_}") if path.is_dir() and not path.is_symlink())


def _mark(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return (folder / MARK).read_text()
    return ""


def _upload(folders: Sequence[Path]) -> None:
    """Raises: ConfigError: no key. ExperimentError: the server did not take all of them in time."""
    waiting = [folder for folder in folders if not _uploaded(folder)]
    if not waiting:
        return
    check_reachable(wandb.setup().settings.base_url)
    command = [sys.executable, "-m", "wandb", "sync", *map(str, waiting)]
    try:
        done = subprocess.run(
            command, cwd=waiting[0].parent, capture_output=True, stdin=subprocess.DEVNULL, timeout=UPLOAD_SECONDS, check=False,
            env={**os.environ, "WANDB_SILENT": "false"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ExperimentError(f"W&B took no run within {UPLOAD_SECONDS:g} seconds", hint=KEPT) from error
    if all(map(_uploaded, waiting)):
        return
    said = (done.stderr + done.stdout).decode("utf-8", "replace")
    if "API key" in said:
        raise ConfigError("W&B has no key", hint='wandb login, or export WANDB_API_KEY=…, or set [tracking] wandb = "offline"')
    errors = [line.partition("ERROR")[2].strip() for line in said.splitlines() if "ERROR" in line]
    why = " ".join(line for line in errors if line and "no message" not in line and "detailed error logs" not in line)
    raise ExperimentError(
        f"W&B did not take {waiting[0].name.partition('-p-')[2] or 'a run'}: {why or 'the server refused it'}"[:400], hint=KEPT
    )


def _uploaded(folder: Path) -> bool:
    """`wandb sync` leaves a mark beside the run's records."""
    return any(folder.glob("run-*.wandb.synced"))


@contextlib.contextmanager
def _told() -> Generator[None]:
    """Turns what W&B raises into one line."""
    try:
        yield
    except (wandb.Error, OSError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExperimentError(f"W&B: {line[:300]}", hint=KEPT) from error
