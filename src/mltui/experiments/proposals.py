"""Builds a proposal: what exactly would run, and the hash that an approval is bound to."""

from __future__ import annotations

import difflib
import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

from mltui.config.schema import Experiments as Section
from mltui.core.data import JsonObject
from mltui.core.errors import ProposalError
from mltui.core.experiment import Budget, ControlledChange, ExperimentKind, Metric, ParameterChange, Proposal, ProposalRequest
from mltui.experiments.control import Control
from mltui.experiments.datasets import Digests, versions
from mltui.experiments.drafts import Draft
from mltui.experiments.git_tree import GitTree, Snapshot
from mltui.experiments.journal import canonical, plain
from mltui.experiments.parameters import change_parameters

KIND_ORDER: tuple[ExperimentKind, ...] = ("eval", "data", "train", "prompt", "hparam", "infra")
"""A proposal that changes several kinds of files is of the first of them: the one that needs the most care."""


COVERED = ("base_tree", "tree", "command", "seeds", "budget", "metric", "guardrails", "data")
"""Fields of a proposal that an approval is bound to."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who proposes, in which session (None: from outside a session)."""

    name: str
    session_id: str | None


@dataclass(frozen=True, slots=True)
class Built:
    """A proposal and what its record also keeps (see `records.ProposalCreated`)."""

    proposal: Proposal
    left_out: tuple[str, ...]
    staged: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Plan:
    kind: ExperimentKind
    metric: Metric
    command: str
    seeds: tuple[int, ...]
    files: tuple[ControlledChange, ...] = ()
    parameters: tuple[ParameterChange, ...] = ()


def proposal_hash(proposal: Proposal) -> str:
    """SHA-256, in hexadecimal, of all that an approval covers: code before and after, command, seeds, budget, metrics, data."""
    fields = plain(proposal)
    covered: JsonObject = {name: fields[name] for name in COVERED}
    return hashlib.sha256(canonical(covered)).hexdigest()


class ProposalBuilder:
    """Makes proposals of one project."""

    def __init__(self, control: Control, section: Section, git: GitTree, digests: Digests) -> None:
        self._control = control
        self._section = section
        self._git = git
        self._digests = digests

    def build(self, proposal_id: str, request: ProposalRequest, draft: Draft | None, author: Author) -> Built:
        """Raises: ProposalError: the request does not make a plan that could be run and judged; says what is missing."""
        metric, command, seeds = self._metric(), self._command(request), self._seeds(request)
        if not request.title.strip() or not request.hypothesis.strip():
            raise ProposalError("a proposal needs a title and a hypothesis", hint="Say what is expected to change, and why.")
        changes, parameters = self._changes(request, draft)
        snapshot = self._git.snapshot()
        tree = self._git.apply(snapshot.tree, changes)
        if tree == snapshot.tree:
            raise ProposalError(
                "nothing would change", hint="Edit a file that is under experiment, or give parameter changes, and propose then."
            )
        files = self._files(snapshot.tree, tree)
        plan = _Plan(
            kind=next(kind for kind in KIND_ORDER if any(file.kind == kind for file in files)),
            metric=metric,
            command=command,
            seeds=seeds,
            files=files,
            parameters=parameters,
        )
        built = self._built(proposal_id, request, plan, snapshot, tree, author)
        return replace(built, staged=draft.digests() if draft else {})

    def build_baseline(self, baseline_id: str, seeds: tuple[int, ...] | None, author: Author) -> Built:
        """A plan that changes nothing and measures the working tree. Raises: ProposalError: as `build`."""
        request = ProposalRequest(
            title="Baseline",
            hypothesis="None: the spread over the seeds is the noise floor that a change has to rise above.",
            methodology="The working tree as it is, once for each seed.",
            seeds=seeds,
        )
        plan = _Plan(kind="train", metric=self._metric(), command=self._command(request), seeds=self._seeds(request))
        snapshot = self._git.snapshot()
        return self._built(baseline_id, request, plan, snapshot, snapshot.tree, author)

    def _built(self, id: str, request: ProposalRequest, plan: _Plan, snapshot: Snapshot, tree: str, author: Author) -> Built:
        base_commit, commit = self._commits(id, request, snapshot.tree, tree)
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
            base_commit=base_commit,
            base_tree=snapshot.tree,
            commit=commit,
            tree=tree,
            patch=self._git.diff(snapshot.tree, tree),
            command=plan.command,
            seeds=plan.seeds,
            budget=Budget(minutes=request.minutes or self._section.budget_minutes, runs=arms * len(plan.seeds)),
            data=versions(self._control.root, data_files, self._digests),
            author=author.name,
            session_id=author.session_id,
            created=time.time(),
            hash="",
        )
        left_out = tuple(name for name in snapshot.left_out if name not in set(data_files))
        return Built(proposal.model_copy(update={"hash": proposal_hash(proposal)}), left_out, {})

    def _metric(self) -> Metric:
        if self._section.primary is None:
            raise ProposalError(
                "no primary metric is declared, so nothing could be compared",
                hint='Write under [experiments] in .mltui/config.toml: primary = { name = "accuracy", direction = "maximize" }',
            )
        return self._section.primary

    def _command(self, request: ProposalRequest) -> str:
        declared = self._section.entrypoints
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
        if len(set(seeds)) < 2:
            raise ProposalError(
                f"{len(set(seeds))} seed cannot show a difference", hint="Give at least 2 different seeds; 6 or more can be significant."
            )
        if len(set(seeds)) != len(seeds):
            raise ProposalError("a seed is given twice", hint="Each seed counts once.")
        if request.minutes is not None and request.minutes <= 0:
            raise ProposalError("the budget must be more than 0 minutes", hint="Leave `minutes` out for the configured budget.")
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
        found: list[ControlledChange] = []
        for path, status in self._git.changed(base, tree).items():
            why = self._control.explain(Path(path))
            kind, reason = (why.kind, why.reason) if why else ("infra", "changed together with the experiment")
            change = "added" if status == "A" else "deleted" if status == "D" else "modified"
            found.append(ControlledChange(path=path, kind=kind, reason=reason, change=change))
        return tuple(found)

    def _commits(self, proposal_id: str, request: ProposalRequest, base: str, tree: str) -> tuple[str, str]:
        head = self._git.head()
        if self._git.tree_of(head) == base:
            base_commit = head
            self._git.keep(head, f"base/{proposal_id}")
        else:
            base_commit = self._git.commit(base, head, f"Working tree before {proposal_id}", f"base/{proposal_id}")
        message = f"{proposal_id} {request.title.strip()}\n\n{request.hypothesis.strip()}"
        return base_commit, self._git.commit(tree, base_commit, message, f"proposals/{proposal_id}")
