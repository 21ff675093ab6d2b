"""From what is asked for to the plan of a sweep."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Collection, Sequence

from mltui.config.schema import Experiments as Section
from mltui.core.comparison import Direction
from mltui.core.errors import ExperimentError, ProposalError
from mltui.core.sweep import ChoiceDimension, Dimension, FloatDimension, SweepPlan, SweepRequest
from mltui.experiments.power import LEAST_PAIRS
from mltui.experiments.sweeps.space import Read, resolve

MOST_TRIALS = 10_000
MOST_PARALLEL = 64


def check_installed(plan: SweepPlan) -> None:
    """Raises: ExperimentError: a package that the sweep needs is missing; says how to install it."""
    needed = [("optuna", "sweep", "sweeps need")]
    needed += [("cmaes", "sweep", "the sampler cmaes needs")] if plan.sampler == "cmaes" else []
    needed += [("ray", "ray", "sweeps through Ray Tune need")] if plan.backend == "ray" else []
    for package, extra, what in needed:
        if importlib.util.find_spec(package) is None:
            hint = f"Install it where mltui is: pip install 'mltui[{extra}]'"
            raise ExperimentError(f"{what} the package {package}, which is not installed", hint=hint)


def make_plan(request: SweepRequest, section: Section, read: Read, used: Collection[int]) -> tuple[SweepPlan, tuple[int, ...]]:
    """The plan, and the seeds that each trial runs with.

    Args:
        used: seeds that runs of the project had already.

    Raises: ProposalError: names the key and what is wrong with it.
    """
    space = resolve(request.space, section.space, read)
    seeds = _trial_seeds(request, section.seeds)
    parallel = section.parallel if request.parallel is None else request.parallel
    _check_whole("parallel", parallel, MOST_PARALLEL)
    if request.patience is not None:
        _check_whole("patience", request.patience, MOST_TRIALS)
    plan = SweepPlan(
        space=space,
        sampler=request.sampler,
        pruner=request.pruner,
        backend=request.backend,
        trials=_trials(request, space),
        confirm_seeds=_confirm_seeds(request, section.seeds, seeds, used),
        parallel=parallel,
        patience=request.patience,
        prune_metric=request.prune_metric,
        prune_direction=_prune_direction(request, section),
        sampler_seed=request.sampler_seed,
    )
    if request.backend == "ray" and request.sampler == "grid":
        raise ProposalError("backend: Ray Tune's searchers know no grid", hint='Use backend = "optuna" for a grid.')
    check_installed(plan)
    return plan, seeds


def size_of_grid(space: Sequence[Dimension]) -> int:
    return math.prod(len(one.values()) for one in space)


def _check_whole(key: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise ProposalError(f"{key}: {value} is not from 1 to {most:,}", hint="Give a whole number in this range.")


def _trials(request: SweepRequest, space: Sequence[Dimension]) -> int:
    if request.trials is not None:
        _check_whole("trials", request.trials, MOST_TRIALS)
    if request.sampler == "grid":
        endless = next((one for one in space if isinstance(one, FloatDimension) and one.step is None), None)
        if endless is not None:
            hint = "Give it a step, or choices such as [0.001, 0.01, 0.1]."
            raise ProposalError(f"space.{endless.name}: a grid over real numbers needs a step", hint=hint)
        whole = size_of_grid(space)
        if request.trials is None:
            _check_grid(whole)
        return min(whole, request.trials or whole)
    if request.trials is None:
        raise ProposalError("trials: is missing", hint=f"Say how many trials {request.sampler} may make, such as trials = 20.")
    if request.sampler == "cmaes" and sum(not isinstance(one, ChoiceDimension) for one in space) < 2:
        raise ProposalError("sampler: cmaes needs two or more parameters that are numbers", hint='Use sampler = "tpe".')
    return request.trials


def _check_grid(whole: int) -> None:
    if whole > MOST_TRIALS:
        raise ProposalError(f"space: the grid has {whole:,} points", hint=f"Wider steps, or trials for at most {MOST_TRIALS:,} of them.")


def _prune_direction(request: SweepRequest, section: Section) -> Direction | None:
    """Of a metric of its own: pruned the wrong way round, a sweep ends its best trials."""
    if request.pruner == "none" or request.prune_metric in ("", section.primary.name if section.primary else ""):
        return None
    known: dict[str, Direction] = {guard.name: guard.direction for guard in section.guardrails}
    found: Direction | None = known.get(request.prune_metric) or request.prune_direction
    if found is None:
        raise ProposalError(
            f"prune_direction: is missing, and nothing says whether less or more of {request.prune_metric} is better",
            hint='Say prune_direction = "minimize" or "maximize".',
        )
    return found


def _trial_seeds(request: SweepRequest, declared: Sequence[int]) -> tuple[int, ...]:
    if request.seeds is not None:
        if not request.seeds or len(set(request.seeds)) != len(request.seeds):
            raise ProposalError("seeds: none, or one is given twice", hint="Give each trial's seeds, each once.")
        return tuple(request.seeds)
    _check_whole("seeds_per_trial", request.seeds_per_trial, 1000)
    known = list(dict.fromkeys(declared))
    fresh = (seed for seed in range(max([0, *known]) + 1, 10**9))
    return tuple((known + [next(fresh) for _ in range(request.seeds_per_trial)])[: request.seeds_per_trial])


def _confirm_seeds(request: SweepRequest, declared: Sequence[int], trial_seeds: Sequence[int], used: Collection[int]) -> tuple[int, ...]:
    """As many as the project declares, and at least so many as can be significant, above every seed that a run ever had."""
    if request.confirm_seeds is None:
        first = max([-1, *declared, *trial_seeds, *used]) + 1
        return tuple(range(first, first + max(LEAST_PAIRS, len(set(declared)))))
    chosen = request.confirm_seeds
    if len(set(chosen)) != len(chosen) or len(chosen) < 2:
        raise ProposalError("confirm_seeds: fewer than 2, or one is given twice", hint="6 or more can be significant.")
    shared = sorted(set(chosen) & set(trial_seeds))
    if shared:
        raise ProposalError(
            f"confirm_seeds: the trials have seed {shared[0]}, so the winner would be judged by what chose it",
            hint="Leave confirm_seeds out for fresh ones.",
        )
    return tuple(chosen)
