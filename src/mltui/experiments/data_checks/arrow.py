"""pyarrow, which has no types of its own and takes a while to load: only what reads tables imports this."""

from __future__ import annotations

import importlib
from typing import Any

pa: Any = importlib.import_module("pyarrow")
pc: Any = importlib.import_module("pyarrow.compute")
csv: Any = importlib.import_module("pyarrow.csv")
parquet: Any = importlib.import_module("pyarrow.parquet")
lines: Any = importlib.import_module("pyarrow.json")
