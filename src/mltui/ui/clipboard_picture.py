"""A picture out of the desktop's clipboard, by the programs that can read one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

from mltui.core.errors import MltuiError
from mltui.core.messages import Image
from mltui.core.pictures import picture

_SECONDS = 5.0
_PROGRAMS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("WAYLAND_DISPLAY", "wl-paste", ("--no-newline", "--type", "image/png")),
    ("DISPLAY", "xclip", ("-selection", "clipboard", "-target", "image/png", "-out")),
    ("", "pngpaste", ("-",)),
)
"""(the variable that has to be set, the program, its arguments)."""
_OTHERWISE = "Save it as a file and name it: @picture.png"


def clipboard_picture(environ: Mapping[str, str]) -> Image:
    """The picture. Blocks. Raises: MltuiError: there is none, or nothing that could read it; with what to do."""
    path = environ.get("PATH")
    found = [
        (program, arguments)
        for needs, name, arguments in _PROGRAMS
        if (not needs or environ.get(needs)) and (program := shutil.which(name, path=path))
    ]
    if not found:
        raise MltuiError("No program here reads pictures from the clipboard (wl-paste, xclip, pngpaste)", hint=_OTHERWISE)
    for program, arguments in found:
        try:
            done = subprocess.run([program, *arguments], capture_output=True, timeout=_SECONDS, check=False, env=dict(environ))
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout:
            return picture(done.stdout, "The picture in the clipboard")
    raise MltuiError("There is no picture in the clipboard", hint=_OTHERWISE)
