"""One sweep in its supervisor's process: its trials, and then the experiment that confirms the best of them."""

from __future__ import annotations

import sys

from mltui.core.errors import MltuiError
from mltui.experiments.records import AnyEntry, RunWaiting
from mltui.experiments.service import Experiments
from mltui.experiments.supervisor import Supervisor
from mltui.experiments.sweeps.conductor import Conductor, Site
from mltui.experiments.sweeps.summary import made
from mltui.experiments.sweeps.trees import plan_of


class SweepSupervisor(Supervisor):
    """From the first trial, or from where a killed process left it, to a best one that is being confirmed."""

    def _result(self) -> AnyEntry:
        git, execution = self._prepared()
        self._total = plan_of(self._proposal).trials  # the confirmation is a job of its own
        self._beats.plan(self._total)
        site = Site(
            proposal=self._proposal,
            trials=self._experiment().trials,
            execution=execution,
            git=git,
            runner=self._runner,
            turns=self._turns,
            limit=self._section.run_timeout_minutes * 60,
            confirming_parallel=self._section.parallel,
            record=self._record,
            over=self._beats.over,
            stopping=lambda: self._asked_to_stop,
            folder=self._job.folder,
        )
        return Conductor(site).conduct()

    def _waits(self, name: str, what: str) -> None:
        experiment = self._experiment()
        seed = int(name.rpartition("-")[2])
        self._record(
            RunWaiting(
                proposal_id=experiment.id,
                arm="candidate",
                seed=seed,
                done=made(experiment.trials),
                total=self._total,
                message=what,
            )
        )

    def _report(self) -> None:
        """Lets the winner be compared with the baseline; what hinders it is said in the log, and tried again by hand."""
        if self._experiment().state == "measured":
            try:
                Experiments.open(self._root, self._config).sweeps.confirm(self._proposal.id)
            except MltuiError as error:
                print(error, file=sys.stderr)
