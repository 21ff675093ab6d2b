"""Builds a proposal: what exactly would run, and the hash that an approval is bound to."""

from __future__ import annotations

import difflib
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mltui.config.schema import Experiments as Section
from mltui.core.data import JsonObject
from mltui.core.errors import ExperimentError, ProposalError
from mltui.core.experiment import (
    Budget,
    ComparisonPlan,
    ControlledChange,
    ExperimentKind,
    Metric,
    Origin,
    ParameterChange,
    Proposal,
    ProposalEdits,
    ProposalRequest,
)
from mltui.experiments.config_files import get_value
from mltui.experiments.control import Control
from mltui.experiments.datasets import Digests, versions
from mltui.experiments.drafts import Draft
from mltui.experiments.git_tree import GitTree, Snapshot
from mltui.experiments.globs import Globs
from mltui.experiments.journal import canonical, plain
from mltui.experiments.parameters import change_parameters
from mltui.experiments.refusals import check_command, check_seed_change, check_together, check_words
from mltui.experiments.review_warnings import TOGETHER

KIND_ORDER: tuple[ExperimentKind, ...] = ("eval", "data", "train", "prompt", "hparam", "infra")
"""A proposal that changes several kinds of files is of the first of them: the one that needs the most care."""


COVERED = ("base_tree", "tree", "command", "seeds", "budget", "metric", "guardrails", "data")
"""Fields of a proposal that an approval is bound to."""
COVERED_IF_KNOWN = ("environment", "evaluate", "test", "sweep", "selected")
"""Likewise; an empty one is as good as none, as in proposals of versions that did not know them."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who proposes, in which session (None: from outside a session), and from where."""

    name: str
    session_id: str | None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A proposal and what its record also keeps (see `records.ProposalCreated`)."""

    proposal: Proposal
    left_out: tuple[str, ...]
    staged: dict[str, str]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a proposal runs, and what it changes for it."""

    kind: ExperimentKind
    metric: Metric
    command: str
    seeds: tuple[int, ...]
    files: tuple[ControlledChange, ...] = ()
    parameters: tuple[ParameterChange, ...] = ()


def proposal_hash(proposal: Proposal) -> str:
    """SHA-256, in hexadecimal, of all that an approval covers.

    That is code before and after, command, seeds, budget, metrics, data, environment, evaluator and test.
    """
    fields = plain(proposal)
    covered: JsonObject = {name: fields[name] for name in COVERED}
    covered.update({name: fields[name] for name in COVERED_IF_KNOWN if fields[name]})
    return hashlib.sha256(canonical(covered)).hexdigest()


