from __future__ import annotations

import pytest
from tests.tui.samples import experiment

from mltui.core.comparison import ComparisonPlan
from mltui.core.errors import UsageError
from mltui.core.experiment import DataVersion, Experiment, Metric, ParameterChange, Run
from mltui.core.sweep import FloatDimension, SweepPlan
from mltui.experiments.compare_many import OWN_BASELINE, together
from mltui.experiments.run_records import RunRecord, Series
from mltui.ui.plots.canvas import text_of
from mltui.ui.plots.comparing import key_lines, overlay_lines, table_lines


def measured(
    id_: str, shift: float, *, seeds: int = 8, key: str = "conf/train.yaml:optimizer.lr", after: object = 0.05, **plan: object
) -> Experiment:
    """An experiment whose candidate has accuracy 0.9 + shift with some noise that is the seed's."""
    made = experiment("compared", id=id_, title=f"Shift by {shift}")
    change = ParameterChange.model_validate({"name": "lr", "key": key, "before": 0.1, "after": after})
    proposal = made.proposal.model_copy(update={"parameters": (change,), "tree": id_ * 8, **plan})
    runs = [
        Run(arm="candidate", seed=seed, status="finished", metrics={"accuracy": 0.9 + shift + 0.001 * ((seed * 7) % 5)}, started=0, ended=1)
        for seed in range(seeds)
    ]
    return made.model_copy(update={"proposal": proposal, "runs": tuple(runs)})


def test_all_are_compared_with_the_first_and_p_is_corrected() -> None:
    shown = together([measured("P-0001", 0.0), measured("P-0002", 0.02), measured("P-0003", -0.02)])
    first, better, worse = shown.contrasts
    assert first.note == "the reference" and (better.verdict, worse.verdict) == ("better", "worse")
    assert better.comparison is not None and better.comparison.diff == pytest.approx(0.02)
    # The least two-sided p of 8 pairs, twice.
    assert better.p_adjusted == pytest.approx(2 * 2 / 2**8) == worse.p_adjusted


def test_what_wins_alone_may_not_win_among_many() -> None:
    many = [measured("P-0001", 0.0, seeds=6), *(measured(f"P-000{at}", 0.02, seeds=6) for at in range(2, 6))]
    shown = together(many)
    assert {each.verdict for each in shown.contrasts} == {"inconclusive"}
    assert shown.contrasts[1].note == "better alone, not among 4"
    assert together(many[:2]).contrasts[1].verdict == "better"


def test_another_reference_and_each_with_its_own_baseline() -> None:
    pair = [measured("P-0001", 0.0), measured("P-0002", 0.02)]
    assert [each.verdict for each in together(pair, 1).contrasts] == ["worse", "inconclusive"]
    own = together(pair, OWN_BASELINE)
    assert [each.comparison is not None and each.comparison.diff for each in own.contrasts] == [0.0112, 0.0112]


def test_what_was_measured_otherwise_is_not_compared() -> None:
    other = (DataVersion(name="d", digest="e" * 64, size=1),)
    found = [
        measured("P-0001", 0.0),
        measured("P-0002", 0.1, data=other),
        measured("P-0003", 0.1, evaluate="x"),
        measured("P-0004", 0.1, kind="eval"),
    ]
    notes = [each.note for each in together(found).contrasts]
    assert notes == [
        "the reference",
        "not comparable: other data",
        "not comparable: another evaluator",
        "not comparable: the evaluation itself was changed",
    ]
    nothing = measured("P-0005", 0.0, seeds=0)
    assert "no candidate run finished" in together([measured("P-0001", 0.0), nothing]).contrasts[1].note
    assert together([measured("P-0001", 0.0), nothing], 1).contrasts[0].note == "no run of P-0005, the reference, finished"


def test_a_sweep_is_not_compared_its_confirmation_is() -> None:
    plan = SweepPlan(space=(FloatDimension(name="lr", key="c.yaml:lr", low=0.01, high=1.0),), trials=4, confirm_seeds=(8, 9))
    sweep = measured("P-0001", 0.0, seeds=0, sweep=plan).model_copy(update={"state": "measured", "comparison": None})
    confirmed = sweep.model_copy(update={"confirmation": "P-0002"})
    other = measured("P-0003", 0.02)
    for reference in (0, 1):
        assert together([confirmed, other], reference).contrasts[1 - reference].note == (
            "P-0001 is a sweep: compare P-0002, which confirms its best"
        )
    assert together([sweep, other], OWN_BASELINE).contrasts[0].note == "P-0001 is a sweep: the best of many is no result"


def test_parameters_are_shown_as_people_write_them() -> None:
    shown = together([measured("P-0001", 0.0, after=0.26794500245), measured("P-0002", 0.02, after=1e-05)])
    assert text_of(key_lines(shown, 80))[1].split()[1:] == ["0.267945", "1e-05"]


def test_one_alone_is_no_comparison() -> None:
    with pytest.raises(UsageError, match="1 experiments cannot be compared"):
        together([measured("P-0001", 0.0)])


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_pictures_fit(width: int) -> None:
    found = [
        measured("P-0001", 0.0),
        measured("P-0002", 0.02, key="conf/x.yaml:a.very.long.key.that.goes.on", after="tanh"),
        measured("P-0003", 0.0, seeds=0),
    ]
    shown = together(found)
    records = [[RunRecord("candidate", seed, {"loss": Series((1, 2, 3), (3.0, 2.0, 1.0 + seed))}) for seed in range(2)] for _ in found]
    for lines in (table_lines(shown, width), key_lines(shown, width), overlay_lines(shown, records, width)):
        assert all(len(line) <= width for line in text_of(lines)), text_of(lines)
    text = "\n".join(text_of(table_lines(shown, 100)))
    assert "better" in text and "no result: compared" in text
    assert "tanh" in "\n".join(text_of(key_lines(shown, 100)))


def test_without_seeds_in_common_it_says_how_many_runs_would_tell() -> None:
    plan = {"test": ComparisonPlan(design="auto"), "metric": Metric(name="accuracy", direction="maximize", min_effect=0.0005)}
    other = measured("P-0002", 0.0004, **plan)
    apart = tuple(run.model_copy(update={"seed": run.seed + 100}) for run in other.runs)
    shown = together([measured("P-0001", 0.0, **plan), other.model_copy(update={"runs": apart})])
    found = shown.contrasts[1].comparison
    assert found is not None and found.design == "unpaired" and found.needed_n
    assert f"about {found.needed_n} runs would tell" in "\n".join(text_of(table_lines(shown, 120)))
