"""Proposals, comparisons and conversations to show."""

from __future__ import annotations

import time

from mltui.core.experiment import (
    Approval,
    BaselineSummary,
    Budget,
    Comparison,
    Conclusion,
    ControlledChange,
    DataVersion,
    Estimate,
    Experiment,
    ExperimentKind,
    ExperimentState,
    Guardrail,
    Metric,
    ParameterChange,
    Power,
    Proposal,
    Review,
    Run,
    Trial,
)
from mltui.core.sweep import ChoiceDimension, FloatDimension, SweepPlan
from mltui.experiments.error_facts import ArmErrors, Bin, Calibration, ClassScore, Confused, ErrorAnalysis, ErrorExample, Slice

ACCURACY = Metric(name="accuracy", direction="maximize", min_effect=0.005)
PATCH = """diff --git a/conf/train.yaml b/conf/train.yaml
index 1111111..2222222 100644
--- a/conf/train.yaml
+++ b/conf/train.yaml
@@ -1,7 +1,7 @@
 model: mlp
 hidden: [64]
 optimizer:
-  lr: 0.1
+  lr: 0.05
   momentum: 0.9
 epochs: 40
 batch_size: 32
diff --git a/train.py b/train.py
index 3333333..4444444 100644
--- a/train.py
+++ b/train.py
@@ -21,6 +21,8 @@ def train(config: Config, seed: int) -> float:
     model = build(config)
     optimizer = SGD(model.parameters(), lr=config.optimizer.lr, momentum=config.optimizer.momentum)
     for epoch in range(config.epochs):
+        if epoch == config.epochs // 2:
+            optimizer.scale(0.1)  # the loss is flat here; a smaller step finds the bottom of the valley instead of jumping over it
         for batch in batches(seed):
             loss = step(model, batch)
             loss.backward()
"""


def proposal(
    id: str = "P-0007", *, kind: ExperimentKind = "hparam", title: str = "Halve the learning rate", created: float | None = None
) -> Proposal:
    return Proposal(
        id=id,
        title=title,
        kind=kind,
        hypothesis="The loss oscillates in the last ten epochs. "
        "A learning rate of 0.05 should settle it and raise accuracy by about one point.",
        methodology="Six seeds of the baseline and of the change, paired by seed. "
        "The test split is not touched; accuracy is measured on the validation split.",
        metric=ACCURACY,
        guardrails=(Guardrail(name="train_seconds", margin="20%"),),
        files=(
            ControlledChange(path="conf/train.yaml", kind="hparam", reason="a configuration of the training"),
            ControlledChange(path="train.py", kind="train", reason="the training entry point"),
        ),
        parameters=(ParameterChange(name="lr", key="conf/train.yaml:optimizer.lr", before=0.1, after=0.05),),
        base_commit="8c1f0a77d2b94e5f",
        base_tree="a" * 40,
        commit="b" * 40,
        tree="c0ffee0123456789" * 2,
        patch=PATCH,
        command="python train.py --seed {seed}",
        seeds=(0, 1, 2, 3, 4, 5),
        budget=Budget(minutes=12, runs=12),
        data=(DataVersion(name="data/digits.csv", digest="9f86d081884c7d659a2feaa0c55ad015", size=491_520),),
        author="model:anthropic/claude-sonnet-4-5",
        created=time.time() - 3 * 86_400 if created is None else created,
        hash="d" * 64,
    )


def comparison() -> Comparison:
    pairs = ((0, 0.942, 0.953), (1, 0.939, 0.950), (2, 0.947, 0.951), (3, 0.936, 0.954), (4, 0.944, 0.952), (5, 0.941, 0.956))
    return Comparison(
        metric=ACCURACY,
        test="exact sign-flip",
        n=6,
        baseline_mean=0.9415,
        candidate_mean=0.9527,
        baseline_std=0.0038,
        candidate_std=0.0021,
        diff=0.0112,
        ci_low=0.0059,
        ci_high=0.0164,
        ci_method="paired t",
        p_value=0.031,
        effect_size=2.1,
        effect_name="d_z",
        verdict="better",
        summary="accuracy +0.0112 [0.0059, 0.0164] (95 % CI, paired by 6 seeds, p = 0.031): better",
        pairs=pairs,
    )


def experiment(state: ExperimentState = "proposed", **changes: object) -> Experiment:
    made = proposal(**{key: changes.pop(key) for key in ("id", "kind", "title") if key in changes})  # type: ignore[arg-type]
    compared = state in ("compared", "interpreted", "accepted", "discarded")
    return Experiment(
        proposal=made,
        state=state,
        approval=None
        if state in ("proposed",)
        else Approval(
            proposal_id=made.id,
            proposal_hash=made.hash,
            answer="reject" if state == "rejected" else "approve",
            by="anna",
            at=1_700_000_100.0,
        ),
        comparison=comparison() if compared else None,
        conclusion=Conclusion(
            interpretation="The halved rate is better on every seed. The interval excludes zero and the smallest effect worth having; "
            "nothing is said about other data.",
            recommendation="accept",
            by="model:sonnet",
            at=1_700_000_900.0,
        )
        if state in ("interpreted", "accepted", "discarded")
        else None,
        runs=(Run(arm="candidate", seed=3, status="failed", started=0.0, ended=4.0, exit_code=1, message="CUDA out of memory"),)
        if state == "failed"
        else (),
        message="1 of 12 runs failed" if state == "failed" else "",
    )


