"""stdout holds one JSON object a line."""

from __future__ import annotations

import json

import pytest

from mltui.ui.headless.output import Stdout


def test_an_object_is_one_line_for_every_reader(capfd: pytest.CaptureFixture[str]) -> None:
    said = {"text": "a\u2028b\u2029c\x85d\x0ce\x1cf\r\ng é"}
    out = Stdout()
    try:
        out.line(said)
    finally:
        out.close()
    (line,) = capfd.readouterr().out.splitlines()
    assert json.loads(line) == said
