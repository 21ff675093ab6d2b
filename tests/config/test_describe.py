from __future__ import annotations

import pytest

from mltui.config.describe import setting, settings
from mltui.config.loader import load
from mltui.config.show import rows

ALL = settings()


@pytest.mark.parametrize("known", ALL, ids=lambda known: known.key)
def test_every_setting_says_what_it_means_and_what_it_takes(known: object) -> None:
    assert known.what and known.takes  # type: ignore[attr-defined]
    assert "Attributes" not in known.what  # type: ignore[attr-defined]


def test_every_setting_that_is_shown_is_described(tmp_path: object) -> None:
    shown = {row.key for row in rows(load(tmp_path, {"MLTUI_HOME": str(tmp_path)}))}  # type: ignore[arg-type]
    nested = ("experiments.primary",)
    assert {key for key in shown if setting(key) is None and key not in nested} == set()


def test_what_is_read_from_the_schema() -> None:
    theme, mode, seeds = setting("ui.theme"), setting("permissions.mode"), setting("experiments.seeds")
    assert theme is not None and mode is not None and seeds is not None
    assert mode.choices == ('"plan"', '"default"', '"accept-edits"', '"auto"')
    assert seeds.takes == "a list, such as [0, 1]"
    network, training = setting("sandbox.network"), setting("sandbox.training_network")
    assert (network and network.what, training and training.what) == ("of the agent's commands", "of training runs")
