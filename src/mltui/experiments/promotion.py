"""Promotion: the only code that moves the registry's aliases or replaces the production prompt.

The gate is computed from the journal, git and the disk each time. What is done is written down before
it is done (`promotion.intended`) and when it is done (`promotion.decided`); what a crash left between
the two is finished or taken back before anything else.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from mltui.core.errors import ExperimentError, ProposalError, UsageError
from mltui.experiments.promotion_deeds import Deeds
from mltui.experiments.promotion_history import Holder, PromotionHistory
from mltui.experiments.promotion_plan import Plan, Planner, Who
from mltui.experiments.promotion_prompt import PromptStore
from mltui.experiments.promotion_standing import Standing, standing
from mltui.experiments.promotion_target import Target, check_alias, find_target
from mltui.experiments.promotion_watch import FOLDER
from mltui.experiments.records import PromotionDecided, PromotionIntended
from mltui.experiments.storage import file_lock, make_state_folder
from mltui.experiments.tracking.registry import Registry

if TYPE_CHECKING:
    from mltui.experiments.service import Experiments

LOCK_SECONDS = 900.0


class Promotions:
    """Promotions of one project. Everything blocks: on the disk, on git, and some seconds on MLflow."""

    def __init__(self, experiments: Experiments, registry: Registry | None = None) -> None:
        self._experiments = experiments
        self._registry = registry or Registry(experiments.root, experiments.config.tracking)
        self._prompts = PromptStore(experiments.root, experiments.state)
        self._planner = Planner(experiments, self._registry, self._prompts)
        self._deeds = Deeds(experiments, self._planner, self._registry, self._prompts)

    def target(self, name: str = "") -> Target:
        """Raises: UsageError: no name that a registry would take."""
        return find_target(name, self._experiments.config, self._experiments.root)

    def check(self, source: str, target: Target, alias: str = "") -> Plan:
        """What the gate says now; nothing is changed or written down.

        Args:
            source: `P-0007`, or `P-0007/3` for the run with seed 3.

        Raises:
            UsageError, ProposalError: no such experiment, run or alias; it has the alias already.
            ExperimentError: the registry does not answer, or tracking is switched off.
        """
        plan = self._planner.plan(source, target, check_alias(alias, target), look=True)
        _refuse_repeated(plan)
        return plan

    def prompt_texts(self, plan: Plan) -> tuple[str, str]:
        """The production prompt as it is, and as the plan makes it."""
        assert plan.experiment is not None
        present = self._prompts.read(plan.target.name) or b""
        return present.decode("utf-8", "replace"), self._planner.prompt_text(plan.experiment).decode("utf-8", "replace")

    def promote(self, plan: Plan, who: Who, *, override: bool = False, reason: str = "") -> PromotionDecided:
        """Promotes what passes the gate; with `override` and a reason also what does not.

        The gate is asked again here, under the lock, so that nothing changes between a look and the deed.

        Raises:
            UsageError: an override without a reason.
            ProposalError: refused; the journal has every requirement that failed.
            ExperimentError: the registry does not answer; nothing was promoted.
        """
        if override and not reason.strip():
            raise UsageError("an override needs a reason", hint="Say why with --reason; the journal keeps it")
        with self._locked():
            self._deeds.recover()
            now = self._planner.plan(plan.name, plan.target, plan.alias, look=False)
            moved = tuple(clause for clause in plan.clauses if clause.name == "registry")
            now = replace(now, clauses=(*now.clauses, *moved))
            _refuse_repeated(now)
            blocked = [clause.name for clause in now.missing if clause.absolute or not override]
            if blocked:
                self._refused(now, who, reason)
                even = ", not even by an override" if override else ""
                raise ProposalError(f"{now.name} cannot be promoted{even}; missing: {', '.join(blocked)}", hint="See each with --dry-run")
            intent = self._intent(now, who, "promoted" if now.passes else "overridden", reason.strip())
            return self._deeds.carry_out(intent, moved=bool(moved))

    def refuse(self, plan: Plan, who: Who, reason: str = "") -> PromotionDecided:
        """Writes down that someone tried, and what was missing or who said no."""
        with self._locked():
            return self._refused(plan, who, reason)

    def recover(self) -> list[PromotionDecided]:
        """Finishes or takes back what a crash left half-done. Returns what became of it.

        Raises: ExperimentError: the registry does not answer; it stays open.
        """
        if not self.history().pending:
            return []
        with self._locked():
            return self._deeds.recover()

    def history(self) -> PromotionHistory:
        """Raises: JournalError: the journal was changed."""
        return self._planner.books().promotions

    def status(self, name: str = "") -> list[Standing]:
        """What the journal and the registry say of a target, or of each that was ever promoted."""
        history = self.history()
        targets = [self.target(name)] if name else [Target.parse(text) for text in history.targets()] or [self.target()]
        return [standing(history, target, self._registry, self._prompts) for target in targets]

    def rollback(self, target: Target, who: Who, *, previous: bool = False, reason: str = "") -> PromotionDecided:
        """Sets the aliases, or the prompt, to what the journal says; with `previous` to what was in use before.

        Raises:
            ProposalError: nothing was promoted, or it is as the journal says, or there was nothing before.
            ExperimentError: the registry does not answer, or does not have the version any more.
        """
        with self._locked():
            self._deeds.recover()
            history = self.history()
            current = history.current(str(target), target.alias)
            if current is None:
                raise ProposalError(f"{target.name} was never promoted", hint="mltui promote status shows what was")
            goal = _earlier(history, target, current) if previous else self._drifted(history, target, current)
            before = current.version if previous else current.previous
            if target.kind == "prompt":
                self._prompts.keep_present(target.name)
            intent = PromotionIntended(
                id=uuid4().hex,
                target=str(target),
                alias=target.alias,
                experiment_id=goal.experiment_id,
                version=goal.version,
                previous=before,
                sha256=goal.sha256,
                outcome="rolled back",
                reason=reason.strip(),
                by=who.by,
                origin=who.origin,
            )
            return self._deeds.carry_out(intent)

    def _drifted(self, history: PromotionHistory, target: Target, current: Holder) -> Holder:
        found = standing(history, target, self._registry, self._prompts)
        if found.found is None:
            raise ExperimentError(found.note, hint="See that MLflow answers, and try again")
        if not found.drift:
            raise ProposalError(f"{target.name} is as the journal says", hint="To go back to what was in use before: --previous")
        return current

    def _locked(self) -> AbstractContextManager[None]:
        make_state_folder(self._experiments.state)
        (self._experiments.state / FOLDER).mkdir(exist_ok=True)
        return file_lock(self._experiments.state / "promotion.lock", timeout=LOCK_SECONDS)

    def _refused(self, plan: Plan, who: Who, reason: str) -> PromotionDecided:
        entry = PromotionDecided(
            target=str(plan.target),
            alias=plan.alias,
            experiment_id=plan.experiment.id if plan.experiment else plan.name,
            outcome="refused",
            clauses=plan.clauses,
            previous=plan.previous.version if plan.previous else "",
            sha256=plan.sha256,
            reason=reason.strip(),
            by=who.by,
            origin=who.origin,
        )
        self._experiments.note(entry, who.by)
        return entry

    def _intent(self, plan: Plan, who: Who, outcome: str, reason: str) -> PromotionIntended:
        assert plan.experiment is not None
        previous = plan.previous.version if plan.previous else ""
        if plan.target.kind == "prompt":
            # Also what nobody promoted can be gone back to.
            self._prompts.keep(self._planner.prompt_text(plan.experiment))
            previous = self._prompts.keep_present(plan.target.name)
        return PromotionIntended(
            id=uuid4().hex,
            target=str(plan.target),
            alias=plan.alias,
            experiment_id=plan.experiment.id,
            seed=plan.run.seed if plan.run else None,
            previous=previous,
            sha256=plan.sha256,
            outcome=outcome,
            clauses=plan.clauses,
            reason=reason,
            by=who.by,
            origin=who.origin,
        )


def _refuse_repeated(plan: Plan) -> None:
    holder, experiment = plan.previous, plan.experiment
    if holder and experiment and holder.experiment_id == experiment.id and holder.sha256 == plan.sha256:
        raise ProposalError(
            f"{plan.name} is {plan.alias} of {plan.target.name} already (version {holder.version[:12]})", hint="There is nothing to do"
        )


def _earlier(history: PromotionHistory, target: Target, current: Holder) -> Holder:
    if not current.previous:
        raise ProposalError(f"nothing was in use before {current.experiment_id}", hint="mltui promote status shows what is")
    before = history.before(str(target), target.alias)
    if before is None and target.kind == "model":
        raise ProposalError(f"version {current.previous} was never promoted by mltui", hint="Set the alias in MLflow, or promote again")
    return before or Holder(current.previous, "", current.previous, "", "", "", 0.0)
