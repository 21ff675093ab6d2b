"""A quick look at a registry's aliases without mlflow, for every start and `mltui doctor`: nothing is written, little is read."""

from __future__ import annotations

import base64
import os
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from pydantic import BaseModel

from mltui.experiments.tracking.place import database_file

SECONDS = 3.0
_LARGEST = 5_000_000


class _Alias(BaseModel):
    alias: str
    version: str | int


class _Model(BaseModel):
    aliases: tuple[_Alias, ...] = ()


class _Found(BaseModel):
    """What a tracking server answers; much more stands in it."""

    registered_model: _Model


def quick_aliases(uri: str, name: str, environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """Returns: alias to version of a registered model; None where that cannot be said quickly (no answer, another kind of store)."""
    database = database_file(uri)
    if database is not None:
        if not database.exists():
            return {}
        try:
            with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=SECONDS)) as store:
                rows = store.execute("SELECT alias, version FROM registered_model_aliases WHERE name = ?", (name,)).fetchall()
        except sqlite3.Error:
            return None
        return {str(alias): str(version) for alias, version in rows}
    return _asked(uri, name, environ) if uri.startswith(("http://", "https://")) else None


def _asked(uri: str, name: str, environ: Mapping[str, str]) -> dict[str, str] | None:
    parts = urlsplit(uri)
    place = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
    address = f"{place}/api/2.0/mlflow/registered-models/get?name={quote(name, safe='')}"
    request = urllib.request.Request(address)  # noqa: S310  (http and https alone come here)
    if header := _authorization(parts.username, parts.password, environ):
        request.add_header("Authorization", header)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            found = _Found.model_validate_json(answer.read(_LARGEST))
    except urllib.error.HTTPError as error:
        return {} if error.code == 404 and b"RESOURCE_DOES_NOT_EXIST" in error.read(_LARGEST) else None
    except (OSError, ValueError):
        return None
    return {one.alias: str(one.version) for one in found.registered_model.aliases}


def _authorization(user: str | None, password: str | None, environ: Mapping[str, str]) -> str:
    """As mlflow's own client: a token, or a name and a password, of the URI or the environment."""
    name = unquote(user) if user else environ.get("MLFLOW_TRACKING_USERNAME", "")
    word = unquote(password) if password else environ.get("MLFLOW_TRACKING_PASSWORD", "")
    if name:
        return "Basic " + base64.b64encode(f"{name}:{word}".encode()).decode()
    token = environ.get("MLFLOW_TRACKING_TOKEN", "")
    return f"Bearer {token}" if token else ""
