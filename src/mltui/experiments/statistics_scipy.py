"""scipy.stats, which ships no type information, under one name that the type checker leaves alone."""

from __future__ import annotations

from typing import Any, cast

import scipy.stats  # pyright: ignore[reportMissingTypeStubs]

stats = cast("Any", scipy.stats)
