"""What would be promoted, and what the gate says of it now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mltui.core.errors import ConfigError, ExperimentError, JournalError, UsageError
from mltui.core.experiment import Clause, Experiment, Origin, Run
from mltui.experiments.git_tree import GitTree
from mltui.experiments.promotion_clauses import judge, orphan
from mltui.experiments.promotion_facts import Books, FactFinder, choose_run, read_books
from mltui.experiments.promotion_history import Holder
from mltui.experiments.promotion_prompt import PromptStore
from mltui.experiments.promotion_standing import standing
from mltui.experiments.promotion_target import Target
from mltui.experiments.tracking.registry import Registry

if TYPE_CHECKING:
    from mltui.experiments.service import Experiments


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be promoted, and what the gate says of it.

    Attributes:
        experiment: None for training outside a proposal.
        run: whose model it is; None for a prompt.
        sha256: of the model or the prompt.
        previous: who has the alias now by the journal.
    """

    target: Target
    alias: str
    name: str
    experiment: Experiment | None
    run: Run | None
    sha256: str
    clauses: tuple[Clause, ...]
    previous: Holder | None

    @property
    def missing(self) -> tuple[Clause, ...]:
        return tuple(clause for clause in self.clauses if not clause.holds)

    @property
    def passes(self) -> bool:
        return not self.missing


@dataclass(frozen=True, slots=True)
class Who:
    """Who promotes, for the journal."""

    by: str
    origin: Origin | None = None


class Planner:
    """Reads the journal from its first byte each time, and looks at git, the disk and the registry."""

    def __init__(self, experiments: Experiments, registry: Registry, prompts: PromptStore) -> None:
        self._experiments = experiments
        self._registry = registry
        self._prompts = prompts

    def books(self) -> Books:
        """Raises: JournalError: the journal cannot even be read."""
        try:
            self._experiments.verify()
            problem = ""
        except JournalError as error:
            problem = str(error)
        return read_books(self._experiments.state / "journal.jsonl", problem)

    def plan(self, source: str, target: Target, alias: str, *, look: bool) -> Plan:
        """Args: look: also whether the registry is as the journal says, which takes some seconds.

        Raises: as `Promotions.check`.
        """
        name, _, seed = source.strip().partition("/")
        if seed and not seed.lstrip("-").isdecimal():
            raise UsageError(f"{source!r} names no run", hint="Write P-0007, or P-0007/3 for its run with seed 3")
        books = self.books()
        previous = books.promotions.current(str(target), alias)
        if name in books.orphans:
            return Plan(target, alias, name, None, None, "", (orphan(name),), previous)
        experiment = books.experiment(name)
        run = choose_run(experiment, int(seed) if seed else None) if target.kind == "model" else None
        if target.kind == "model" and not self._registry.enabled:
            raise ConfigError("tracking is switched off, and the model registry with it", hint="Set enabled = true under [tracking]")
        moved = self._moved(books, target) if look else ""
        finder = self._finder()
        clauses = judge(finder.facts(books, target, experiment, run, moved))
        artifact = next(clause for clause in clauses if clause.name == target.kind)
        sha256 = run.model.get("sha256", "") if run else ""
        if target.kind == "prompt" and artifact.holds:
            sha256 = finder.prompt(experiment.proposal).sha256
        return Plan(target, alias, source.strip(), experiment, run, sha256, clauses, previous)

    def prompt_text(self, experiment: Experiment) -> bytes:
        """An experiment's version of the production prompt. Raises: ExperimentError: it has none."""
        return self._finder().prompt(experiment.proposal).text

    def _moved(self, books: Books, target: Target) -> str:
        found = standing(books.promotions, target, self._registry, self._prompts)
        if found.found is None:
            raise ExperimentError(found.note, hint="Nothing was promoted; see that MLflow answers, and try again")
        return "; ".join(found.drift)

    def _finder(self) -> FactFinder:
        experiments = self._experiments
        git = GitTree(experiments.root, experiments.state)
        return FactFinder(experiments.root, experiments.config, experiments.control, git)
