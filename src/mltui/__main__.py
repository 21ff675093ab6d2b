"""The entry point. `--version` answers before anything is imported."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Runs the command line and returns the exit code."""
    _open_missing_streams()
    if sys.argv[1:] in (["--version"], ["-V"]):
        from mltui import __version__

        sys.stdout.write(f"mltui {__version__}\n")
        return 0
    from mltui.cli.app import run

    return run(sys.argv[1:])


def _open_missing_streams() -> None:
    """Opens streams that the caller closed (`>&-`) on nothing: else the next file opened would get their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115  lives as long as the process


if __name__ == "__main__":
    sys.exit(main())
