"""Makes an accepted change the working tree: all of its files, or none."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from mltui.core.errors import ProposalError
from mltui.core.experiment import Proposal
from mltui.experiments.git_tree import GitTree


@dataclass(frozen=True, slots=True)
class _Step:
    """One file: what it is to become (`spare`, None: deleted), and what it was (`former`, None: absent)."""

    target: Path
    spare: Path | None
    former: bytes | None


def apply_change(proposal: Proposal, git: GitTree, production: str = "") -> tuple[str, ...]:
    """Writes the proposal's files into the working tree.

    A file that holds the proposed version already is left alone.

    Args:
        production: the production prompt, which only a promotion replaces; empty: there is none.

    Returns: the paths of the proposal's files that are the working tree's now.

    Raises:
        ProposalError: a file is neither as it was before the proposal nor as proposed; nothing was written.
    """
    changed = [path for path in git.changed(proposal.base_tree, proposal.tree) if path != production]
    before, after = git.entries(proposal.base_tree, tuple(changed)), git.entries(proposal.tree, tuple(changed))
    pending: list[str] = []
    conflicts: list[str] = []
    for path in changed:
        current = git.working_blob(path)
        if current == (after[path].blob if path in after else None):
            continue
        (pending if current == (before[path].blob if path in before else None) else conflicts).append(path)
    if conflicts:
        raise ProposalError(
            f"{proposal.id} cannot be accepted: changed since it was proposed: {', '.join(conflicts)}",
            hint=f"Put them back (git checkout {proposal.base_commit[:12]} -- {' '.join(conflicts)}) and accept again, or propose again.",
        )
    steps: list[_Step] = []
    try:
        for path in pending:
            steps.append(_prepare(path, after[path].mode if path in after else None, proposal, git))
        _replace(steps)
    except OSError as error:
        raise ProposalError(f"{error.filename} could not be written: {error.strerror}; nothing was changed") from error
    finally:
        for step in steps:
            if step.spare:
                step.spare.unlink(missing_ok=True)
    return tuple(changed)


def _prepare(path: str, mode: str | None, proposal: Proposal, git: GitTree) -> _Step:
    target = git.root / path
    former = target.read_bytes() if target.is_file() else None
    if mode is None:
        return _Step(target, None, former)
    target.parent.mkdir(parents=True, exist_ok=True)
    spare = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    spare.write_bytes(git.read(proposal.tree, path))
    spare.chmod(target.stat().st_mode & 0o777 if former is not None else 0o755 if mode == "100755" else 0o644)
    return _Step(target, spare, former)


def _replace(steps: list[_Step]) -> None:
    done: list[_Step] = []
    try:
        for step in steps:
            if step.spare:
                step.spare.replace(step.target)
            else:
                step.target.unlink()
            done.append(step)
    except OSError:
        for step in done:
            if step.former is None:
                step.target.unlink(missing_ok=True)
            else:
                step.target.write_bytes(step.former)
        raise
