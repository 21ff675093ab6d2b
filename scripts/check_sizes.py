"""Asks the design question: fails when a file or a function has grown past what a reader takes in at once.

python scripts/check_sizes.py [ROOT]: 400 lines a file and 60 a function in src/, 600 lines a file in tests/.
There are no exemptions.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = {"src": 400, "scripts": 400, "tests": 600}
FUNCTION_LINES = {"src": 60, "scripts": 60}


def long_functions(path: Path, limit: int) -> Iterator[str]:
    """`path:line name has n lines` of each function over the limit, decorators left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > limit:
                yield f"{path}:{node.lineno} {node.name} has {lines} lines, over {limit}"


def findings(root: Path) -> Iterator[str]:
    """One line for each file or function over its limit, in the order of the files."""
    for folder, limit in FILE_LINES.items():
        for path in sorted((root / folder).rglob("*.py")):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > limit:
                yield f"{path} has {lines} lines, over {limit}"
            if folder in FUNCTION_LINES:
                yield from long_functions(path, FUNCTION_LINES[folder])


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = list(findings(root))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
