"""The only module that imports mlflow. Loaded in a process of its own: the import alone takes seconds."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mltui.experiments.tracking.place import IMPATIENT, KEPT, QUIET, check_reachable, database_file, set_defaults, without_password

set_defaults(QUIET)  # mlflow reads these when it is imported

import mlflow  # noqa: E402
import sqlalchemy  # noqa: E402
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.store.db.utils import _get_latest_schema_revision  # noqa: E402  # pyright: ignore[reportPrivateUsage]
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from mltui.core.errors import ConfigError, ExperimentError  # noqa: E402
from mltui.experiments.tracking.mapping import MlflowRun, Point  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

EVENT_ID, SEQ, PARENT = "mltui.event_id", "mltui.journal_seq", "mlflow.parentRunId"
OVER = {"FINISHED", "FAILED", "KILLED"}
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "MALFORMED_REQUEST", "RESOURCE_ALREADY_EXISTS", "INVALID_STATE"}
"""Error codes of MLflow that are about what was sent: trying the same again would not help, and what is behind it need not wait."""


class RefusedError(ExperimentError):
    """MLflow answers, and does not take this."""


class MlflowSink:
    """One MLflow experiment, to be brought up to date.

    Every run is searched by its event id before it is made, and its last step (the end status of a
    child, the journal's number on a parent) comes last: whatever stopped half-way is taken up again.
    """

    def __init__(self, uri: str, name: str, goal: str, artifacts: Path) -> None:
        """Connects, and makes the experiment if there is none of that name.

        Args:
            goal: the experiment's note.
            artifacts: where artifacts go if the store is a local database; a server has a place of its own.

        Raises:
            ConfigError: the store cannot be used as it is; says how to help that.
            ExperimentError: the server does not answer.
        """
        self._client = connect(uri, artifacts)
        self._uri = uri
        with told(uri):
            found = self._client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage != "active":
                raise ConfigError(
                    f"MLflow experiment {name} was deleted",
                    hint=f"Restore it (mlflow experiments restore -x {found.experiment_id}) or set [tracking] experiment",
                )
            location = artifacts.as_uri() if uri.startswith(DATABASES) else None
            self.experiment_id = str(found.experiment_id if found else self._client.create_experiment(name, artifact_location=location))
            if found is None or found.tags.get("mlflow.note.content") is None:
                self._client.set_experiment_tag(self.experiment_id, "mlflow.note.content", goal)

    def parent(self, event_id: str) -> Any | None:
        """Returns: the run that mltui made for this proposal, even if a person has deleted it since; None if there is none."""
        return self._search(f"tags.`{EVENT_ID}` = '{event_id}'").get(event_id)

    def children(self, parent_id: str) -> dict[str, Any]:
        """Returns: the child runs of a parent, by event id."""
        return self._search(f"tags.`{PARENT}` = '{parent_id}'")

    def put_parent(self, run: MlflowRun, seq: int, found: Any | None) -> str:
        """Returns: the MLflow run's id. It is marked as of journal record `seq` only by `mark`, after its children."""
        if found and found.data.tags.get(SEQ) == str(seq):
            return run_id(found)
        with told(self._uri):
            parent_id = run_id(found) if found else self._create(run, {})
            self._fill(parent_id, run)
        return parent_id

    def put_child(self, run: MlflowRun, parent_id: str, found: Any | None) -> None:
        """Makes the run, or completes it; what is over, and what a person deleted, stays as it is."""
        if found and (found.info.status in OVER or is_deleted(found)):
            return
        with told(self._uri):
            child_id = run_id(found) if found else self._create(run, {PARENT: parent_id})
            self._fill(child_id, run)

    def mark(self, parent_id: str, seq: int) -> None:
        """Says that the parent and all its children are as of journal record `seq`."""
        with told(self._uri):
            self._client.set_tag(parent_id, SEQ, str(seq))

    def _search(self, wanted: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        token: str | None = None
        with told(self._uri):
            while True:
                page = self._client.search_runs([self.experiment_id], wanted, ViewType.ALL, max_results=1000, page_token=token)
                for run in page:
                    found.setdefault(run.data.tags.get(EVENT_ID, ""), run)
                token = page.token
                if not token:
                    return found

    def _create(self, run: MlflowRun, tags: Mapping[str, str]) -> str:
        tags = {EVENT_ID: run.event_id, **tags}
        with _asked_once():
            created = self._client.create_run(self.experiment_id, start_time=_millis(run.started), tags=tags, run_name=run.name)
        return str(created.info.run_id)

    def _fill(self, target: str, run: MlflowRun) -> None:
        # Stores take a point that they have (same time, step and value) as the same one.
        metrics = [Metric(point.name, point.value, _millis(point.at), point.step) for point in _points(run)]
        params = [Param(name, value) for name, value in run.params.items()]
        tags = [RunTag(name, value) for name, value in run.tags.items()]
        for metric_part, param_part, tag_part in _parts(metrics, params, tags):
            self._client.log_batch(target, metric_part, param_part, tag_part)
        if run.data:
            self._client.log_inputs(target, [_dataset(name, digest, size) for name, digest, size in _versions(run)])
        if run.artifacts or run.files:
            self._log_files(target, {**{path: text.encode() for path, text in run.artifacts.items()}, **run.files})
        if run.ended is None:
            self._client.update_run(target, run.status)
        else:
            self._client.set_terminated(target, run.status, _millis(run.ended))

    def _log_files(self, target: str, files: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for path, data in files.items():
                file = Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            self._client.log_artifacts(target, folder)


def _points(run: MlflowRun) -> list[Point]:
    """The curves, and each metric's last word at its last step, so that it is what MLflow shows."""
    last = {point.name: point for point in run.curves}
    ends = [
        Point(name, value, last[name].step if name in last else 0, run.measured)
        for name, value in run.metrics.items()
        if name not in last or last[name].value != value
    ]
    return [*run.curves, *ends]


def connect(uri: str, artifacts: Path) -> Any:
    """Returns: a client of the tracking store and its registry.

    Raises: ConfigError, ExperimentError: as `MlflowSink` does.
    """
    check_reachable(uri)
    check_schema(uri)
    # Not at import: until now this process may have started training runs, which inherit its variables.
    set_defaults(IMPATIENT)
    if uri.startswith(DATABASES):
        # Also for the experiment `Default`, which MLflow makes and which would otherwise point at the working folder.
        os.environ.setdefault("_MLFLOW_SERVER_ARTIFACT_ROOT", artifacts.as_uri())
    with told(uri):
        return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def is_missing(error: Exception) -> bool:
    """Returns: whether MLflow says that there is no such thing."""
    return isinstance(error, MlflowException) and error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")


def run_id(found: Any) -> str:
    """Returns: the id of a run that MLflow answered with."""
    return str(found.info.run_id)


def is_deleted(found: Any) -> bool:
    """Returns: whether a person has deleted that run in MLflow."""
    return bool(found.info.lifecycle_stage != "active")


def check_schema(uri: str) -> None:
    """Refuses a database that MLflow would migrate, or fill, without having been asked.

    Raises:
        ConfigError: it belongs to another MLflow version, to another program, or is not a database.
    """
    file = database_file(uri)
    if not uri.startswith(DATABASES) or (file and not file.exists()):
        return
    engine = sqlalchemy.create_engine(uri)
    name = file or without_password(uri)
    versions: list[str] = []
    try:
        with engine.connect() as connection:
            tables = set(sqlalchemy.inspect(connection).get_table_names())
            if "alembic_version" in tables:
                versions = [str(row[0]) for row in connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version"))]
    except SQLAlchemyError as error:
        raise ConfigError(f"{name} cannot be opened as a tracking database: {_first_line(error)}", hint="Set [tracking] uri") from error
    finally:
        engine.dispose()
    wanted = _get_latest_schema_revision()
    if not tables or versions == [wanted]:
        return
    if "experiments" not in tables or not versions:
        raise ConfigError(f"{name} is not a database of MLflow", hint="Set [tracking] uri to another file")
    raise ConfigError(
        f"{name} has the schema {versions[0]} of another MLflow version; MLflow {mlflow.__version__} needs {wanted}",
        hint=f"Use the MLflow that made it, or back it up and migrate it for good: mlflow db upgrade {without_password(uri)}",
    )


@contextmanager
def told(uri: str) -> Generator[None]:
    """Turns what MLflow and its libraries raise into one line."""
    try:
        yield
    except (MlflowException, OSError) as error:
        refused = isinstance(error, MlflowException) and error.error_code in REFUSALS
        raise (RefusedError if refused else ExperimentError)(
            f"MLflow at {without_password(uri)}: {_first_line(error)}",
            hint=KEPT,
        ) from error


@contextmanager
def _asked_once() -> Generator[None]:
    """A run is asked for once: where the answer is lost it may be there, and the next synchronisation finds it by its event id.

    A repeated request would make two. All other requests may be repeated.
    """
    name = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    before = os.environ.get(name)
    os.environ[name] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"0x[0-9a-f]+", "…", line)[:300]


def _millis(seconds: float) -> int:
    return int(seconds * 1000)


def _parts(metrics: list[Any], params: list[Any], tags: list[Any]) -> Iterator[tuple[Sequence[Any], Sequence[Any], Sequence[Any]]]:
    """Batches as large as MLflow takes them: 1,000 things, of them at most 100 parameters and 100 tags."""
    rest = iter(metrics), iter(params), iter(tags)
    while True:
        part = [list(islice(source, size)) for source, size in zip(rest, (800, 100, 100), strict=True)]
        if not any(part):
            return
        yield part[0], part[1], part[2]


def _versions(run: MlflowRun) -> list[tuple[str, str, int]]:
    return [(version.name, version.digest, version.size) for version in run.data]


def _dataset(name: str, digest: str, size: int) -> Any:
    source = json.dumps({"uri": name, "sha256": digest})
    dataset = Dataset(name[:500], digest[:36], "local", source, profile=json.dumps({"bytes": size}))
    return DatasetInput(dataset, [InputTag("mlflow.data.context", _context(name))])


def _context(name: str) -> str:
    words = name.lower()
    return "test" if "test" in words else "validation" if "val" in words or "dev" in words else "training"
