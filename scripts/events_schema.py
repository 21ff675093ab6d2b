"""Writes docs/events.schema.json, the JSON schema of a session file's lines, from the types. `--check` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mltui.core.events import event_adapter

TARGET = Path(__file__).resolve().parent.parent / "docs" / "events.schema.json"


def render() -> str:
    """The schema as the file has it."""
    return json.dumps(event_adapter.json_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    schema = render()
    if "--check" in sys.argv[1:]:
        current = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
        if current != schema:
            print(f"{TARGET} is not what the events are now: run `just schema`", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(schema, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
