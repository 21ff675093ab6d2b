"""What the suite keeps away from the person who runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import platformdirs

from mltui.config import paths


def test_nothing_of_the_person_is_within_reach(nobodys_home: Path) -> None:
    places = [
        Path.home(),
        paths.config_dir(os.environ),
        paths.state_dir(os.environ),
        platformdirs.user_config_path("mltui"),
        platformdirs.user_state_path("mltui"),
        platformdirs.user_data_path("mltui"),
    ]
    assert all(place.is_relative_to(nobodys_home) for place in places)
    known = subprocess.run(["git", "config", "--global", "--list"], capture_output=True, text=True, check=True).stdout
    assert known.splitlines() == ["user.name=Nobody", "user.email=nobody@example.org"]
