"""Where the programs are that come with mltui."""

from __future__ import annotations

import os
import shutil
import sysconfig
from functools import cache
from pathlib import Path


@cache
def ripgrep() -> str | None:
    """The path of `rg`: of mltui's own environment, else of the machine; None: there is none."""
    own = Path(sysconfig.get_path("scripts")) / "rg"
    return str(own) if os.access(own, os.X_OK) else shutil.which("rg")
