"""A schema that a person wrote down, and whether the table keeps to it.

TOML or JSON, a table for each column:

    [columns.age]
    type = "integer"        # integer, number, text, time or boolean
    required = true         # no missing values
    unique = false
    min = 0
    max = 120
    values = ["a", "b"]     # the only ones

    extra_columns = true    # at the top: whether others may be there (they may, unless this is false)
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from mltui.core.data import Data
from mltui.core.errors import UsageError
from mltui.experiments.data_checks.places import nearest
from mltui.experiments.data_checks.report import Finding
from mltui.experiments.data_checks.scan import Column, Scanned, spelled

_LARGEST = 10_000_000


class Wanted(Data):
    type: Literal["integer", "number", "text", "time", "boolean"] | None = None
    required: bool = False
    unique: bool = False
    min: float | None = None
    max: float | None = None
    values: tuple[str | int | float | bool, ...] | None = None


class Schema(Data):
    columns: dict[str, Wanted]
    extra_columns: bool = True


def load(path: Path, shown: str) -> Schema:
    """Raises: UsageError: it cannot be read, or says something that a schema cannot say."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{shown} is too large for a schema")
        text = path.read_text(encoding="utf-8-sig")
        found: object = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        return Schema.model_validate(found)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{shown}: {where}: {first['msg']}", hint="Write [columns.NAME] with type, required, unique, min, max, values"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shown} is no TOML or JSON: {str(error)[:120]}") from None


def schema_findings(scanned: Scanned, schema: Schema, target: str | None) -> Iterator[Finding]:
    """Where the table does not keep to the schema."""
    for name, wanted in schema.columns.items():
        column = scanned.columns.get(name)
        if column is None:
            if wanted.required or name == target:
                yield _finding(scanned, name, f"the schema asks for it, and it is not there ({nearest(name, list(scanned.columns))})")
            continue
        for text, examples in _broken(scanned, column, wanted):
            yield _finding(scanned, name, text, examples)
    if not schema.extra_columns:
        for name in scanned.columns:
            if name not in schema.columns:
                yield _finding(scanned, name, "the schema does not know it")


def _broken(scanned: Scanned, column: Column, wanted: Wanted) -> Iterator[tuple[str, tuple[str, ...]]]:
    gone = column.missing + column.nan
    if wanted.required and gone:
        yield f"missing values: {gone:,}, and the schema asks for all", ()
    if wanted.type is not None and column.present and not _is(scanned, column, wanted.type):
        yield f"it is not of type {wanted.type}, as the schema says", tuple(column.odd[:2])
    if wanted.min is not None and column.numeric and column.low < wanted.min:
        yield f"{column.low:g} is below the schema's least, {wanted.min:g}", ()
    if wanted.max is not None and column.numeric and column.high > wanted.max:
        yield f"{column.high:g} is above the schema's most, {wanted.max:g}", ()
    keys = scanned.sample.columns[column.name].keys
    if wanted.unique and len(np.unique(keys)) < len(keys):
        yield "values repeat, and the schema says that none does", ()
    if wanted.values is not None:
        allowed = {spelled(value) for value in wanted.values}
        found = column.values or dict.fromkeys(map(str, filter(None, scanned.sample.columns[column.name].texts()[:10_000])), 1)
        other = [value for value in found if value not in allowed]
        if other:
            yield f"values that are not among the schema's: {len(other):,}", tuple(map(repr, other[:4]))


def _is(scanned: Scanned, column: Column, kind: str) -> bool:
    floats = scanned.sample.columns[column.name].floats
    match kind:
        case "number":
            return not column.text and column.kind == "number"
        case "integer":
            known = floats[~np.isnan(floats)]
            return not column.text and bool((np.floor(known) == known).all())
        case "time":
            from mltui.experiments.data_checks.splits import text_moments

            texts = scanned.sample.columns[column.name]
            return column.times or not np.isnan(text_moments(texts.column)[~texts.missing]).any()
        case "boolean":
            words = {value.lower() for value in column.values or ("?",)}
            return column.booleans or words <= {"true", "false", "0", "1", "yes", "no"}
        case _:
            return column.kind == "text"


def _finding(scanned: Scanned, column: str, text: str, examples: tuple[str, ...] = ()) -> Finding:
    action = "Mend the data, or the schema if it is out of date"
    return Finding(severity="error", check="declared", dataset=scanned.name, column=column, text=text, action=action, examples=examples)