def reviewed(**changes: object) -> Proposal:
    """Returns: a proposal of which everything is known that can be."""
    known: dict[str, object] = {
        "environment": "5f1d7c3ab09e4412" * 4,
        "evaluate": "python evaluate.py --predictions {run}/predictions.csv --out {run}/metrics.json",
        "review": Review(
            baseline=BaselineSummary(mean=0.94152, std=0.0038, n=6, source="B-0001"),
            power=Power(std=0.0046, n=6, detectable=0.0066, needed_n=9, basis="paired differences of P-0004"),
            estimate=Estimate(minutes=4.2, runs=12, reused=6, basis="42 s a run in B-0001"),
            warnings=(
                "6 pairs find a difference of 0.0066; the one worth having is 0.005. With 9 seeds it would be seen.",
                "The data is not that of P-0006, the last experiment.",
            ),
        ),
    }
    made = {key: changes.pop(key) for key in ("id", "kind", "title", "created") if key in changes}
    return proposal(**made).model_copy(update={**known, **changes})  # type: ignore[arg-type]


def error_analysis() -> ErrorAnalysis:
    """Of both arms, with everything that there can be of classes; one of them would drive a terminal."""
    names, arms = ("cat", "dog", "owl"), []
    for arm, hit, miss in (("baseline", 38, 6), ("candidate", 44, 3)):
        bins = tuple(Bin(confidence=c, accuracy=c - 0.1, low=c - 0.2, high=min(1.0, c), n=int(100 * c)) for c in (0.45, 0.65, 0.85))
        score = hit / (hit + 2 * miss)
        matrix = tuple(tuple(hit if row == column else miss for column in range(3)) for row in range(3))
        classes = [
            ClassScore(name=name, precision=score, recall=score, f1=score, support=hit + 2 * miss)
            for name in (*names, "macro average", "weighted average")
        ]
        calibration = Calibration(bins=bins, ece=0.1, brier=None, n=195)
        made = {"arm": arm, "runs": 4, "n": 150, "accuracy": score, "matrix": matrix, "classes": classes[:3], "macro": classes[3]}
        arms.append(ArmErrors.model_validate({**made, "weighted": classes[4], "calibration": calibration}))
    example = {"key": "img-7", "label": "cat", "baseline": "cat", "candidate": "dog\x1b[31m"}
    example |= {"baseline_score": 1.0, "candidate_score": 0.25}
    broken = ErrorExample.model_validate({**example, "confidence": 0.93, "shown": {"region": "us", "text": "a long text " * 8}})
    part = {"column": "region", "baseline": 0.8, "candidate": 0.9, "low": 0.85, "high": 0.95, "diff_low": -0.01, "p_value": 0.01}
    return ErrorAnalysis(
        kind="classes",
        names=names,
        arms=tuple(arms),
        paired=150,
        pairs=4,
        fixed=20,
        broken=8,
        most_broken=(broken,),
        most_fixed=(broken.model_copy(update={"key": "img-8", "baseline": "owl", "candidate": "cat"}),),
        worst=(broken,),
        confused=(Confused(label="cat", predicted="dog", baseline=6.0, candidate=3.0),),
        slices=tuple(
            Slice.model_validate({**part, "value": value, "n": n, "diff": diff, "diff_high": diff + 0.05, "p_adjusted": p})
            for value, n, diff, p in (("eu", 90, 0.1, 0.02), ("us", 60, -0.03, 0.4))
        ),
        left_out=("text: 150 different values",),
        notes=("1 run cannot be matched example by example: other rows, and no id",),
    )


def sweep(id: str = "P-0004") -> Experiment:
    """Returns: a search of a rate and an optimizer, over, with a confirmation."""
    space = (
        FloatDimension(name="lr", key="conf/train.yaml:lr", low=0.001, high=0.5, log=True),
        ChoiceDimension(name="optimizer", key="conf/train.yaml:optimizer", choices=("sgd", "adam")),
    )
    plan = SweepPlan(space=space, trials=6, confirm_seeds=(16, 17, 18, 19, 20, 21), pruner="median")
    made = experiment("measured", id=id, title="Search rate and optimizer")
    values = (0.91, 0.934, None, 0.928, 0.951, 0.947)
    trials = tuple(
        Trial(
            number=number,
            params={"lr": 0.002 * 2.5**number, "optimizer": ("sgd", "adam")[number % 2]},
            state="pruned" if value is None else "complete",
            value=value,
            runs=(Run(arm="candidate", seed=0, status="finished", started=60.0 * number, ended=60.0 * number + 50, cpu_seconds=48.0),),
            message="accuracy 0.41 at step 3 is behind the other trials" if value is None else "",
        )
        for number, value in enumerate(values)
    )
    message = (
        "best of 6 trials (5 complete, 1 pruned): accuracy 0.951 in trial 4. That is no result: the best of many looks better than it is."
    )
    changes = {"proposal": made.proposal.model_copy(update={"sweep": plan}), "trials": trials, "confirmation": "P-0005", "message": message}
    return made.model_copy(update=changes)
