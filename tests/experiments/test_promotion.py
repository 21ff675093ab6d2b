"""The gate of a promotion: each requirement, and what it says when it does not hold. Git, disk and journal are real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.promotable import ANN, PROMPT, Effects, Promotable, changed_data

from mltui.config.schema import Promotion, Tracking
from mltui.core.errors import ConfigError, ProposalError, UsageError
from mltui.core.experiment import Clause, Metric
from mltui.experiments.promotion import Promotions
from mltui.experiments.promotion_standing import moved_aliases
from mltui.experiments.records import PromotionDecided, ProposalCreated, UnplannedTraining
from mltui.experiments.tracking.registry import Registry
from mltui.experiments.tracking.registry_orders import Answer, Order


class EmptyRegistry(Registry):
    """A registry that holds what it is told to; it carries nothing out."""

    def __init__(self, root: Path, aliases: dict[str, str] | None = None) -> None:
        super().__init__(root, Tracking())
        self.aliases = aliases or {}

    def carry_out(self, order: Order) -> Answer:
        assert order.do == "look"
        return Answer(exists=True, aliases=self.aliases)


@pytest.fixture
def project(tmp_path: Path) -> Promotable:
    root = tmp_path / "digits"
    root.mkdir()
    return Promotable.make(root)


def clauses(project: Promotable, source: str, aliases: dict[str, str] | None = None) -> dict[str, Clause]:
    promotions = Promotions(project.experiments, EmptyRegistry(project.root, aliases))
    return {clause.name: clause for clause in promotions.check(source, promotions.target()).clauses}


def missing(found: dict[str, Clause]) -> dict[str, str]:
    return {clause.name: clause.found for clause in found.values() if not clause.holds}


def test_what_everything_speaks_for_passes(project: Promotable):
    found = clauses(project, project.accepted(1))
    assert missing(found) == {}
    assert "first promotion" in found["champion"].found
    assert "seed 3" in found["model"].found


def test_the_model_is_that_of_the_run_nearest_to_the_mean_or_of_the_seed_that_was_named(project: Promotable):
    id_ = project.accepted(1)
    promotions = Promotions(project.experiments, EmptyRegistry(project.root))
    assert [promotions.check(source, promotions.target()).run.seed for source in (id_, f"{id_}/5")] == [3, 5]  # type: ignore[union-attr]
    with pytest.raises(ProposalError, match="seed 9 finished — Finished: 0, 1"):
        promotions.check(f"{id_}/9", promotions.target())


Spoil = Callable[[Promotable], str]


def spoil_config(**section: Any) -> Spoil:
    def spoil(project: Promotable) -> str:
        id_ = project.accepted(1)
        project.set(**section)
        return id_

    return spoil


def with_fields(**fields: Any) -> Spoil:
    return lambda project: project.accepted(1, **fields)


def with_effects(**effects: float) -> Spoil:
    def spoil(project: Promotable) -> str:
        project.effects = Effects(**effects)
        return project.accepted(1)

    return spoil


def not_accepted(project: Promotable) -> str:
    id_ = project.compared(project.proposal(1, {"conf/optim.yaml": "lr: 0.5\n"}))
    project.conclude(id_)
    return id_


def not_interpreted(project: Promotable) -> str:
    id_ = project.compared(project.proposal(1, {"conf/optim.yaml": "lr: 0.5\n"}))
    project.accept(id_, {})
    return id_


def speaks_against(project: Promotable) -> str:
    id_ = project.compared(project.proposal(1, {"conf/optim.yaml": "lr: 0.5\n"}))
    project.conclude(id_, "discard")
    project.accept(id_, {})
    return id_


def accepted_by_a_policy(project: Promotable) -> str:
    id_ = project.compared(project.proposal(1, {"conf/optim.yaml": "lr: 0.5\n"}))
    project.conclude(id_)
    project.accept(id_, {}, by="policy:night.toml")
    return id_


def reused_runs(project: Promotable) -> str:
    id_ = project.compared(project.proposal(1, {"conf/optim.yaml": "lr: 0.5\n"}), reused=True)
    project.conclude(id_)
    project.accept(id_, {})
    return id_


def model_changed(project: Promotable) -> str:
    id_ = project.accepted(1)
    (project.root / ".mltui/runs" / f"{id_}-candidate-3/model/model.bin").write_bytes(b"other weights")
    return id_


def model_gone(project: Promotable) -> str:
    id_ = project.accepted(1)
    (project.root / ".mltui/runs" / f"{id_}-candidate-3/model/model.bin").unlink()
    return id_


def data_changed_today(project: Promotable) -> str:
    id_ = project.accepted(1)
    (project.root / "data/test.csv").write_text("1,1\n")
    return id_


def evaluation_edited(project: Promotable) -> str:
    id_ = project.accepted(1)
    (project.root / "evaluate.py").write_text("print('always right')\n")
    return id_


def evaluation_accepted_later(project: Promotable) -> str:
    id_ = project.accepted(1)
    project.accepted(2, {"evaluate.py": "print('f1')\n"}, kind="eval", evaluation_reason="a better metric")
    (project.root / "evaluate.py").write_text("print('accuracy')\n")
    return id_


def a_baseline(project: Promotable) -> str:
    plan = project.proposal(1, {})
    ledger = project.ledger
    from mltui.experiments.records import ProposalCreated

    ledger.record(ProposalCreated(proposal=plan), "ann")
    return plan.id


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("compared", a_baseline, "measures a baseline"),
        ("quality", spoil_config(promotion={"quality": ""}), "no metric stands for quality"),
        ("latency", spoil_config(promotion={"latency": "p99"}), "p99 was not registered"),
        ("cost", spoil_config(promotion={"cost": "dollars"}), "dollars was not registered"),
        ("quality", with_effects(accuracy=0.0), "every pair is equal"),
        ("latency", with_effects(latency_ms=3.0), "the guardrail is broken"),
        ("cost", with_effects(cost=2.0), "the guardrail is broken"),
        ("guardrails", with_fields(guardrails=()), "none was registered"),
        ("primary", spoil_config(promotion={"quality": "cost"}), ""),
        ("thresholds", with_fields(hash="e" * 64), "what was approved is not what stands in the journal"),
        ("seeds", with_fields(seeds=(0, 1, 2, 3, 4)), "5 fresh pairs"),
        ("seeds", reused_runs, "0 fresh pairs"),
        ("evaluator", with_fields(evaluate=""), "reported their own metrics"),
        ("evaluator", lambda p: p.accepted(1, {"evaluate.py": "print(1)\n"}, kind="eval"), "changes the evaluation that judges it"),
        ("evaluation", evaluation_edited, "evaluate.py changed since"),
        ("evaluation", evaluation_accepted_later, "P-0002 changed the evaluation since"),
        ("evaluation", spoil_config(experiments={"evaluate": "python other.py"}), "another now"),
        ("data", with_fields(data=()), "no data set was recorded"),
        ("data", with_fields(data=changed_data()), "data/test.csv changed"),
        ("data", data_changed_today, "data/test.csv changed"),
        ("model", model_changed, "is not what the run left"),
        ("model", model_gone, "is gone"),
        ("model", spoil_config(promotion={"artifact": ""}), "no artifact is declared"),
        ("interpretation", not_interpreted, "nobody wrote down"),
        ("interpretation", speaks_against, "recommends discard"),
        ("accepted", not_accepted, "P-0001 is interpreted"),
        ("accepted", accepted_by_a_policy, "not by a person"),
    ],
)
def test_each_requirement_is_missed_and_says_what_to_do(project: Promotable, name: str, spoil: Spoil, said: str):
    if name == "primary":
        # A guardrail stands for quality, and the primary metric got worse.
        project.effects = Effects(accuracy=-0.02)
        project.set(promotion={"quality": "cost"})
        found = clauses(project, project.accepted(1))
    else:
        found = clauses(project, spoil(project))
    assert not found[name].holds
    assert said in found[name].found
    assert found[name].remedy


def test_the_whole_list_is_given_at_once(project: Promotable):
    project.effects = Effects(cost=2.0)
    id_ = project.compared(project.proposal(1, {"conf/optim.yaml": "lr: 0.5\n"}, evaluate="", data=()))
    assert {"cost", "guardrails", "evaluator", "evaluation", "data", "interpretation", "accepted"} == set(missing(clauses(project, id_)))


def test_what_has_not_run_has_guardrails_that_were_not_compared(project: Promotable):
    plan = project.proposal(1, {"conf/optim.yaml": "lr: 0.5\n"})
    project.ledger.record(ProposalCreated(proposal=plan), "test")
    found = clauses(project, plan.id)
    assert found["guardrails"].found == "latency_ms, cost not compared"
    assert "run it to its end" in found["compared"].remedy
    assert {found[name].remedy for name in ("quality", "latency", "cost", "guardrails")} == {"see what stands beside `compared`"}


def test_equivalent_quality_passes_only_where_a_guardrail_improved(project: Promotable):
    project.effects = Effects(accuracy=0.0, cost=-1.0)
    found = clauses(project, project.accepted(1))
    assert missing(found) == {}
    assert "cost is better" in found["quality"].found


def test_a_comparison_that_the_runs_do_not_give_is_none(project: Promotable):
    plan = project.proposal(1, {"conf/optim.yaml": "lr: 0.5\n"})
    project.effects = Effects(accuracy=0.0)
    id_ = project.compared(plan)
    assert "quality" in missing(clauses(project, id_))
    experiment = project.ledger.get(id_)
    assert experiment.comparison is not None
    better = experiment.comparison.model_copy(update={"verdict": "better"})
    from mltui.experiments.promotion_clauses import Facts, judge

    facts = Facts(
        experiment=experiment.model_copy(update={"comparison": better}),
        section=project.config.promotion,
        what="model",
        recomputed=(experiment.comparison, experiment.guardrails),
    )
    found = {clause.name: clause for clause in judge(facts)}
    assert "another than the journal's" in found["compared"].found
    assert not found["quality"].holds


def test_a_journal_that_was_changed_proves_nothing_and_nobody_may_override_that(project: Promotable):
    id_ = project.accepted(1)
    journal = project.root / ".mltui" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"accuracy":0.9,', b'"accuracy":0.8,', 1))
    found = clauses(project, id_)
    assert not found["journal"].holds
    assert found["journal"].absolute


def test_training_outside_a_proposal_is_never_promoted(project: Promotable):
    project.accepted(1)
    project.ledger.record(UnplannedTraining(id="U-0001", session_id="s", command="python train.py"), "mltui")
    found = clauses(project, "U-0001")
    assert list(missing(found)) == ["planned"]
    assert found["planned"].absolute


def test_an_alias_that_was_moved_is_said(project: Promotable):
    found = clauses(project, project.accepted(1), {"champion": "4"})
    assert missing(found) == {"registry": "champion was given to version 4 outside mltui"}
    assert moved_aliases({"champion": "2", "previous": "1"}, {"champion": "1"}) == [
        "champion was moved from version 2 to version 1 outside mltui",
        "previous was taken from version 1 outside mltui",
    ]


def test_names_and_aliases_that_no_registry_takes(project: Promotable):
    id_ = project.accepted(1)
    promotions = Promotions(project.experiments, EmptyRegistry(project.root))
    for name in ("a/b", "a:b", "a\nb", "x" * 300):
        with pytest.raises(UsageError, match="no name for a registered model"):
            promotions.target(name)
    for alias in ("latest", "v1", "a b", "previous"):
        with pytest.raises(UsageError):
            promotions.check(id_, promotions.target(), alias)
    with pytest.raises(UsageError, match="names no run"):
        promotions.check(f"{id_}/x", promotions.target())
    with pytest.raises(ProposalError, match="no experiment P-0099"):
        promotions.check("P-0099", promotions.target())


def test_without_tracking_there_is_no_registry(project: Promotable):
    id_ = project.accepted(1)
    project.set(tracking={"enabled": False})
    promotions = project.experiments.promotions()
    with pytest.raises(ConfigError, match=r"tracking is switched off.*enabled = true"):
        promotions.check(id_, promotions.target())


def prompt_project(project: Promotable) -> tuple[Promotions, str]:
    project.set(promotion=Promotion(prompt=PROMPT, quality="accuracy", latency="latency_ms", cost="cost").model_dump())
    project.set(tracking={"enabled": False})
    id_ = kept(project, 1, "Answer briefly, and say how sure you are.\n")
    return project.experiments.promotions(), id_


def kept(project: Promotable, number: int, text: str) -> str:
    """An accepted experiment with the production prompt, which only its promotion replaces."""
    id_ = project.compared(project.proposal(number, {PROMPT: text}, kind="prompt"))
    project.conclude(id_)
    project.accept(id_, {})
    return id_


def test_a_production_prompt_is_replaced_kept_and_put_back_without_a_registry(project: Promotable):
    promotions, id_ = prompt_project(project)
    target = promotions.target()
    plan = promotions.check(id_, target)
    assert plan.missing == ()
    done = promotions.promote(plan, ANN)
    prompt = project.root / PROMPT
    assert (done.outcome, done.alias, prompt.read_text()) == ("promoted", "production", "Answer briefly, and say how sure you are.\n")
    prompt.write_text("Answer as you like.\n")
    (standing,) = promotions.status()
    assert "changed outside mltui" in standing.drift[0]
    promotions.rollback(target, ANN)
    assert prompt.read_text() == "Answer briefly, and say how sure you are.\n"
    promotions.rollback(target, ANN, previous=True)
    assert prompt.read_text() == "Answer briefly.\n"
    with pytest.raises(ProposalError, match="is as the journal says"):
        promotions.rollback(target, ANN)
    outcomes = [record.payload["outcome"] for record in project.journal if record.type == PromotionDecided.type]
    assert outcomes == ["promoted", "rolled back", "rolled back"]
    assert project.experiments.verify()


def test_an_override_needs_a_reason_and_is_journaled_with_what_was_missing(project: Promotable):
    promotions, id_ = prompt_project(project)
    project.set(promotion={"cost": ""})
    promotions = project.experiments.promotions()
    plan = promotions.check(id_, promotions.target())
    with pytest.raises(ProposalError, match="missing: cost"):
        promotions.promote(plan, ANN)
    with pytest.raises(UsageError, match="needs a reason"):
        promotions.promote(plan, ANN, override=True, reason="  ")
    assert (project.root / PROMPT).read_text() == "Answer briefly.\n"
    done = promotions.promote(plan, ANN, override=True, reason="cost is measured by hand")
    assert (done.outcome, done.reason, done.by) == ("overridden", "cost is measured by hand", "ann")
    assert [clause.name for clause in done.clauses if not clause.holds] == ["cost"]


def test_what_changes_between_the_look_and_the_deed_is_seen(project: Promotable):
    promotions, id_ = prompt_project(project)
    plan = promotions.check(id_, promotions.target())
    (project.root / "data/test.csv").write_text("9,9\n")
    with pytest.raises(ProposalError, match="missing: data"):
        promotions.promote(plan, ANN)
    assert (project.root / PROMPT).read_text() == "Answer briefly.\n"


def test_several_changed_prompts_are_no_production_prompt(project: Promotable):
    project.set(promotion={"prompt": PROMPT, "artifact": ""}, tracking={"enabled": False})
    id_ = project.accepted(1, {"prompts/a.md": "A\n", "prompts/b.md": "B\n"}, kind="prompt")
    promotions = project.experiments.promotions()
    plan = promotions.check(id_, promotions.target())
    assert "changes several prompts" in {clause.name: clause.found for clause in plan.missing}["prompt"]


def test_the_next_candidate_must_start_from_the_champion(project: Promotable):
    promotions, id_ = prompt_project(project)
    promotions.promote(promotions.check(id_, promotions.target()), ANN)
    (project.root / "README.md").write_text("A project, explained.\n")
    second = kept(project, 2, "Answer in one line.\n")
    assert promotions.check(second, promotions.target()).missing == ()
    (project.root / "conf/optim.yaml").write_text("lr: 0.9\n")
    third = kept(project, 3, "Answer in two lines.\n")
    plan = promotions.check(third, promotions.target())
    assert {clause.name for clause in plan.missing} == {"champion"}
    assert "conf/optim.yaml" in plan.missing[0].found


def test_metric_of_another_direction(project: Promotable):
    id_ = project.accepted(1, metric=Metric(name="accuracy", direction="minimize", min_effect=0.005))
    assert "quality" in missing(clauses(project, id_))


def test_keeping_an_experiment_leaves_the_production_prompt_alone(project: Promotable):
    project.set(promotion={"prompt": PROMPT})
    plan = project.proposal(1, {PROMPT: "Answer in one line.\n", "conf/optim.yaml": "lr: 0.7\n"}, kind="prompt")
    project.compared(plan)
    project.conclude(plan.id)
    project.experiments.accept(plan.id, by="ann")
    assert (project.root / PROMPT).read_text() == "Answer briefly.\n"
    assert (project.root / "conf/optim.yaml").read_text() == "lr: 0.7\n"
