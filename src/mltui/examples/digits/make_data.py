"""Writes data/digits.csv.gz: the digits that scikit-learn packages, 64 values from 0 to 16 and the digit, a line each.

The same installation writes the same bytes, so that the file's digest says which data was used.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

TARGET = Path(__file__).resolve().parent / "data" / "digits.csv.gz"


def packaged_digits() -> Path:
    """Where scikit-learn keeps the file; found without importing it, which takes seconds."""
    spec = importlib.util.find_spec("sklearn")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return path
    raise SystemExit("the digits come with scikit-learn, which is not installed: pip install scikit-learn")


def main() -> None:
    TARGET.parent.mkdir(exist_ok=True)
    # Neither a time nor a name in the header: they would make the digest differ from one day to the next.
    TARGET.write_bytes(gzip.compress(gzip.decompress(packaged_digits().read_bytes()), mtime=0))


if __name__ == "__main__":
    main()
