"""The entry point. `--version` answers before anything is imported."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command line and returns the exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from mltui import __version__

        sys.stdout.write(f"mltui {__version__}\n")
        return 0
    from mltui.cli.app import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
