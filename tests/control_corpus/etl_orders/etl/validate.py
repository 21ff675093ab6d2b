import json
from pathlib import Path

import jsonschema

SCHEMA = json.loads(Path("etl/schema.json").read_text())


def validate(rows):
    for number, row in enumerate(rows):
        try:
            jsonschema.validate(row, SCHEMA)
        except jsonschema.ValidationError as error:
            yield number, error.message
