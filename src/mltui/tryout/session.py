"""The session of `mltui try`: its first prompt plays the whole experiment, through the same loop and gate as any other."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path

from mltui.agent.session import Session
from mltui.config.schema import Experiments as Section
from mltui.core.data import JsonValue
from mltui.core.errors import MltuiError
from mltui.core.events import Emit, ExperimentProposed, ExperimentStarted, TurnCompleted
from mltui.core.experiment import Experiment
from mltui.core.messages import Image, ToolSpec, Usage
from mltui.experiments.config_files import get_value
from mltui.experiments.origin import origin
from mltui.tryout.choices import conclusion_spec, proposal_spec

FIRST_PROMPT = "Improve the digits classifier: propose one change, let me decide, and compare it with the baseline."
HONEST = (
    "SmolLM2-135M picks one of the valid changes, and that is all it can do: it demonstrates the road, it does not reason. "
    "What decides is measured."
)
SYSTEM = "You are an assistant that tunes hyperparameters. You answer with one tool call."


class TryoutSession(Session):
    """Attributes: outcome: the experiment as it stands when the first prompt is over, or None."""

    outcome: Experiment | None = None
    _measuring: asyncio.Task[str] | None = None

    def interrupt(self) -> None:
        """Leaves the baseline, which goes on by itself, or stops the running turn."""
        if self._measuring is not None:
            self._measuring.cancel()
        super().interrupt()

    async def prompt(
        self,
        text: str,
        show: Emit,
        *,
        images: tuple[Image, ...] = (),
        force_tool: str | None = None,
        tools: tuple[ToolSpec, ...] | None = None,
        once: bool = False,
    ) -> TurnCompleted:
        if force_tool is not None or self.transcript.turns > 0:
            return await super().prompt(text, show, images=images, force_tool=force_tool, tools=tools, once=once)
        return await self._play(text, show)

    async def _play(self, text: str, show: Emit) -> TurnCompleted:
        section = self.experiments.config.experiments
        await self.notify("info", HONEST, show)
        self._measuring = asyncio.create_task(self._baseline(show))
        try:
            baseline = await self._measuring
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise  # the whole session ends
            await self.notify("warning", "Stopped; what runs goes on by itself: mltui experiments list", show)
            return TurnCompleted(turn=0, outcome="interrupted", usage=Usage(), steps=0, seconds=0.0)
        finally:
            self._measuring = None
        await self.notify("info", "Step 2 of 3: the model proposes one change inside the declared space, and you decide", show)
        spec = proposal_spec(self._spec("ProposeExperiment"), section, _current(self.workspace.cwd, section))
        end = await super().prompt(f"{text}\n\n{baseline}", show, force_tool=spec.name, tools=(spec,), once=True)
        experiment = self._latest()
        if end.outcome != "completed" or experiment is None or experiment.comparison is None:
            self.outcome = experiment
            return end
        await self.notify("info", "Step 3 of 3: what it means, and whether the change is kept", show)
        spec = conclusion_spec(self._spec("ConcludeExperiment"), experiment)
        end = await super().prompt(f"{experiment.comparison.summary}. Conclude.", show, force_tool=spec.name, tools=(spec,), once=True)
        self.outcome = self._latest()
        return end

    async def _baseline(self, show: Emit) -> str:
        """Measures the untouched tree over the declared seeds. Returns what the model is told of it."""
        section = self.experiments.config.experiments
        seeds = section.seeds
        await self.notify("info", f"Step 1 of 3: the baseline, over {len(seeds)} seeds", show)
        baseline = await asyncio.to_thread(self.experiments.start_baseline, by="mltui try", origin=origin(self.experiments.root, "cli"))
        await show(ExperimentProposed(proposal=baseline))
        await show(ExperimentStarted(proposal_id=baseline.id, job=baseline.id, runs=len(seeds)))
        async for event in self.experiments.follow(baseline.id):
            await show(event)
        measured = await asyncio.to_thread(self.experiments.get, baseline.id)
        if measured.state != "measured" or section.primary is None:
            raise MltuiError(f"The baseline could not be measured: {measured.message}")
        values = [run.metrics[section.primary.name] for run in measured.runs]
        return f"Baseline {section.primary.name}: {statistics.mean(values):.4f}, standard deviation {statistics.stdev(values):.4f}."

    def _spec(self, name: str) -> ToolSpec:
        return next(tool for tool in self.tools if tool.name == name)

    def _latest(self) -> Experiment | None:
        proposals = [experiment for experiment in self.experiments.list() if experiment.state != "measured"]
        return proposals[-1] if proposals else None


def _current(root: Path, section: Section) -> dict[str, JsonValue]:
    """The parameters' present values."""
    values: dict[str, JsonValue] = {}
    for name, parameter in section.space.items():
        file, _, key = parameter.key.partition(":")
        values[name] = get_value(file, (root / file).read_bytes(), key)
    return values
