"""How a proposal comes into the journal: built, looked at for what was decided already, reviewed, recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mltui.core.errors import ProposalError
from mltui.core.experiment import Experiment, ExperimentState, Origin, Proposal, ProposalEdits, ProposalRequest, Trial
from mltui.core.sweep import SweepRequest
from mltui.experiments.drafts import Draft
from mltui.experiments.fold import advance
from mltui.experiments.ledger import Ledger
from mltui.experiments.metric_history import check_metric
from mltui.experiments.records import MetricConfirmed, ProposalCreated, ProposalSuperseded
from mltui.experiments.storage import file_lock, make_state_folder

if TYPE_CHECKING:
    from mltui.experiments.proposals import Built
    from mltui.experiments.workbench import Workbench

OPEN: tuple[ExperimentState, ...] = ("proposed", "held")

SETTLED: tuple[ExperimentState, ...] = (
    *OPEN,
    "rejected",
    "maintenance",
    "approved",
    "running",
    "compared",
    "interpreted",
    "discarded",
)
"""States that answer the same plan when it is proposed again. What failed, was stopped, replaced or accepted may be tried again."""


class Intake:
    """Makes proposals. Its methods hold the lock of all proposers, so that ids and supersessions are in one order."""

    def __init__(self, state: Path, ledger: Ledger, bench: Callable[[], Workbench], draft: Callable[[str], Draft]) -> None:
        self._state = state
        self._ledger = ledger
        self._bench = bench
        self._draft = draft

    def propose(self, request: ProposalRequest, *, session_id: str | None, author: str, origin: Origin | None = None) -> Proposal:
        """A new proposal, or the one that the same plan had already: nobody is asked twice.

        Raises:
            ProposalError: it makes no plan; says what is missing.
        """
        bench = self._bench()
        draft = self._draft(session_id) if session_id else None
        make_state_folder(self._state)
        with file_lock(self._state / "proposals.lock", timeout=120.0):
            experiments = [*self._ledger.refresh().values()]
            if request.supersedes:
                advance(self._ledger.get(request.supersedes), _replaced(request.supersedes, "", author))
            built = bench.build(self._ledger.next_id("P"), request, draft, author, session_id, origin)
            known = _same(built.proposal, experiments)
            if known is not None:
                return known.proposal
            check_metric(built.proposal.metric, experiments, self._confirmed())
            former = {request.supersedes, *(item.id for item in _same_change(built.proposal, experiments))} - {None}
            return self._record(bench.finish(built, experiments), sorted(name for name in former if name), author)

    def propose_sweep(self, request: SweepRequest, *, session_id: str | None, author: str, origin: Origin | None = None) -> Proposal:
        """A new proposal of many trials, or the one that the same plan had already.

        Raises: ProposalError: it makes no plan, or the session has edits that would take no part in it.
        """
        bench = self._bench()
        staged = self._draft(session_id).paths() if session_id else ()
        if staged:
            raise ProposalError(
                f"the draft changes {', '.join(str(path) for path in staged[:3])}, and a sweep is of the working tree",
                hint="Have that change decided first, or sweep without it once it is taken back.",
            )
        make_state_folder(self._state)
        with file_lock(self._state / "proposals.lock", timeout=120.0):
            experiments = [*self._ledger.refresh().values()]
            used = frozenset(run.seed for item in experiments for runs in (item.runs, *(t.runs for t in item.trials)) for run in runs)
            built = bench.build_sweep(self._ledger.next_id("P"), request, used, author, session_id, origin)
            known = _same(built.proposal, experiments)
            if known is not None:
                return known.proposal
            check_metric(built.proposal.metric, experiments, self._confirmed())
            return self._record(bench.finish(built, experiments), (), author)

    def confirmation(self, sweep: Experiment, best: Trial, minutes: float, origin: Origin | None) -> Proposal:
        """The proposal that compares a sweep's best trial with the baseline; the one that there is, if a crash left one."""
        bench = self._bench()
        with file_lock(self._state / "proposals.lock", timeout=120.0):
            experiments = [*self._ledger.refresh().values()]
            for item in experiments:
                if item.proposal.selected is not None and item.proposal.selected.sweep == sweep.id:
                    return item.proposal
            built = bench.build_confirmation(self._ledger.next_id("P"), sweep, best, minutes, origin)
            return self._record(bench.finish(built, experiments), (), sweep.id)

    def baseline(self, seeds: tuple[int, ...] | None, by: str, origin: Origin | None = None) -> Proposal:
        """A plan that changes nothing and measures the working tree."""
        bench = self._bench()
        make_state_folder(self._state)
        with file_lock(self._state / "proposals.lock", timeout=120.0):
            built = bench.build_baseline(self._ledger.next_id("B"), seeds, by, origin)
            return self._record(bench.finish(built, [*self._ledger.refresh().values()]), (), by)

    def rebuild(self, proposal_id: str, edits: ProposalEdits, by: str, origin: Origin | None = None) -> Proposal:
        """The same change as a new proposal that takes the former's place, edited, with data and environment of now.

        Raises:
            ProposalError: it is not open, or an edit is not possible; nothing changed.
        """
        bench = self._bench()
        with file_lock(self._state / "proposals.lock", timeout=120.0), file_lock(self._state / "decisions.lock"):
            experiment = self._ledger.get(proposal_id)
            advance(experiment, _replaced(proposal_id, "", by))
            if experiment.proposal.sweep is not None:
                raise ProposalError(f"{proposal_id} is a sweep: its plan is not edited", hint="Reject it, and propose the other plan.")
            if len(experiment.proposal.arms) < 2:
                raise ProposalError(f"{proposal_id} is a baseline: nothing to edit", hint="Start another: mltui experiments baseline")
            staged = self._ledger.created(proposal_id)
            built = bench.rebuild(self._ledger.next_id("P"), experiment.proposal, edits, by, origin)
            built = bench.finish(built, [*self._ledger.refresh().values()])
            return self._record(built, (proposal_id,), by, staged.staged, staged.left_out)

    def settle_supersessions(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Finishes what a crash left between a proposal and the end of the one that it replaces.

        Args:
            pairs: ids of new and old ones to look at; what is done goes by the journal alone.
        """
        with file_lock(self._state / "proposals.lock", timeout=120.0):  # who proposes now is between the two as well
            for new, old in pairs:
                proposal = self._ledger.get(new).proposal
                if proposal.supersedes == old and self._ledger.get(old).state in OPEN:
                    self._ledger.record(_replaced(old, new, proposal.author), proposal.author)

    def _record(
        self, built: Built, former: Sequence[str], author: str, staged: dict[str, str] | None = None, left_out: tuple[str, ...] = ()
    ) -> Proposal:
        proposal = built.proposal
        if former and not proposal.supersedes:
            proposal = proposal.model_copy(update={"supersedes": former[0]})
        entry = ProposalCreated(proposal=proposal, left_out=(*built.left_out, *left_out), staged=built.staged if staged is None else staged)
        self._ledger.record(entry, author)
        for name in former:
            self._ledger.record(_replaced(name, proposal.id, author), author)
        return proposal

    def _confirmed(self) -> list[MetricConfirmed]:
        return [MetricConfirmed.model_validate(record.payload) for record in self._ledger.of_type(MetricConfirmed.type)]


def _replaced(proposal_id: str, successor: str, by: str) -> ProposalSuperseded:
    return ProposalSuperseded(proposal_id=proposal_id, successor=successor, by=by)


def _same(proposal: Proposal, experiments: Sequence[Experiment]) -> Experiment | None:
    """The newest experiment of the very same plan, if that was answered or waits for an answer."""
    found = next((item for item in reversed(experiments) if item.proposal.hash == proposal.hash and _is_change(item)), None)
    if found is None or found.state not in SETTLED or (found.state == "discarded" and found.comparison is None):
        return None
    return found


def _is_change(item: Experiment) -> bool:
    """Whether it is no plain measurement of the baseline, which may be made as often as one likes."""
    return len(item.proposal.arms) > 1 or item.proposal.sweep is not None


def _same_change(proposal: Proposal, experiments: Sequence[Experiment]) -> list[Experiment]:
    """Open proposals of the same session that change the same in the same way, planned otherwise: the new plan takes their place."""
    return [
        item
        for item in experiments
        if item.state in OPEN
        and item.proposal.session_id == proposal.session_id
        and (item.proposal.patch, item.proposal.command) == (proposal.patch, proposal.command)
        and len(item.proposal.arms) > 1
    ]
