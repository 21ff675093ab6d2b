"""Finds out what the gate of a promotion judges: from the journal, git and the disk, never from what anyone says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.config.schema import Config
from mltui.core.errors import ExperimentError, JournalError, MltuiError, ProposalError
from mltui.core.experiment import Arm, Comparison, Experiment, Proposal, Run
from mltui.experiments.comparison import compare
from mltui.experiments.control import Control
from mltui.experiments.datasets import Digests, difference, versions
from mltui.experiments.examples import source_of
from mltui.experiments.fold import fold
from mltui.experiments.git_tree import GitTree
from mltui.experiments.journal import Journal, Record
from mltui.experiments.promotion_clauses import ChampionFound, Facts
from mltui.experiments.promotion_history import PromotionHistory
from mltui.experiments.promotion_target import Target, digest_of, inside
from mltui.experiments.records import ExperimentAccepted, ExperimentCompared, ProposalDecided, UnplannedTraining

BEFORE_MLTUI = "what was there before mltui"


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt of an experiment. Attributes: source: its path in the experiment's tree."""

    source: str
    text: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text).hexdigest()


@dataclass(frozen=True, slots=True)
class Books:
    """The journal as it was read once, from its first byte.

    Attributes:
        head: hash of its last record.
        problem: why it does not verify, or empty.
        orphans: ids of training outside a proposal.
    """

    records: Sequence[Record]
    experiments: dict[str, Experiment]
    promotions: PromotionHistory
    head: str
    problem: str
    orphans: frozenset[str]

    def experiment(self, name: str) -> Experiment:
        """Raises: ProposalError: no such experiment."""
        if name not in self.experiments:
            raise ProposalError(f"there is no experiment {name}", hint="See `mltui experiments list`")
        return self.experiments[name]


def read_books(journal: Path, problem: str = "") -> Books:
    """Args: problem: what else speaks against the journal.

    Raises: JournalError: it cannot even be read.
    """
    reader = Journal(journal)
    records = reader.read()
    experiments: dict[str, Experiment] = {}
    fold(records, experiments)
    orphans = frozenset(str(record.payload.get("id")) for record in records if record.type == UnplannedTraining.type)
    if not problem:
        try:
            Journal(journal).verify()
        except JournalError as error:
            problem = str(error)
    return Books(records, experiments, PromotionHistory.of(records), reader.head, problem, orphans)


