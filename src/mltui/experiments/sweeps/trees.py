"""The code of a trial: the base of its sweep, with its values where they stand, and nothing else."""

from __future__ import annotations

from mltui.core.data import JsonObject
from mltui.core.errors import ProposalError
from mltui.core.experiment import ParameterChange, Proposal
from mltui.core.sweep import SweepPlan
from mltui.experiments.config_files import get_value
from mltui.experiments.git_tree import GitTree
from mltui.experiments.sweeps.space import split_key, write_values


def plan_of(proposal: Proposal) -> SweepPlan:
    """Raises: ProposalError: it is no sweep."""
    if proposal.sweep is None:
        raise ProposalError(f"{proposal.id} is no sweep", hint=f"See: mltui experiments show {proposal.id}")
    return proposal.sweep


class TrialTrees:
    """Makes the trees of one sweep's trials."""

    def __init__(self, git: GitTree, sweep: Proposal) -> None:
        self._git = git
        self._sweep = sweep
        self._plan = plan_of(sweep)
        self._files: dict[str, bytes | None] = {}

    def tree(self, params: JsonObject) -> str:
        """Raises: ProposalError: a value is outside the approved space, or one is missing; nothing is made of it then."""
        files = write_values(params, self._plan.space, self._read)
        return self._git.apply(self._sweep.base_tree, dict(files)) if files else self._sweep.base_tree

    def changes(self, params: JsonObject) -> tuple[ParameterChange, ...]:
        """The values that are not those of the base."""
        found: list[ParameterChange] = []
        for dimension in self._plan.space:
            file, key = split_key(dimension.key)
            before = get_value(file, self._read(file) or b"", key)
            after = params[dimension.name]
            if before != after or isinstance(before, bool) != isinstance(after, bool):
                found.append(ParameterChange(name=dimension.name, key=dimension.key, before=before, after=after))
        return tuple(found)

    def _read(self, file: str) -> bytes | None:
        if file not in self._files:
            tree = self._sweep.base_tree
            self._files[file] = self._git.read(tree, file) if self._git.entries(tree, (file,)) else None
        return self._files[file]
