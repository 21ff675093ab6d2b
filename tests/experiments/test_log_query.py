from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.errors import UsageError
from mltui.experiments.families import standings
from mltui.experiments.index import Row
from mltui.experiments.log_query import SORTS, corrected_p, mean_interval, ordered, parse_query
from mltui.experiments.statistics import t_interval
from mltui.experiments.statistics_families import benjamini_hochberg, holm


def row(number: int, **values: object) -> Row:
    made = {"state": "compared", "kind": "hparam", "title": f"Title {number}", "created": float(number), "changed": 0.0, **values}
    return Row(id=f"P-{number:04d}", **made)  # type: ignore[arg-type]


ROWS = (
    row(3, state="failed", title="A cosine schedule", decided_by="anna", author="model:sonnet"),
    row(2, verdict="better", diff=0.02, p_value=0.01, pairs=6, metric="accuracy", cpu_seconds=5.0),
    row(1, state="rejected", kind="data", verdict="worse", diff=-0.03, p_value=0.03, pairs=6, metric="accuracy", title="Learning rate"),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "321"),
        ("state:fail", "3"),
        ("state:failed,rejected", "31"),
        ("-state:rejected", "32"),
        ("kind:data verdict:worse", "1"),
        ("verdict:none", "3"),
        ("who:ANNA", "3"),
        ("who:sonnet cosine", "3"),
        ("RATE learning", "1"),
        ("p-0002", "2"),
        ("metric:acc", "21"),
        ("state:", "321"),
        ("nothing", ""),
    ],
)
def test_a_filter_shows_what_has_all_of_it(text: str, found: str) -> None:
    query = parse_query(text)
    assert "".join(each.id[-1] for each in ROWS if query.matches(each)) == found


def test_a_field_that_is_none_is_named() -> None:
    with pytest.raises(UsageError, match=r"no field 'stat'.*Did you mean state:\?"):
        parse_query("stat:failed")


@given(st.text())
def test_no_text_breaks_the_filter(text: str) -> None:
    try:
        query = parse_query(text)
    except UsageError:
        return
    assert all(query.matches(each) in (True, False) for each in ROWS)


def test_the_best_comes_first_whatever_the_metrics_direction() -> None:
    rows = [
        row(1, diff=-0.5, candidate=1.0, direction="minimize"),
        row(2, diff=0.2, candidate=0.9),
        row(3),
        row(4, diff=-0.1, candidate=0.5),
    ]
    ids = [each.id[-1] for each in ordered(rows, "difference")]
    assert ids == ["1", "2", "4", "3"]
    assert [each.id[-1] for each in ordered(rows, "difference", reverse=True)] == ["4", "2", "1", "3"]


@pytest.mark.parametrize("by", SORTS)
def test_every_column_sorts_and_loses_no_row(by: str) -> None:
    corrected, _ = corrected_p(ROWS)
    for reverse in (False, True):
        assert sorted(ordered(ROWS, by, reverse=reverse, corrected=corrected)) == sorted(ROWS)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_p_is_corrected_as_holm_does_for_each_metric(values: list[float]) -> None:
    rows = [row(at, p_value=p, pairs=6, metric="a") for at, p in enumerate(values)]
    others = [row(at + 1000, p_value=0.04, pairs=6, metric="b") for at in range(2)]
    lonely = [row(5000, p_value=0.5, pairs=1, metric="a"), row(5001, p_value=0.04, pairs=6, metric="a", data="other")]
    adjusted, families = corrected_p([*rows, *others, *lonely])
    assert [adjusted[each.id] for each in rows] == pytest.approx(holm(values))
    assert [adjusted[each.id] for each in others] == pytest.approx([0.08, 0.08])
    assert adjusted["P-5001"] == 0.04 and "P-5000" not in adjusted  # on other data, and of one pair
    assert [families[each.id] for each in (*rows, *others, lonely[1])] == [len(values)] * len(rows) + [2, 2, 1]
    shares = [one.q_value for one in (standings(rows)[each.id] for each in rows)]
    assert shares == pytest.approx(benjamini_hochberg(values))


def test_another_try_of_the_same_change_is_counted_and_told() -> None:
    rows = [row(at, p_value=p, pairs=6, metric="a", change=change) for at, (p, change) in enumerate([(0.2, "x"), (0.03, "x"), (0.5, "y")])]
    found = standings(rows)
    assert [found[each.id].tries for each in rows] == [2, 2, 1]
    assert found["P-0001"].late(0.03, 0.05) and not found["P-0002"].late(0.5, 0.05)
    assert found["P-0001"].text == "p 0.09 by Holm, for 3 comparisons of this project, 2 of them of this same change"


def test_the_interval_of_a_mean_is_students() -> None:
    values = [0.9, 0.92, 0.95, 0.91]
    mean, spread = sum(values) / 4, 0.0216024689946928
    found = mean_interval(row(1, candidate=mean, spread=spread, runs=4))
    assert found is not None
    expected = t_interval(values)
    assert found == pytest.approx((expected.low, expected.high), rel=1e-6)
    assert mean_interval(row(1, candidate=mean, spread=spread, runs=1)) is None
