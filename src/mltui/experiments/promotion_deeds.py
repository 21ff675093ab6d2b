"""What is done to the registry and the production prompt for an intent, and how it is finished or taken back after a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mltui.core.errors import ExperimentError, ProposalError
from mltui.experiments.promotion_facts import choose_run
from mltui.experiments.promotion_history import MADE, PREVIOUS
from mltui.experiments.promotion_plan import Planner
from mltui.experiments.promotion_prompt import PromptStore
from mltui.experiments.promotion_target import Target, inside, prompt_name
from mltui.experiments.records import PromotionDecided, PromotionIntended
from mltui.experiments.tracking.registry import Registry
from mltui.experiments.tracking.registry_orders import Look, ModelOrder, Point, PromptOrder

if TYPE_CHECKING:
    from mltui.experiments.service import Experiments

UNDONE = "undone"


class Deeds:
    """To be used under the promotion lock."""

    def __init__(self, experiments: Experiments, planner: Planner, registry: Registry, prompts: PromptStore) -> None:
        self._experiments = experiments
        self._planner = planner
        self._registry = registry
        self._prompts = prompts

    def carry_out(self, intent: PromotionIntended, *, moved: bool = False) -> PromotionDecided:
        """Journals the intent, does it, journals the outcome.

        Args:
            moved: the alias is elsewhere than the journal says, and a person has overridden that.

        Raises: ExperimentError: the registry refused; what was made is taken back now, or with the next look.
        """
        self._experiments.note(intent, intent.by)
        try:
            version = self._do(intent, moved=moved)
        except ExperimentError as error:
            self._give_up(intent, str(error.args[0]))
            raise
        return self._decided(intent, intent.outcome, version)

    def recover(self) -> list[PromotionDecided]:
        """Gives every intent that has no outcome one. Raises: ExperimentError: the registry does not answer."""
        return [self._decided(intent, *self._settle(intent)) for intent in self._planner.books().promotions.pending.values()]

    def _do(self, intent: PromotionIntended, *, moved: bool) -> str:
        target = Target.parse(intent.target)
        if target.kind == "prompt":
            self._register_prompt(intent, intent.sha256)
            self._prompts.put(target.name, intent.sha256)
            return intent.sha256
        if intent.version:
            self._point(intent)
            return intent.version
        return self._registry.carry_out(self._model_order(intent, "promote", moved=moved)).version

    def _give_up(self, intent: PromotionIntended, why: str) -> None:
        try:
            outcome, version = self._settle(intent)
        except ExperimentError:
            return
        self._decided(intent, outcome, version, why)

    def _settle(self, intent: PromotionIntended) -> tuple[str, str]:
        """The outcome of an intent that has none, and its version: done to the end where its mark is made, else taken back."""
        target = Target.parse(intent.target)
        if target.kind == "prompt":
            return self._settle_prompt(intent, target)
        if intent.version:
            return self._settle_rollback(intent, target)
        answer = self._registry.carry_out(self._model_order(intent, "settle"))
        return (intent.outcome, answer.version) if answer.outcome == "adopted" else (UNDONE, "")

    def _settle_rollback(self, intent: PromotionIntended, target: Target) -> tuple[str, str]:
        history = self._planner.books().promotions
        current = history.current(str(target), intent.alias)
        found = self._registry.carry_out(Look(kind="model", name=target.name)).aliases
        if found.get(intent.alias) == intent.version or (current and current.version == intent.version):
            self._point(intent)
            return intent.outcome, intent.version
        self._registry.carry_out(Point(kind="model", name=target.name, aliases=history.aliases(str(target))))
        return UNDONE, ""

    def _settle_prompt(self, intent: PromotionIntended, target: Target) -> tuple[str, str]:
        if self._prompts.present(target.name) == intent.sha256:
            self._register_prompt(intent, intent.sha256)
            return intent.outcome, intent.sha256
        holder = self._planner.books().promotions.current(str(target), intent.alias)
        if holder is not None:
            self._register_prompt(intent, holder.sha256)
        elif self._registry.enabled:
            name = prompt_name(target, self._experiments.config, self._experiments.root)
            self._registry.carry_out(Point(kind="prompt", name=name, aliases={intent.alias: ""}))
        return UNDONE, ""

    def _decided(self, intent: PromotionIntended, outcome: str, version: str, why: str = "") -> PromotionDecided:
        entry = PromotionDecided(
            id=intent.id,
            target=intent.target,
            alias=intent.alias,
            experiment_id=intent.experiment_id,
            version=version,
            outcome=outcome,
            clauses=intent.clauses,
            previous=intent.previous,
            sha256=intent.sha256,
            reason=intent.reason if outcome in MADE else why or "it was interrupted, and was taken back",
            by=intent.by,
            origin=intent.origin,
        )
        self._experiments.note(entry, intent.by)
        return entry

    def _model_order(self, intent: PromotionIntended, do: str, *, moved: bool = False) -> ModelOrder:
        target, books = Target.parse(intent.target), self._planner.books()
        experiment = books.experiment(intent.experiment_id)
        run = choose_run(experiment, intent.seed)
        if run is None:
            raise ProposalError(f"{experiment.id} has no run that finished", hint="Run it again")
        aliases = books.promotions.aliases(str(target))
        return ModelOrder.model_validate(
            {
                "do": do,
                "name": target.name,
                "promotion_id": intent.id,
                "alias": intent.alias,
                "expected": None if moved else aliases.get(intent.alias, ""),
                "previous": intent.previous,
                "restore": aliases,
                "experiment_id": experiment.id,
                "arm": run.arm,
                "seed": run.seed,
                "path": str(inside(self._experiments.root, run.model.get("path", ""))),
                "sha256": intent.sha256,
                "tags": _tags(intent, intent.sha256, books.head),
            }
        )

    def _register_prompt(self, intent: PromotionIntended, digest: str) -> None:
        if not self._registry.enabled:
            return
        name = prompt_name(Target.parse(intent.target), self._experiments.config, self._experiments.root)
        message = intent.experiment_id or "as it was before mltui promoted another"
        tags = _tags(intent, digest, self._planner.books().head)
        text = self._prompts.text(digest).decode("utf-8")
        self._registry.carry_out(PromptOrder(name=name, alias=intent.alias, text=text, message=message, tags=tags))

    def _point(self, intent: PromotionIntended) -> None:
        """The alias first: by it a crash is judged. Aliases that the journal does not know are left alone."""
        target = Target.parse(intent.target)
        aliases = {intent.alias: intent.version, **self._planner.books().promotions.aliases(str(target))}
        aliases[intent.alias] = intent.version
        if intent.previous:
            aliases[PREVIOUS] = intent.previous
        self._registry.carry_out(Point(kind="model", name=target.name, aliases=aliases))


def _tags(intent: PromotionIntended, digest: str, head: str) -> dict[str, str]:
    tags = {
        "mltui.gate": "passed" if all(clause.holds for clause in intent.clauses) else "overridden",
        "mltui.proposal_id": intent.experiment_id,
        "mltui.sha256": digest,
        "mltui.journal_head": head,
        "mltui.promoted_by": intent.by,
        "mltui.reason": intent.reason[:4000],
    }
    return {name: value for name, value in tags.items() if value}
