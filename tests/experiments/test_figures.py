"""Pictures of results: well-formed, the same each time, and nothing in them but text where text was untrusted."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.experiments.test_compare_many import measured
from tests.experiments.test_report import finished
from tests.tui.samples import error_analysis

from mltui.core.errors import UsageError
from mltui.core.experiment import Comparison, Experiment
from mltui.experiments import figures
from mltui.experiments.compare_many import OWN_BASELINE, together
from mltui.experiments.looking import Looking
from mltui.experiments.report_files import kept_files, write
from mltui.experiments.run_records import RunRecord, Series

EVIL = 'x </svg><script>alert(1)</script> $\\frac{1}{0}$ & " 学习 \x1b[31m'


def records() -> list[RunRecord]:
    return [
        RunRecord(arm, seed, {EVIL: Series((1, 2, 3), (0.1, 0.5 + seed / 10, 0.9), "epoch"), "loss": Series((1, 2), (2.0, 1.0))})
        for arm in ("baseline", "candidate")
        for seed in range(2)
    ]


def elements(svg: bytes | str, name: str) -> list[ElementTree.Element]:
    return [*ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{name}")]


def hostile() -> Experiment:
    done = finished()
    return done.model_copy(update={"proposal": done.proposal.model_copy(update={"title": EVIL})})


def test_all_there_is_is_drawn_in_both_kinds_and_the_same_each_time() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a character that the font lacks is no news
        made = figures.pictures(hostile(), records(), error_analysis())
    assert {*made} == {
        f"{name}.{kind}" for name in ("comparison", "curves", "confusion", "calibration", "slices") for kind in ("png", "svg")
    }
    for name, data in made.items():
        if name.endswith("png"):
            Image.open(io.BytesIO(data)).verify()
        else:
            assert elements(data, "path") and not elements(data, "script")
    one, again = (figures.rendered(figures.comparison(hostile()), "svg") for _ in range(2))
    assert one == again


def test_what_is_not_there_is_not_drawn() -> None:
    open_ = Experiment(proposal=finished().proposal, state="approved")
    assert figures.pictures(open_, [], None) == {}


def test_a_picture_in_a_page_has_its_ink_its_text_and_no_id_of_another() -> None:
    one, two = (figures.inline_svg(figures.comparison(hostile()), prefix) for prefix in ("a", "b"))
    assert figures.INK not in one and "currentColor" in one and "<script" not in one and "<metadata" not in one
    said = ["".join(each.itertext()) for each in elements(one, "text")]
    assert any("$\\frac{1}{0}$" in text and "</svg>" in text for text in said)
    ids = [{element.get("id") for element in ElementTree.fromstring(svg).iter() if element.get("id")} for svg in (one, two)]
    assert ids[0] and not ids[0] & ids[1]


@settings(max_examples=10, deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.integers(1, 8))
def test_any_numbers_can_be_drawn(diff: float, half: float, n: int) -> None:
    done = finished()
    assert done.comparison is not None
    pairs = tuple((seed, 0.5, 0.5 + diff) for seed in range(n))
    changes: dict[str, object] = {"diff": diff, "ci_low": diff - half, "ci_high": diff + half, "n": n, "pairs": pairs}
    moved = done.model_copy(update={"comparison": Comparison.model_validate({**done.comparison.model_dump(), **changes})})
    assert elements(figures.rendered(figures.comparison(moved), "svg"), "path")


@pytest.mark.parametrize("reference", [0, OWN_BASELINE])
def test_several_are_drawn_beside_each_other_two_of_one_name_too(reference: int) -> None:
    same = [measured("P-0001", 0.0, title="Same"), measured("P-0002", 0.02, title="Same"), measured("P-0003", 0.0, seeds=0)]
    svg = figures.inline_svg(figures.side_by_side(together(same, reference)), "x")
    text = "\n".join("".join(each.itertext()) for each in elements(svg, "text"))
    assert "P-0001 Same" in text and "P-0002 Same" in text and ("better, p = 0.0078" in text or reference < 0)


def test_a_picture_has_a_known_kind() -> None:
    assert figures.kind_of(Path("a.PNG")) == "png"
    with pytest.raises(UsageError, match=r"a.gif: a picture is saved as PNG or SVG"):
        figures.kind_of(Path("a.gif"))


def test_pictures_are_kept_beside_the_journal_and_links_among_them_are_not_sent(tmp_path: Path) -> None:
    looking = Looking(tmp_path, tmp_path / ".mltui")
    done = finished()
    made = write(looking, done)
    assert sorted(made) == kept_files(looking.state, done.id)
    assert [path.name for path in sorted(made)] == ["comparison.png", "comparison.svg"]
    (made[0].parent / "evil.png").symlink_to("/etc/passwd")
    assert sorted(made) == kept_files(looking.state, done.id)
    assert write(looking, done, drawn=False) == []


def test_nothing_is_drawn_with_a_display_or_a_global_state() -> None:
    code = (
        "import sys; from mltui.experiments import figures; print([name for name in sys.modules if 'pyplot' in name or 'tkinter' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]" and done.stderr == ""
