"""Makes the proposal of a sweep, and the one that confirms its winner."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

from mltui.core.errors import ProposalError
from mltui.core.experiment import Budget, Experiment, ProposalRequest, Trial
from mltui.core.sweep import Dimension, Selection, SweepRequest
from mltui.experiments.git_tree import Snapshot
from mltui.experiments.proposals import Author, Built, ProposalBuilder, RunPlan, check_minutes, sealed
from mltui.experiments.refusals import check_words
from mltui.experiments.sweeps.planning import make_plan
from mltui.experiments.sweeps.space import split_key
from mltui.experiments.sweeps.summary import made
from mltui.experiments.sweeps.trees import TrialTrees, plan_of

_CONFIRMS = "The best trial of a sweep against the baseline, on seeds that no trial had: the best of many looks better than it is."


class SweepBuilder(ProposalBuilder):
    """Also makes proposals with many trials."""

    def build_sweep(self, proposal_id: str, request: SweepRequest, used: Collection[int], author: Author) -> Built:
        """A plan of trials of the working tree with other values. What is staged in a draft takes no part.

        Args:
            used: seeds of earlier runs.

        Raises: ProposalError: the request makes no plan; names the key and what is wrong with it.
        """
        check_words(request.title, request.hypothesis)
        metric = self._metric()
        self._check_data(())
        snapshot = self._git.snapshot()
        plan, seeds = make_plan(request, self._section, partial(self._read, snapshot.tree), used)
        for dimension in plan.space:
            self._check_swept(dimension, snapshot.tree)
        asked = ProposalRequest(
            title=request.title,
            hypothesis=request.hypothesis,
            methodology=request.methodology,
            entrypoint=request.entrypoint,
            minutes=check_minutes(request.minutes),
        )
        runs = RunPlan(kind="hparam", metric=metric, command=self._command(asked), seeds=seeds)
        built = self._built(proposal_id, asked, runs, snapshot, snapshot.tree, author)
        proposal = built.proposal.model_copy(update={"sweep": plan})
        budget = Budget(minutes=proposal.budget.minutes, runs=proposal.planned_runs)
        return replace(built, proposal=sealed(proposal.model_copy(update={"budget": budget})))

    def build_confirmation(self, proposal_id: str, sweep: Experiment, best: Trial, minutes: float, author: Author) -> Built:
        """The base of a sweep with its best trial's values against the base, on the seeds that were declared for it.

        Raises: ProposalError: the best trial changes nothing.
        """
        former, plan = sweep.proposal, plan_of(sweep.proposal)
        trees = TrialTrees(self._git, former)
        tree = trees.tree(best.params)
        if tree == former.base_tree:
            raise ProposalError("the best trial has the baseline's own values: there is nothing to confirm", hint="Keep what you have.")
        asked = ProposalRequest(
            title=f"Best of {former.id}: {former.title}"[:200],
            hypothesis=former.hypothesis,
            methodology=f"{former.methodology}\n\n{_CONFIRMS}".strip(),
            minutes=minutes,
        )
        runs = RunPlan(
            kind="hparam",
            metric=former.metric,
            command=former.command,
            seeds=plan.confirm_seeds,
            files=self._files(former.base_tree, tree),
            parameters=trees.changes(best.params),
        )
        built = self._built(proposal_id, asked, runs, Snapshot(former.base_tree, ()), tree, author)
        kept = {name: getattr(former, name) for name in ("guardrails", "environment", "evaluate", "base_commit", "session_id", "data")}
        chosen = Selection(sweep=former.id, trial=best.number, looked_at=made(sweep.trials))
        return replace(built, proposal=sealed(built.proposal.model_copy(update={**kept, "selected": chosen})))

    def _check_swept(self, dimension: Dimension, tree: str) -> None:
        """Raises: ProposalError: the best of many evaluations or data sets is no finding."""
        file, _ = split_key(dimension.key)
        why = self._control.explain_content(Path(file), self._read(tree, file))
        if why is not None and why.kind in ("eval", "data"):
            what = "evaluation" if why.kind == "eval" else "data"
            raise ProposalError(
                f"space.{dimension.name}: {file} is {what} ({why.reason}), and what results are measured by is not swept",
                hint="Propose a change of it by itself.",
            )
