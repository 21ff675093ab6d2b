"""Which test decides: seeds, splits, examples or runs without partners; and what happens where it cannot."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import f1_score, root_mean_squared_error
from tests.experiments.test_comparison import BASELINE, BETTER, arms, proposal, run

from mltui.config.schema import Experiments
from mltui.core.experiment import Comparison, ComparisonPlan, Guardrail, Metric, Proposal, Run
from mltui.experiments.comparison import compare
from mltui.experiments.examples import Examples, ExamplesError, Source, Value, parse, source_of
from mltui.experiments.metrics import read_metrics_file
from mltui.experiments.statistics_independent import mcnemar, welch
from mltui.experiments.statistics_resampled import corrected_resampled_t


def planned(
    plan: ComparisonPlan | None, name: str = "accuracy", min_effect: float = 0.0, guardrails: tuple[Guardrail, ...] = ()
) -> Proposal:
    return proposal(Metric(name=name, min_effect=min_effect), guardrails).model_copy(update={"test": plan})


def design(name: str, **sizes: int) -> ComparisonPlan:
    return ComparisonPlan.model_validate({"design": name, **sizes})


def from_tables(tables: dict[tuple[str, int], dict[str, Sequence[Value]]]) -> Source:
    def read(run: Run) -> Examples:
        found = tables.get((run.arm, run.seed))
        if found is None:
            raise ExamplesError(f"{run.arm} seed {run.seed} left no predictions")
        return Examples({name: tuple(values) for name, values in found.items()})

    return read


LABELS = [float(index % 2) for index in range(100)]


def guesses(wrong: Sequence[int]) -> list[Value]:
    return [1 - label if index in set(wrong) else label for index, label in enumerate(LABELS)]


def predicted(before: Sequence[int], after: Sequence[int], seeds: int = 1) -> tuple[list[Run], Source]:
    """Runs whose arms are wrong on these examples, with every seed."""
    runs = arms([1 - len(before) / 100] * seeds, [1 - len(after) / 100] * seeds)
    table = {"baseline": guesses(before), "candidate": guesses(after)}
    return runs, from_tables({(one.arm, one.seed): {"label": LABELS, "prediction": table[one.arm]} for one in runs})


def test_a_plan_without_a_test_pairs_by_seed_as_ever() -> None:
    old, stated = compare(planned(None), arms(BASELINE, BETTER))[0], compare(planned(design("paired-seeds")), arms(BASELINE, BETTER))[0]
    assert old == stated == compare(planned(design("auto")), arms(BASELINE, BETTER))[0]
    assert (old.design, old.of, old.test) == ("paired-seeds", "seed", "exact sign-flip")


def test_splits_of_one_data_set_are_corrected_for_what_they_share() -> None:
    differences = [new - old for old, new in zip(BASELINE, BETTER, strict=True)]
    found, _ = compare(planned(design("folds", n_train=90, n_test=10)), arms(BASELINE, BETTER))
    assert found.p_value == pytest.approx(corrected_resampled_t(differences, 90, 10).p_value)
    assert (found.verdict, found.of) == ("better", "split")
    assert "paired by 6 splits" in found.summary
    half, _ = compare(planned(design("folds", n_train=10, n_test=90)), arms(BASELINE, BETTER))
    assert half.ci_low < found.ci_low
    noise, _ = compare(planned(design("folds", n_train=10, n_test=90), min_effect=0.005), arms(BASELINE, [*reversed(BASELINE)]))
    assert noise.verdict == "inconclusive" and noise.notes == ("more splits of these data cannot show it: more data could",)
    few, _ = compare(planned(design("folds", n_train=9, n_test=1)), arms(BASELINE[:4], BETTER[:4]))
    assert "at least 5 splits are needed" in few.summary


def test_one_model_an_arm_is_judged_by_mcnemar_on_its_predictions() -> None:
    runs, source = predicted(range(20), range(5))
    found, _ = compare(planned(design("predictions")), runs, source)
    assert (found.p_value, found.test) == (mcnemar(0, 15).p_value, "McNemar exact")
    assert (found.n, found.of, found.ties, found.diff) == (100, "example", 85, pytest.approx(0.15))
    assert found.verdict == "better" and 0 < found.ci_low < 0.15 < found.ci_high
    assert "on 100 examples" in found.summary and "0 examples only the baseline has right, 15 only the candidate" in found.notes
    assert Comparison.model_validate_json(found.model_dump_json()) == found
    small, _ = compare(planned(design("predictions"), min_effect=0.02), *predicted(range(10), range(8)))
    assert small.verdict == "inconclusive" and small.needed_n is not None and f"needs about {small.needed_n:,} examples" in small.summary


def test_several_models_an_arm_are_judged_by_a_bootstrap_over_examples() -> None:
    generator = np.random.default_rng(1)
    wrong = {arm: [generator.choice(100, size=size, replace=False).tolist() for _ in range(3)] for arm, size in (("b", 30), ("c", 8))}
    runs = arms([0.7] * 3, [0.92] * 3)
    tables = {(one.arm, one.seed): {"label": LABELS, "prediction": guesses(wrong[one.arm[0]][one.seed])} for one in runs}
    found, _ = compare(planned(design("predictions")), runs, from_tables(tables))
    assert (found.verdict, found.test, found.of) == ("better", "paired bootstrap over examples", "example")
    assert "about the models of 3 runs an arm: how much training varies is not in it" in found.notes


def test_auto_goes_to_the_predictions_where_the_seed_changes_nothing() -> None:
    runs, source = predicted(range(20), range(5), seeds=6)
    found, _ = compare(planned(design("auto")), runs, source)
    assert found.design == "predictions" and found.verdict == "better"
    assert found.notes[0] == "the seed changes nothing, so the test is on the predictions"
    without, _ = compare(planned(design("auto")), runs)
    assert without.design == "paired-seeds" and "one measurement" in without.summary
    # A plan that says seeds keeps to seeds.
    assert "one measurement" in compare(planned(design("paired-seeds")), runs, source)[0].summary


def test_seeds_without_partners_are_compared_by_welch() -> None:
    runs = [run("baseline", seed, accuracy=value) for seed, value in enumerate(BASELINE)]
    runs += [run("candidate", seed + 10, accuracy=value) for seed, value in enumerate(BETTER)]
    found, _ = compare(planned(design("auto")), runs)
    assert (found.design, found.test, found.n, found.of, found.pairs) == ("unpaired", "Welch t", 6, "run", ())
    assert found.p_value == pytest.approx(welch(BASELINE, BETTER).p_value)
    assert "at least 6 runs an arm" in found.summary and found.notes[0] == "no seed is in both arms"
    assert "Cliff's δ" in found.notes[1] and found.effect_name == "Cohen's d"
    assert found.verdict == "better"
    same = [run(one.arm, one.seed, accuracy=0.9 if one.arm == "candidate" else 0.8) for one in runs]
    still, _ = compare(planned(design("auto")), same)
    assert still.verdict == "inconclusive" and "the seed changes nothing in either arm: 6 runs are one measurement" in still.summary
    few, _ = compare(planned(design("unpaired")), arms(BASELINE[:4], BETTER))
    assert few.verdict == "inconclusive" and "at least 6 runs are needed" in few.summary and len(few.pairs) == 4
    alone, _ = compare(planned(design("unpaired")), arms(BASELINE[:1], BETTER[:1]))
    assert (alone.p_value, alone.verdict) == (1.0, "inconclusive")


def test_without_partners_examples_give_a_second_interval() -> None:
    generator = np.random.default_rng(2)
    tables = {
        (arm, seed): {"correct": (generator.random(80) < 0.8).astype(float).tolist()}
        for arm in ("baseline", "candidate")
        for seed in range(6)
    }
    runs = [run(arm, seed, accuracy=float(np.mean(table["correct"]))) for (arm, seed), table in tables.items()]
    found, _ = compare(planned(design("unpaired")), runs, from_tables(tables))
    assert found.second is not None and found.second.method == "hierarchical bootstrap"
    # It knows of the spread of the examples besides that of the runs.
    assert found.second.high - found.second.low > found.ci_high - found.ci_low


def test_many_pairs_show_the_bca_interval_too() -> None:
    generator = np.random.default_rng(3)
    before = generator.normal(0.9, 0.01, 20)
    found, _ = compare(planned(None), arms(before.tolist(), (before + generator.normal(0.01, 0.01, 20)).tolist()))
    assert found.second is not None and found.second.method == "BCa bootstrap"
    assert found.second.low == pytest.approx(found.ci_low, abs=0.002)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tables: tables.pop(("candidate", 0)), "candidate seed 0 left no predictions"),
        (lambda tables: tables[("candidate", 0)].update(label=[1.0] * 100), "the labels of the same examples differ"),
        (lambda tables: tables[("candidate", 0)].update(prediction=LABELS), "do not give the accuracy that was reported"),
        (lambda tables: [tables[key].pop("label") for key in tables], "nothing in the predictions gives accuracy"),
        (lambda tables: tables[("candidate", 0)].update(label=LABELS[:9], prediction=LABELS[:9]), "not measured on the same examples"),
        (lambda tables: tables[("candidate", 0)].update(id=[*map(str, range(100))]), "some runs name their examples and some do not"),
        (
            lambda tables: [table.update(id=[f"{key[0]}{at}" for at in range(100)]) for key, table in tables.items()],
            "100 are others",
        ),
        (lambda tables: [table.update(id=["same"] * 100) for table in tables.values()], "an example is there twice"),
    ],
)
def test_predictions_that_cannot_decide_say_why(
    change: Callable[[dict[tuple[str, int], dict[str, list[Value]]]], object], words: str
) -> None:
    runs, _ = predicted(range(20), range(5))
    tables: dict[tuple[str, int], dict[str, list[Value]]] = {
        ("baseline", 0): {"label": [*LABELS], "prediction": guesses(range(20))},
        ("candidate", 0): {"label": [*LABELS], "prediction": guesses(range(5))},
    }
    change(tables)
    found, _ = compare(planned(design("predictions")), runs, from_tables(tables))
    assert found.verdict == "inconclusive" and words in found.summary
    assert "the approved test is on predictions" in found.summary


def test_examples_are_matched_by_their_names() -> None:
    runs, _ = predicted(range(20), range(5))
    names = [f"doc{at}" for at in range(100)]
    after = guesses(range(5))
    tables = {
        ("baseline", 0): {"id": names, "label": LABELS, "prediction": guesses(range(20))},
        ("candidate", 0): {"id": names[::-1], "label": LABELS[::-1], "prediction": after[::-1]},
    }
    assert compare(planned(design("predictions")), runs, from_tables(tables))[0].p_value == mcnemar(0, 15).p_value


def test_clusters_of_examples_are_drawn_whole() -> None:
    runs, _ = predicted(range(20), range(5))
    of = [f"user{at // 2}" for at in range(100)]
    tables = {
        ("baseline", 0): {"label": LABELS, "prediction": guesses(range(20)), "cluster": of},
        ("candidate", 0): {"label": LABELS, "prediction": guesses(range(5)), "cluster": of},
    }
    found, _ = compare(planned(design("predictions")), runs, from_tables(tables))
    assert (found.n, found.of, found.test) == (50, "cluster", "paired bootstrap over clusters")
    assert "on 50 clusters" in found.summary


@pytest.mark.parametrize("name", ["f1", "f1_macro", "rmse"])
def test_a_metric_is_the_one_of_its_name_that_gives_what_was_reported(name: str) -> None:
    before, after = guesses(range(30)), guesses(range(6))
    score = {
        "f1": lambda said: f1_score(LABELS, said),
        "f1_macro": lambda said: f1_score(LABELS, said, average="macro"),
        "rmse": lambda said: root_mean_squared_error(LABELS, said),
    }[name]
    runs = [run("baseline", 0, **{name: float(score(before))}), run("candidate", 0, **{name: float(score(after))})]
    tables = {("baseline", 0): {"label": LABELS, "prediction": before}, ("candidate", 0): {"label": LABELS, "prediction": after}}
    found, _ = compare(planned(design("predictions"), name), runs, from_tables(tables))
    assert found.p_value < 0.01 and found.diff == pytest.approx(float(score(after)) - float(score(before)))
    assert found.test == "paired bootstrap over examples"


def latencies(shift: float, seeds: int, samples: int = 200) -> tuple[list[Run], Source]:
    generator = np.random.default_rng(4)
    logged = {
        (arm, seed): (generator.lognormal(3, 0.2, samples) + (shift if arm == "candidate" else 0)).tolist()
        for arm in ("baseline", "candidate")
        for seed in range(seeds)
    }
    accuracy = {"baseline": BASELINE, "candidate": BETTER}
    runs = [
        run(arm, seed, accuracy=accuracy[arm][seed], latency_ms_p95=float(np.quantile(values, 0.95)))
        for (arm, seed), values in logged.items()
    ]
    return runs, from_tables({key: {"latency_ms": values} for key, values in logged.items()})


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "equivalent"), (8.0, "worse"), (2.5, "inconclusive"), (-8.0, "better")])
def test_a_guardrail_of_a_percentile_goes_by_its_samples(shift: float, verdict: str) -> None:
    runs, source = latencies(shift, 6)
    guard = Guardrail(name="latency_ms_p95", margin="10%")
    _, (found,) = compare(planned(design("auto"), guardrails=(guard,)), runs, source)
    assert (found.of, found.n, found.test) == ("sample", 200, "bootstrap over runs and samples")
    assert found.verdict == verdict
    assert found.notes == ("p95 of latency_ms, 6 pairs of runs",)


def test_a_percentile_that_its_samples_do_not_give_goes_by_seed() -> None:
    runs, source = latencies(0.0, 6)
    guard = Guardrail(name="latency_ms_p95", margin="10%")
    moved = [one.model_copy(update={"metrics": {**one.metrics, "latency_ms_p95": one.metrics["latency_ms_p95"] * 1.1}}) for one in runs]
    _, (found,) = compare(planned(None, guardrails=(guard,)), moved, source)
    assert (found.design, found.of) == ("paired-seeds", "seed")
    few, few_source = latencies(0.0, 3)
    _, (found,) = compare(planned(None, guardrails=(guard,)), few, few_source)
    assert "at least 6 pairs" in found.summary  # three runs say too little of how runs differ, however many samples they have


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60),
    st.sampled_from([0.0, 0.05]),
)
def test_swapping_the_arms_mirrors_a_verdict_on_predictions(right: list[tuple[bool, bool]], least: float) -> None:
    old, new = ([float(pair[at]) for pair in right] for at in (0, 1))

    def judged(first: list[float], second: list[float]) -> Comparison:
        runs = arms([math.fsum(first) / len(first)], [math.fsum(second) / len(second)])
        source = from_tables({("baseline", 0): {"correct": first}, ("candidate", 0): {"correct": second}})
        return compare(planned(design("predictions"), min_effect=least), runs, source)[0]

    one, other = judged(old, new), judged(new, old)
    assert one.diff == pytest.approx(-other.diff) and one.p_value == other.p_value
    assert 0 < one.p_value <= 1 and one.ci_low <= one.diff + 1e-9 and one.diff - 1e-9 <= one.ci_high


@pytest.mark.parametrize(
    ("text", "suffix", "columns"),
    [
        ("id,label,prediction\na,1,1.0\nb,0,cat\n", ".csv", {"id": ("a", "b"), "label": (1.0, 0.0), "prediction": (1.0, "cat")}),
        ('{"label": "x", "score": 0.5}\n{"label": "y", "score": 1}\n', ".jsonl", {"label": ("x", "y"), "score": (0.5, 1.0)}),
        ("[true, false, 1]", ".json", {"value": (1.0, 0.0, 1.0)}),
        ('{"a": 1, "b": 0.5}', ".json", {"id": ("a", "b"), "value": (1.0, 0.5)}),
        ('{"score": [1, 2], "label": ["x", "y"]}', ".json", {"score": (1.0, 2.0), "label": ("x", "y")}),
        ('[{"a": 1, "only": 2}, {"a": 2}]', ".json", {"a": (1.0, 2.0)}),
        ('[{"a": 1, "b": [1]}, {"a": 2, "b": [2]}]', ".json", {"a": (1.0, 2.0)}),
    ],
)
def test_examples_are_read_in_the_usual_shapes(text: str, suffix: str, columns: dict[str, tuple[Value, ...]]) -> None:
    assert parse(text, suffix).columns == columns


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", "[[1], [2]]", '{"a": [1], "b": [1, 2]}', "3", '[{"a": 1}, 2]'])
def test_what_are_no_examples_is_said(text: str) -> None:
    with pytest.raises(ExamplesError):
        parse(text, ".json")


@given(st.text(max_size=200), st.sampled_from([".json", ".jsonl", ".csv"]))
def test_no_text_breaks_the_reading(text: str, suffix: str) -> None:
    try:
        found = parse(text, suffix)
    except ExamplesError:
        return
    assert len({len(values) for values in found.columns.values()}) <= 1


def test_only_what_the_evaluator_wrote_counts_where_there_is_one(tmp_path: Path) -> None:
    folder, kept = tmp_path / "job/runs/candidate-0", tmp_path / "job/evaluations/candidate-0"
    folder.mkdir(parents=True)
    kept.mkdir(parents=True)
    (folder / "predictions.csv").write_text("label,prediction\n1,1\n0,0\n")
    (kept / "per_example.json").write_text("[1, 0]")
    one = run("candidate", 0).model_copy(update={"folder": "job/runs/candidate-0"})
    assert source_of(tmp_path, evaluated=False)(one).columns["label"] == (1.0, 0.0)
    with pytest.raises(ExamplesError, match="no SHA-256"):
        source_of(tmp_path, evaluated=True)(one)
    with pytest.raises(ExamplesError, match="is not what the evaluator wrote"):
        source_of(tmp_path, evaluated=True)(one.model_copy(update={"per_example": "0" * 64}))
    (kept / "per_example.json").unlink()
    (kept / "per_example.json").symlink_to(folder / "predictions.csv")
    with pytest.raises(ExamplesError, match="cannot be read"):
        source_of(tmp_path, evaluated=True)(one.model_copy(update={"per_example": "0" * 64}))
    with pytest.raises(ExamplesError, match="left no predictions"):
        source_of(tmp_path, evaluated=False)(one.model_copy(update={"folder": "job/runs/other"}))


def test_settings_that_do_not_fit_are_refused() -> None:
    assert Experiments.model_validate({"n_train": 90, "n_test": 10}).test == "auto"
    for wrong in ({"test": "folds"}, {"n_train": 5}, {"test": "t"}, {"n_test": -1, "n_train": 2}):
        with pytest.raises(ValidationError):
            Experiments.model_validate(wrong)


def test_a_metric_that_is_logged_by_steps_counts_with_its_last_value(tmp_path: Path) -> None:
    by_steps, once = tmp_path / "a.jsonl", tmp_path / "b.json"
    by_steps.write_text("".join(json.dumps({"step": step, "accuracy": step / 10}) + "\n" for step in range(10)))
    once.write_text('{"accuracy": 0.9}')
    assert read_metrics_file(by_steps)["accuracy"] == read_metrics_file(once)["accuracy"] == 0.9
