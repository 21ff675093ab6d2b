"""Carries orders out in MLflow's registry. Loaded only in the registry's own process.

Every step may be the last before a crash and may be repeated. A version carries the id of the intent
that it was made for; the alias moves in one step; what follows from it comes after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mltui.config.schema import Config
from mltui.core.errors import ExperimentError
from mltui.experiments.promotion_history import CHALLENGER, CHAMPION, PREVIOUS
from mltui.experiments.promotion_target import digest_of
from mltui.experiments.tracking.history import histories
from mltui.experiments.tracking.mlflow_sink import EVENT_ID, connect, is_missing, told
from mltui.experiments.tracking.place import STATE, artifact_root, database_file, experiment_name, tracking_uri
from mltui.experiments.tracking.registry_orders import PROMOTION_ID, Answer, Look, ModelOrder, Order, Point, PromptOrder, VersionFound
from mltui.experiments.tracking.sync import sync_project

AGAIN = "Nothing was promoted; see that MLflow answers, and try again"
MODEL_DIGEST = "mltui.model_sha256"
FOLDER = "model"
"""Where a run keeps its model among its artifacts."""


def carry_out(root: Path, config: Config, order: Order) -> Answer:
    """Raises: ConfigError, ExperimentError: the registry cannot be used as it is, or refuses."""
    uri = tracking_uri(root, config.tracking)
    database = database_file(uri)
    if isinstance(order, Look) and database is not None and not database.exists():
        return Answer(exists=False)
    if isinstance(order, ModelOrder) and order.do == "promote":
        sync_project(root, config)
    try:
        client = connect(uri, artifact_root(root))
        with told(uri):
            match order:
                case Look(kind="model"):
                    return look_at_model(client, order.name, digests=True)
                case Look():
                    return look_at_prompt(client, order.name)
                case ModelOrder(do="promote"):
                    return promote(client, order, lambda: _run(client, root, config, order))
                case ModelOrder():
                    return settle(client, order)
                case PromptOrder():
                    return register_prompt(client, order)
                case Point():
                    return point(client, order)
    except ExperimentError as error:
        # Whatever the sink would say of results that wait: here it was about an alias.
        raise type(error)(str(error.args[0]), hint=AGAIN) from error


def look_at_model(client: Any, name: str, *, digests: bool = False) -> Answer:
    """Returns: the aliases of a model and the versions that have them, if asked with the digest of what lies in a local store."""
    found = _registered(client, name)
    if found is None:
        return Answer(exists=False)
    aliases = {str(alias): str(version) for alias, version in found.aliases.items()}
    versions = {version: _version(client.get_model_version(name, version), digests) for version in set(aliases.values())}
    return Answer(exists=True, aliases=aliases, versions=versions)


def promote(client: Any, order: ModelOrder, find_run: Callable[[], Any]) -> Answer:
    """Makes the version, unless an earlier try did, and moves the alias.

    Args:
        find_run: gives the MLflow run of the order.

    Raises: ExperimentError: the run or its model is not what the order says, or the alias is not where it should be.
    """
    found = _registered(client, order.name)
    aliases = {str(alias): str(version) for alias, version in found.aliases.items()} if found else {}
    if order.expected is not None and aliases.get(order.alias, "") != order.expected:
        raise ExperimentError(f"{order.alias} of {order.name} has moved to version {aliases.get(order.alias) or '(none)'} meanwhile")
    version = _made_for(client, order) if found else None
    if version is None:
        run = find_run()
        _keep_model(client, run, order)
        if found is None:
            _make_registered(client, order.name)
        made = client.create_model_version(
            order.name,
            source=f"{run.info.artifact_uri}/{FOLDER}",
            run_id=run.info.run_id,
            tags={**order.tags, PROMOTION_ID: order.promotion_id},
            description=f"{order.experiment_id}, seed {order.seed}, promoted by mltui",
        )
        version = str(made.version)
    if order.alias == CHAMPION:
        client.set_registered_model_alias(order.name, CHALLENGER, version)
    client.set_registered_model_alias(order.name, order.alias, version)
    _follow(client, order, version)
    return look_at_model(client, order.name).model_copy(update={"version": version})


def settle(client: Any, order: ModelOrder) -> Answer:
    """What a crash left of an order: finished where the alias has moved, else taken back to what was before."""
    if _registered(client, order.name) is None:
        return Answer(exists=False, outcome="undone")
    version = _made_for(client, order)
    if version is None:
        return look_at_model(client, order.name).model_copy(update={"outcome": "undone"})
    aliases = look_at_model(client, order.name).aliases
    if aliases.get(order.alias) == version:
        _follow(client, order, version)
        return look_at_model(client, order.name).model_copy(update={"version": version, "outcome": "adopted"})
    for alias in [alias for alias, at in aliases.items() if at == version]:
        client.delete_registered_model_alias(order.name, alias)
    client.delete_model_version(order.name, version)
    point(client, Point(kind="model", name=order.name, aliases=order.restore))
    return look_at_model(client, order.name).model_copy(update={"outcome": "undone"})


def point(client: Any, order: Point) -> Answer:
    """Sets and takes away aliases.

    Raises: ExperimentError: the version that should have one is gone.
    """
    look = look_at_model if order.kind == "model" else look_at_prompt
    have = look(client, order.name).aliases
    for alias, version in order.aliases.items():
        if have.get(alias, "") == version:
            continue
        try:
            if not version and order.kind == "prompt":
                client.delete_prompt_alias(order.name, alias)
            elif not version:
                client.delete_registered_model_alias(order.name, alias)
            elif order.kind == "prompt":
                client.set_prompt_alias(order.name, alias, int(version))
            else:
                client.set_registered_model_alias(order.name, alias, version)
        except Exception as error:
            if is_missing(error):
                raise ExperimentError(f"version {version} of {order.name} is gone from the registry") from error
            raise
    return look(client, order.name)


def look_at_prompt(client: Any, name: str) -> Answer:
    """Returns: as `look_at_model`; the digest is that of the text."""
    found = _prompt_versions(client, name)
    aliases = {str(alias): str(version.version) for version in found for alias in version.aliases}
    versions = {
        str(version.version): VersionFound(version=str(version.version), tags=dict(version.tags), sha256=_text_digest(version.template))
        for version in found
        if version.aliases
    }
    return Answer(exists=bool(found), aliases=aliases, versions=versions)


def register_prompt(client: Any, order: PromptOrder) -> Answer:
    """Registers a text once and gives it the alias. MLflow would make a version of equal text again."""
    digest = _text_digest(order.text)
    same = [str(known.version) for known in _prompt_versions(client, order.name) if _text_digest(known.template) == digest]
    version = same[0] if same else ""
    if not version:
        made = client.register_prompt(order.name, order.text, commit_message=order.message, tags=order.tags)
        version = str(made.version)
    client.set_prompt_alias(order.name, order.alias, int(version))
    return look_at_prompt(client, order.name).model_copy(update={"version": version})


def _prompt_versions(client: Any, name: str) -> list[Any]:
    """Every version of a prompt, the newest first, with its aliases; MLflow leaves them out of a search."""
    found: list[Any] = []
    token: str | None = None
    try:
        while True:
            page = client.search_prompt_versions(name, max_results=100, page_token=token)
            found += [client.get_prompt_version(name, version.version) for version in page]
            token = page.token
            if not token:
                return found
    except Exception as error:
        if is_missing(error):
            return []
        raise


def _follow(client: Any, order: ModelOrder, version: str) -> None:
    """What a moved champion brings with it: the one before becomes `previous`, and nobody challenges with the same version."""
    if order.alias != CHAMPION:
        return
    if order.previous and order.previous != version:
        client.set_registered_model_alias(order.name, PREVIOUS, order.previous)
    if CHALLENGER in look_at_model(client, order.name).aliases:
        client.delete_registered_model_alias(order.name, CHALLENGER)


def _registered(client: Any, name: str) -> Any | None:
    try:
        return client.get_registered_model(name)
    except Exception as error:
        if is_missing(error):
            return None
        raise


def _make_registered(client: Any, name: str) -> None:
    try:
        client.create_registered_model(name, tags={"mltui.gate": "yes"}, description="Aliases are given by mltui promote")
    except Exception:
        # Another client may have been faster; anything else is wrong with the next call as well.
        if _registered(client, name) is None:
            raise


def _made_for(client: Any, order: ModelOrder) -> str | None:
    """The version that an earlier try of this order made."""
    quoted = order.name.replace("'", "''")
    if "'" in order.name or '"' in order.name:
        found = [one for one in client.search_model_versions() if one.name == order.name]
    else:
        found = client.search_model_versions(f"name = '{quoted}'")
    versions = [str(one.version) for one in found if one.tags.get(PROMOTION_ID) == order.promotion_id]
    return versions[0] if versions else None


def _run(client: Any, root: Path, config: Config, order: ModelOrder) -> Any:
    """The MLflow run of a seed. Raises: ExperimentError: a person has deleted it."""
    found, _ = histories(root / STATE / "journal.jsonl")
    history = next((one for one in found if one.experiment.id == order.experiment_id), None)
    wanted = (order.arm, order.seed, "finished")
    runs = [one for one in history.runs if (one.run.arm, one.run.seed, one.run.status) == wanted] if history else []
    if not runs:
        raise ExperimentError(f"the journal has no finished run of {order.experiment_id} with seed {order.seed}")
    place = client.get_experiment_by_name(experiment_name(root, config.tracking))
    tracked: list[Any] = (
        client.search_runs([place.experiment_id], f"tags.`{EVENT_ID}` = '{runs[-1].event_id}'", max_results=1) if place else []
    )
    if not tracked:
        raise ExperimentError(f"the MLflow run of {order.experiment_id} with seed {order.seed} was deleted there; restore it")
    return tracked[0]


def _keep_model(client: Any, run: Any, order: ModelOrder) -> None:
    """Puts the model among the run's artifacts, once. Raises: ExperimentError: it is not the one that was decided on."""
    if run.data.tags.get(MODEL_DIGEST) == order.sha256:
        return
    path = Path(order.path)
    if digest_of(path) != order.sha256:
        raise ExperimentError(f"{path} was changed meanwhile")
    if path.is_dir():
        client.log_artifacts(run.info.run_id, str(path), FOLDER)
    else:
        client.log_artifact(run.info.run_id, str(path), FOLDER)
    client.set_tag(run.info.run_id, MODEL_DIGEST, order.sha256)


def _version(found: Any, digest: bool) -> VersionFound:
    tags, source = dict(found.tags), str(found.source)
    there = _lying_at(source, tags.get("mltui.sha256", "")) if digest else ""
    return VersionFound(version=str(found.version), tags=tags, sha256=there, source=source)


def _lying_at(source: str, wanted: str) -> str:
    """The digest of a model in a local store, a single file's where that was promoted. Empty: not local; `missing`: gone."""
    parts = urlsplit(source)
    if parts.scheme not in ("", "file"):
        return ""
    folder = Path(unquote(parts.path))
    try:
        members = list(folder.iterdir())
        digests = [digest_of(folder), *(digest_of(member) for member in members[:1] if len(members) == 1)]
    except (OSError, ExperimentError):
        return "missing"
    return wanted if wanted in digests else digests[-1]


def _text_digest(text: Any) -> str:
    return hashlib.sha256(str(text).encode("utf-8", "surrogatepass")).hexdigest()
