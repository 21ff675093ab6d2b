"""Answers that must be JSON of a given schema."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any, cast

from mltui.core.errors import UsageError

TRIES = 2
"""How often the model is told what is wrong before the run fails."""


def _validator_type(schema: dict[str, Any]) -> Any:
    """The validator class for the schema's own draft (the library has no types)."""
    validators: Any = importlib.import_module("jsonschema.validators")
    return validators.validator_for(schema)


class Schema:
    """A JSON schema, and what an answer lacks of it."""

    def __init__(self, source: str) -> None:
        """Takes JSON or the path of a JSON file. Raises: UsageError: neither, or not a schema."""
        text = source
        if not source.lstrip().startswith("{"):
            try:
                text = Path(source).read_text(encoding="utf-8")
            except OSError as error:
                raise UsageError(f"Cannot read the schema {source}: {error.strerror}") from None
        try:
            self.schema = cast("dict[str, Any]", json.loads(text))
            checker = _validator_type(self.schema)
            checker.check_schema(self.schema)
        # jsonschema's own SchemaError is no ValueError, and a schema that is no object raises other things.
        except Exception as error:
            raise UsageError(f"--json-schema is not a JSON schema: {str(error).splitlines()[0]}") from None
        self._validator: Any = checker(self.schema)

    @property
    def instruction(self) -> str:
        return "\n\nAnswer, when you are done, with one JSON value and nothing else, valid against this JSON schema:\n" + json.dumps(
            self.schema, ensure_ascii=False
        )

    def parse(self, answer: str) -> tuple[Any, str]:
        """The value and an empty string, or None and what is wrong with the answer."""
        text = answer.strip()
        if text.startswith("```"):
            text = text.partition("\n")[2].rpartition("```")[0]
        try:
            value = json.loads(text)
        except ValueError as error:
            return None, f"it is not JSON ({error})"
        for problem in self._validator.iter_errors(value):
            where = "/".join(str(part) for part in problem.absolute_path)
            return None, f"{problem.message} at /{where}"
        return value, ""