class ProposalBuilder:
    """Makes proposals of one project. What it builds has no commits yet: `commit` makes them when the proposal is new."""

    def __init__(self, control: Control, section: Section, git: GitTree, digests: Digests, environment: Callable[[], str]) -> None:
        """Args: environment: digest of interpreter and packages that runs use."""
        self._control = control
        self._section = section
        self._git = git
        self._digests = digests
        self._environment = environment

    def build(self, proposal_id: str, request: ProposalRequest, draft: Draft | None, author: Author) -> Built:
        """Raises: ProposalError: the request does not make a plan that could be run and judged; says what is missing."""
        metric, command, seeds = self._metric(), self._command(request), self._seeds(request)
        check_words(request.title, request.hypothesis)
        changes, parameters = self._changes(request, draft)
        snapshot = self._git.snapshot()
        tree = self._git.apply(snapshot.tree, changes)
        if tree == snapshot.tree:
            raise ProposalError(
                "nothing would change", hint="Edit a file that is under experiment, or give parameter changes, and propose then."
            )
        files = self._files(snapshot.tree, tree)
        check_together(files, request.evaluation_reason)
        self._check_data(files)
        plan = RunPlan(kind=_kind(files), metric=metric, command=command, seeds=seeds, files=files, parameters=parameters)
        built = self._built(proposal_id, request, plan, snapshot, tree, author)
        check_seed_change(parameters, built.proposal.patch)
        return replace(built, staged=draft.digests() if draft else {})

    def rebuild(self, proposal_id: str, former: Proposal, edits: ProposalEdits, author: Author) -> Built:
        """The same change of the same base, as a person edited it; without edits, with the data and the environment of now.

        Raises: ProposalError: an edit is out of range, or undoes the change.
        """
        start = former.tree if edits.patch is None else self._patched(former, edits.patch)
        changed, parameters = self._edited(former, edits, start)
        tree = self._git.apply(start, changed) if changed else start
        if tree == former.base_tree:
            raise ProposalError("nothing would change with these edits", hint="Reject the proposal, or choose other values.")
        request = ProposalRequest(
            title=former.title,
            hypothesis=former.hypothesis,
            methodology=former.methodology,
            seeds=former.seeds if edits.seeds is None else edits.seeds,
            minutes=former.budget.minutes if edits.minutes is None else edits.minutes,
            evaluation_reason=former.evaluation_reason,
            supersedes=former.id,
        )
        files = self._files(former.base_tree, tree)
        if edits.patch is not None:
            check_together(files, former.evaluation_reason)
        plan = RunPlan(
            kind=_kind(files), metric=former.metric, command=former.command, seeds=self._seeds(request), files=files, parameters=parameters
        )
        built = self._built(proposal_id, request, plan, Snapshot(former.base_tree, ()), tree, author)
        proposal = built.proposal.model_copy(
            update={
                "guardrails": former.guardrails,
                "environment": built.proposal.environment if edits.empty else former.environment,
                "evaluate": former.evaluate,
                "test": former.test,
                "base_commit": former.base_commit,
                "session_id": former.session_id,
            }
        )
        check_seed_change(parameters, proposal.patch)
        return replace(built, proposal=sealed(proposal))

    def build_baseline(self, baseline_id: str, seeds: tuple[int, ...] | None, author: Author) -> Built:
        """A plan that changes nothing and measures the working tree. Raises: ProposalError: as `build`."""
        request = ProposalRequest(
            title="Baseline",
            hypothesis="None: the spread over the seeds is the noise floor that a change has to rise above.",
            methodology="The working tree as it is, once for each seed.",
            seeds=seeds,
        )
        plan = RunPlan(kind="train", metric=self._metric(), command=self._command(request), seeds=self._seeds(request))
        self._check_data(())
        snapshot = self._git.snapshot()
        return self._built(baseline_id, request, plan, snapshot, snapshot.tree, author)

    def commit(self, built: Built) -> Built:
        """With commits of both trees, kept by refs of mltui's own."""
        proposal = built.proposal
        base_commit = proposal.base_commit
        head = self._git.head()
        if base_commit or self._git.tree_of(head) == proposal.base_tree:
            base_commit = base_commit or head
            self._git.keep(base_commit, f"base/{proposal.id}")
        else:
            base_commit = self._git.commit(proposal.base_tree, head, f"Working tree before {proposal.id}", f"base/{proposal.id}")
        message = f"{proposal.id} {proposal.title}\n\n{proposal.hypothesis}"
        commit = self._git.commit(proposal.tree, base_commit, message, f"proposals/{proposal.id}")
        return replace(built, proposal=proposal.model_copy(update={"base_commit": base_commit, "commit": commit}))

    def dirty(self, proposal: Proposal) -> bool:
        """Whether the base holds changes that are not committed."""
        return self._git.tree_of("HEAD") != proposal.base_tree

    def unmatched(self) -> tuple[str, ...]:
        """Declared data patterns that no file matches."""
        patterns = [pattern for pattern in self._section.data if not pattern.startswith("!")]
        return tuple(p for p in patterns if not any(Globs.of((p,), "[experiments] data").walk(self._control.root)))

    def _built(self, id: str, request: ProposalRequest, plan: RunPlan, snapshot: Snapshot, tree: str, author: Author) -> Built:
        data_files = self._control.data_files()
        arms = 1 if tree == snapshot.tree else 2
        proposal = Proposal(
            id=id,
            title=request.title.strip(),
            kind=plan.kind,
            hypothesis=request.hypothesis.strip(),
            methodology=request.methodology.strip(),
            metric=plan.metric,
            guardrails=self._section.guardrails,
            files=plan.files,
            parameters=plan.parameters,
            base_commit="",
            base_tree=snapshot.tree,
            commit="",
            tree=tree,
            patch=self._git.diff(snapshot.tree, tree),
            command=plan.command,
            seeds=plan.seeds,
            budget=Budget(minutes=request.minutes or self._section.budget_minutes, runs=arms * len(plan.seeds)),
            data=versions(self._control.root, data_files, self._digests),
            environment=self._environment(),
            evaluate=self._section.evaluate,
            test=self._test() if arms > 1 else None,
            evaluation_reason=request.evaluation_reason.strip(),
            supersedes=request.supersedes,
            author=author.name,
            session_id=author.session_id,
            origin=author.origin,
            created=time.time(),
            hash="",
        )
        left_out = tuple(name for name in snapshot.left_out if name not in set(data_files))
        return Built(sealed(proposal), left_out, {})

    def _check_data(self, files: Sequence[ControlledChange]) -> None:
        """Raises: ProposalError: data is declared, and there is none."""
        declared = [pattern for pattern in self._section.data if not pattern.startswith("!")]
        if declared and not any(self._control.data.walk(self._control.root)) and not any(file.kind == "data" for file in files):
            raise ProposalError(
                f"the declared data {', '.join(declared)} matches no file, so nothing could be trained or compared",
                hint="Put the data there, or correct [experiments] data.",
            )

    def _metric(self) -> Metric:
        if self._section.primary is None:
            raise ProposalError(
                "no primary metric is declared, so nothing could be compared",
                hint='Write under [experiments] in .mltui/config.toml: primary = { name = "accuracy", direction = "maximize" }',
            )
        return self._section.primary

    def _test(self) -> ComparisonPlan:
        section = self._section
        # Sizes of a split say that the seeds are splits.
        design = "folds" if section.test == "auto" and section.n_train and section.n_test else section.test
        return ComparisonPlan(design=design, n_train=section.n_train, n_test=section.n_test)

    def _command(self, request: ProposalRequest) -> str:
        declared = self._section.entrypoints
        check_command(request.entrypoint or (declared[0] if declared else ""))
        if not declared and not request.entrypoint:
            raise ProposalError(
                "no entry point is declared, so nothing could be run",
                hint='Write under [experiments] in .mltui/config.toml: entrypoints = ["python train.py --seed {seed}"]',
            )
        if not request.entrypoint or request.entrypoint in declared:
            return request.entrypoint or declared[0]
        if self._control.launch(request.entrypoint) is None:
            near = difflib.get_close_matches(request.entrypoint, declared, n=1, cutoff=0.0)
            raise ProposalError(
                f"{request.entrypoint!r} is no training command of this project", hint=f"Use {(near or declared or ['train.py'])[0]!r}."
            )
        return request.entrypoint

    def _seeds(self, request: ProposalRequest) -> tuple[int, ...]:
        seeds = self._section.seeds if request.seeds is None else request.seeds
        least = 1 if self._section.test == "predictions" else 2
        if len(set(seeds)) < least:
            raise ProposalError(
                f"{len(set(seeds))} seed cannot show a difference", hint="Give at least 2 different seeds; 6 or more can be significant."
            )
        if len(set(seeds)) != len(seeds):
            raise ProposalError("a seed is given twice", hint="Each seed counts once.")
        check_minutes(request.minutes)
        return tuple(seeds)

    def _changes(self, request: ProposalRequest, draft: Draft | None) -> tuple[dict[str, bytes | None], tuple[ParameterChange, ...]]:
        changes: dict[str, bytes | None] = {path: draft.read(Path(path)) for path in draft.paths()} if draft else {}

        def read(file: str) -> bytes | None:
            if file in changes:
                return changes[file]
            try:
                return (self._control.root / file).read_bytes()
            except OSError:
                return None

        edits = change_parameters(request.changes, self._section.space, read)
        return {**changes, **edits.files}, edits.changes

    def _files(self, base: str, tree: str) -> tuple[ControlledChange, ...]:
        """What each file is by its content before and after: a file that begins to train is training code."""
        found: list[ControlledChange] = []
        for path, status in self._git.changed(base, tree).items():
            why = self._control.explain_change(Path(path), self._read(base, path), self._read(tree, path))
            kind, reason = (why.kind, why.reason) if why else ("infra", TOGETHER)
            change = "added" if status == "A" else "deleted" if status == "D" else "modified"
            found.append(ControlledChange(path=path, kind=kind, reason=reason, change=change))
        return tuple(found)

    def _patched(self, former: Proposal, patch: str) -> str:
        """The base with an edited diff. Raises: ProposalError: it does not apply."""
        if not patch.strip():
            return former.base_tree
        try:
            return self._git.apply_patch(former.base_tree, patch if patch.endswith("\n") else f"{patch}\n")
        except ExperimentError as error:
            raise ProposalError(
                f"the edited diff does not apply: {str(error.args[0]).removeprefix('git apply failed: error: ')}",
                hint="Lines that stay begin with a blank and must be as they are in the base; change only those with + or -.",
            ) from error

    def _edited(self, former: Proposal, edits: ProposalEdits, tree: str) -> tuple[dict[str, bytes | None], tuple[ParameterChange, ...]]:
        """The files of `tree` that edited parameter values change, and all parameters with their values at the base."""
        files: dict[str, bytes | None] = {}
        parameters = {change.name: change if tree == former.tree else self._as_in(tree, change) for change in former.parameters}
        for name, wanted in edits.changes.items():

            def read(file: str) -> bytes | None:
                return files[file] if file in files else self._read(tree, file)

            if name in parameters and parameters[name].after == wanted:
                continue
            (change,), new = (edit := change_parameters({name: wanted}, self._section.space, read)).changes, edit.files
            files.update(new)
            file, _, key = change.key.partition(":")
            base = self._read(former.base_tree, file.removeprefix("./"))
            before = change.before if base is None else get_value(file.removeprefix("./"), base, key)
            parameters[name] = change.model_copy(update={"before": before})
        return files, tuple(change for change in parameters.values() if change.before != change.after)

    def _as_in(self, tree: str, change: ParameterChange) -> ParameterChange:
        """The change with the value that the parameter has in a tree."""
        file, _, key = change.key.partition(":")
        content = self._read(tree, file.removeprefix("./"))
        return change if content is None else change.model_copy(update={"after": get_value(file.removeprefix("./"), content, key)})

    def _read(self, tree: str, path: str) -> bytes | None:
        return self._git.read(tree, path) if path in self._git.entries(tree, (path,)) else None


def check_minutes(minutes: float | None) -> float | None:
    """The same. Raises: ProposalError: it is no budget."""
    if minutes is not None and not 0 < minutes < math.inf:
        raise ProposalError("the budget must be a number of more than 0 minutes", hint="Leave `minutes` out for the configured budget.")
    return minutes


def _kind(files: Sequence[ControlledChange]) -> ExperimentKind:
    return next(kind for kind in KIND_ORDER if any(file.kind == kind for file in files))


def sealed(proposal: Proposal) -> Proposal:
    return proposal.model_copy(update={"hash": proposal_hash(proposal)})
