"""A pane on what came out of an experiment, with its p-value corrected for all comparisons of the project, as the log has it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from mltui.core.errors import MltuiError
from mltui.experiments.log_query import corrected_p
from mltui.ui.tui.proposal_view import result_sections
from mltui.ui.tui.split_pane import SplitPane

if TYPE_CHECKING:
    from rich.text import Text

    from mltui.core.experiment import Experiment
    from mltui.ui.session import AgentSession
    from mltui.ui.tui.proposal_view import Section


class ResultPane(SplitPane):
    """The correction is read in a thread, and stands below the result as soon as it is known."""

    def __init__(self, experiment: Experiment, headline: Text, question: str) -> None:
        super().__init__(headline, question, marked=None)
        self.experiment = experiment
        self._corrected: tuple[float, int] | None = None

    def on_mount(self) -> None:
        super().on_mount()
        if self.experiment.comparison is not None:
            self.run_worker(self._correct, group="corrected", exit_on_error=False)

    async def _correct(self) -> None:
        session: AgentSession | None = cast("Any", self).app.session
        if session is None:
            return
        try:
            rows = await asyncio.to_thread(session.experiments.rows)
        except MltuiError:
            return  # the result stands without it
        found, families = corrected_p(rows)
        if (id_ := self.experiment.id) in found:
            self._corrected = found[id_], families[id_]
            self.show_case()

    def results(self) -> list[Section]:
        """What came out, with the correction."""
        return result_sections(self.experiment, self._corrected)

    def patch(self) -> str:
        return self.experiment.proposal.patch