class FactFinder:
    """Looks at one project."""

    def __init__(self, root: Path, config: Config, control: Control, git: GitTree) -> None:
        self._root = root
        self._config = config
        self._control = control
        self._git = git

    def facts(self, books: Books, target: Target, experiment: Experiment, run: Run | None, moved: str) -> Facts:
        """All but the verdict. Args: moved: how the registry differs from the journal, or empty."""
        recomputed, error = self._recompute(experiment)
        artifact, where = self._model(run) if target.kind == "model" else self._prompt_problem(experiment.proposal)
        return Facts(
            experiment=experiment,
            section=self._config.promotion,
            what=target.kind,
            run=run,
            verified=books.problem,
            champion=self._champion(books, target, experiment.proposal),
            recomputed=recomputed,
            recomputed_error=error,
            data_changed=self._data(experiment.proposal),
            artifact=artifact,
            artifact_found=where,
            evaluation_changed=self._evaluation(books, experiment.proposal),
            moved=moved,
        )

    def _recompute(self, experiment: Experiment) -> tuple[tuple[Comparison, tuple[Comparison, ...]] | None, str]:
        try:
            return compare(experiment.proposal, experiment.runs, source_of(self._root, evaluated=bool(experiment.proposal.evaluate))), ""
        except MltuiError as error:
            return None, str(error.args[0])

    def prompt(self, proposal: Proposal) -> Prompt:
        """The experiment's version of the production prompt: that file, if it changed it, else the only prompt that it changed.

        Raises: ExperimentError: it has none, or several.
        """
        production = self._config.promotion.prompt
        if not production:
            raise ExperimentError("no production prompt is declared")
        changed = [file.path for file in proposal.files if file.kind == "prompt" and file.change != "deleted"]
        if production in changed or not changed:
            source = production
        elif len(changed) == 1:
            source = changed[0]
        else:
            raise ExperimentError(f"{proposal.id} changes several prompts ({', '.join(changed)}), and none is {production}")
        if source not in self._git.entries(proposal.tree, (source,)):
            raise ExperimentError(f"{proposal.id} has no {source}")
        text = self._git.read(proposal.tree, source)
        if not text.strip():
            raise ExperimentError(f"{source} is empty in {proposal.id}")
        return Prompt(source, text)

    def _prompt_problem(self, proposal: Proposal) -> tuple[str, str]:
        try:
            inside(self._root, self._config.promotion.prompt)
            prompt = self.prompt(proposal)
            prompt.text.decode()
        except MltuiError as error:
            return str(error.args[0]), ""
        except UnicodeDecodeError:
            return "the prompt is not UTF-8", ""
        return "", f"{prompt.source} of {proposal.id}, SHA-256 {prompt.sha256[:12]}"

    def _model(self, run: Run | None) -> tuple[str, str]:
        """What is wrong with the run's model, and where it lies."""
        if not self._config.promotion.artifact:
            return "no artifact is declared, so that no run keeps its model", ""
        if run is None:
            return "no run of it finished", ""
        if not run.model.get("path") or not run.model.get("sha256"):
            return run.model.get("missing") or f"seed {run.seed} left no model at {self._config.promotion.artifact}", ""
        try:
            path = inside(self._root, run.model["path"])
            if not path.exists():
                return f"{run.model['path']} is gone", ""
            digest = digest_of(path)
        except MltuiError as error:
            return str(error.args[0]), ""
        if digest != run.model["sha256"]:
            return f"{run.model['path']} is not what the run left (SHA-256 {digest[:12]} instead of {run.model['sha256'][:12]})", ""
        return "", f"{run.model['path']} of seed {run.seed}, SHA-256 {digest[:12]}"

    def _champion(self, books: Books, target: Target, proposal: Proposal) -> ChampionFound | None:
        holder = books.promotions.current(str(target), target.alias)
        if holder is None:
            return None
        champion = books.experiments.get(holder.experiment_id)
        if champion is None:
            return ChampionFound(BEFORE_MLTUI, holder.version, ("all that is not known of it",))
        return ChampionFound(champion.id, holder.version, self._differs(champion.proposal, proposal))

    def _differs(self, champion: Proposal, proposal: Proposal) -> tuple[str, ...]:
        found = ["the command"] if champion.command != proposal.command else []
        if champion.tree == proposal.base_tree:
            return tuple(found)
        try:
            changed = self._git.changed(champion.tree, proposal.base_tree)
            found += [path for path in changed if self._counts(champion.tree, proposal.base_tree, path)]
        except ExperimentError as error:
            return (f"trees that git cannot compare ({error.args[0]})",)
        return tuple(found)

    def _counts(self, before: str, after: str, path: str) -> bool:
        """Whether a file that differs is, or was, under experiment, and differs in more than its comments."""
        old, new = (self._git.read(tree, path) if self._git.entries(tree, (path,)) else None for tree in (before, after))
        place = self._root / path
        return self._control.explain_change(place, old, new) is not None and self._control.harmless(place, old, new) is None

    def _data(self, proposal: Proposal) -> str:
        try:
            now = versions(self._root, self._control.data_files(), Digests(None))
        except ExperimentError as error:
            return str(error.args[0])
        return difference(proposal.data, now) or ""

    def _evaluation(self, books: Books, proposal: Proposal) -> str:
        if later := _later_evaluations(books, proposal.id):
            return f"{', '.join(later)} changed the evaluation since"
        if proposal.evaluate != self._config.experiments.evaluate:
            return f"the evaluator's command is another now: {self._config.experiments.evaluate or 'none'}"
        try:
            entries = self._git.entries(proposal.base_tree)
            changed = [path for path, entry in entries.items() if self._evaluates(path) and self._git.working_blob(path) != entry.blob]
        except ExperimentError as error:
            return f"the tree that it was measured from cannot be read: {error.args[0]}"
        return f"{', '.join(changed[:5])} changed since" if changed else ""

    def _evaluates(self, path: str) -> bool:
        why = self._control.explain(self._root / path)
        return why is not None and why.kind == "eval"


def choose_run(experiment: Experiment, seed: int | None) -> Run | None:
    """The run whose model is promoted: the seed that was named, else the one nearest to the mean.

    The comparison is about the mean over the seeds; the best seed's model would promise more than was shown.

    Raises: ProposalError: that seed did not finish.
    """
    arm: Arm = experiment.proposal.arms[-1]
    finished = [run for run in experiment.runs if run.arm == arm and run.status == "finished"]
    if seed is not None:
        named = [run for run in finished if run.seed == seed]
        if not named:
            there = ", ".join(str(run.seed) for run in finished) or "none"
            raise ProposalError(f"no run of {experiment.id} with seed {seed} finished", hint=f"Finished: {there}")
        return named[-1]
    metric = experiment.proposal.metric.name
    measured = [run for run in finished if metric in run.metrics]
    if not measured:
        return finished[-1] if finished else None
    mean = sum(run.metrics[metric] for run in measured) / len(measured)
    return min(measured, key=lambda run: (abs(run.metrics[metric] - mean), run.seed))


def _later_evaluations(books: Books, proposal_id: str) -> list[str]:
    """Experiments that changed the evaluation and were kept after this one was compared."""
    compared = 0
    found: list[str] = []
    for record in books.records:
        if record.type == ExperimentCompared.type and record.payload.get("proposal_id") == proposal_id:
            compared, found = record.seq, []
        name = _kept(record)
        if name and compared and name != proposal_id and _changes_evaluation(books.experiments.get(name)):
            found.append(name)
    return list(dict.fromkeys(found))


def _kept(record: Record) -> str:
    """The experiment whose change a record makes the tree."""
    if record.type == ExperimentAccepted.type:
        return str(record.payload.get("proposal_id"))
    if record.type == ProposalDecided.type:
        approval = ProposalDecided.model_validate(record.payload).approval
        return approval.proposal_id if approval.answer == "maintenance" else ""
    return ""


def _changes_evaluation(experiment: Experiment | None) -> bool:
    if experiment is None:
        return False
    proposal = experiment.proposal
    return proposal.kind == "eval" or any(file.kind == "eval" for file in proposal.files)
