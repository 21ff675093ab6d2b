"""The settings of experiments and promotions."""

from __future__ import annotations

import re
from typing import Annotated, Literal, cast

from pydantic import Field, field_validator, model_validator

from mltui.config.section import Section
from mltui.core.experiment import Design, Guardrail, Metric


class FloatParameter(Section):
    type: Literal["float"] = "float"
    low: float
    high: float
    log: bool = False
    key: str

    @model_validator(mode="after")
    def _ordered(self) -> FloatParameter:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        if self.log and self.low <= 0:
            raise ValueError("a log scale needs low > 0")
        return self


class IntParameter(Section):
    type: Literal["int"] = "int"
    low: int
    high: int
    log: bool = False
    key: str

    @model_validator(mode="after")
    def _ordered(self) -> IntParameter:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self


class ChoiceParameter(Section):
    type: Literal["choice"] = "choice"
    choices: tuple[str | int | float | bool | None, ...] = Field(min_length=2)
    key: str


Parameter = Annotated[FloatParameter | IntParameter | ChoiceParameter, Field(discriminator="type")]
"""A hyperparameter that may be moved. `key` is `FILE:dotted.key` in a YAML, TOML or JSON file."""


class MetricsSource(Section):
    """Where a run's own metrics are read from. Of one name in several places the first of these counts.

    Attributes:
        file: JSON (last values), JSON lines or CSV, relative to the run's folder or its working folder.
        regex: patterns for lines of the standard output, in Python's syntax: groups named `name` and `value`, or groups named as
            the metrics are; a group `step` counts steps.
        stdout: the last JSON object line, or `key=value` and `key: value` pairs.
        mlflow, wandb, tensorboard: what the script logged itself.
    """

    file: str | None = None
    regex: tuple[str, ...] = ()
    stdout: Literal["json", "key=value"] | None = None
    mlflow: bool = False
    wandb: bool = False
    tensorboard: bool = False

    @field_validator("regex", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else tuple(cast("list[object]", value)) if isinstance(value, list) else value

    @field_validator("regex")
    @classmethod
    def _has_groups(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                names = set(re.compile(pattern).groupindex)
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
            if "value" in names and "name" not in names:
                raise ValueError(f"{pattern!r} has a group `value` and none called `name`; or call the group as the metric is called")
            if not names - {"name", "step"}:
                raise ValueError(f"{pattern!r} has no named group: write (?P<name>…) and (?P<value>…), or (?P<accuracy>…)")
        return patterns


class Experiments(Section):
    """What is under experiment, how it runs and by what it is judged.

    Attributes:
        entrypoints: commands that train, as `python train.py`.
        training: files of training code, as patterns.
        configs: files of hyperparameters, as patterns.
        prompts: files of prompts, as patterns.
        data: files of data, as patterns.
        evaluation: files that measure, as patterns.
        metrics: where a run's own metrics are read from.
        autolog: turn MLflow's autologging on in runs, for the libraries that they train with, and keep what they log with the run.
        primary: the number to decide by.
        guardrails: numbers that must not get worse, and by how much they may.
        seeds: a run of each arm is made with each.
        test: what decides: paired by seed (`paired-seeds`), by split of one data set (`folds`), on the examples that both arms
            predicted (`predictions`), without partners (`unpaired`), or what there is (`auto`).
        n_train, n_test: examples in a split, where each seed is a split of the same data.
        space: hyperparameters that may be moved, and how far.
        run_timeout_minutes: one run may take.
        budget_minutes: one experiment may take in all.
        parallel: runs of one experiment at once.
        pictures: draw the result at the end, into `.mltui/reports` and for MLflow.
        slots: runs at once of all experiments of a person on this machine, in whatever project; none: as many as there are.
        gpus_per_run: GPUs that a run has for itself, the free ones with the most free memory; 0: it sees all.
        run_memory_gb, run_disk_gb: what one run may hold of memory with all its processes, and write to its folder and checkout.
        unplanned_training: training outside a proposal.
        detect: look for training code, prompts and what they read where nothing is declared.
        evaluate: the evaluator's command, run from the baseline's tree; `{run}` is the run's folder, `{out}` the metrics file.
        labels: files that only the evaluator may read.
        policy: an approval policy that decides in advance, relative to the project.
        scratch_seconds, scratch_minutes: CPU time of training outside a proposal, for one command and for a session.
    """

    entrypoints: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    evaluation: tuple[str, ...] = ()
    detect: bool = True
    evaluate: str = ""
    labels: tuple[str, ...] = ()
    policy: str = ""
    metrics: MetricsSource = MetricsSource(file="metrics.json", mlflow=True, wandb=True, tensorboard=True)
    autolog: bool = True
    primary: Metric | None = None
    guardrails: tuple[Guardrail, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    test: Design = "auto"
    n_train: int = Field(default=0, ge=0)
    n_test: int = Field(default=0, ge=0)
    space: dict[str, Parameter] = Field(default_factory=dict)
    run_timeout_minutes: float = Field(default=60.0, gt=0)
    budget_minutes: float = Field(default=240.0, gt=0, allow_inf_nan=False)
    parallel: int = Field(default=1, ge=1, le=64)
    pictures: bool = True
    slots: int | None = Field(default=None, ge=1, le=1024)
    gpus_per_run: int = Field(default=0, ge=0, le=64)
    run_memory_gb: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    run_disk_gb: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    unplanned_training: Literal["record", "ask", "deny"] = "deny"
    scratch_seconds: float = Field(default=60.0, gt=0)
    scratch_minutes: float = Field(default=10.0, gt=0)

    @model_validator(mode="after")
    def _sizes_of_splits(self) -> Experiments:
        if self.test == "folds" and not (self.n_train and self.n_test):
            raise ValueError('test = "folds" needs n_train and n_test, the examples in a split')
        if bool(self.n_train) != bool(self.n_test):
            raise ValueError("n_train and n_test belong together")
        return self


class Promotion(Section):
    """What a model needs before it may be the champion.

    Attributes:
        model: the registered model's name; empty means the project folder's.
        artifact: the model's file or folder, relative to a run's working folder or its run folder.
        prompt: the production prompt's file, for projects that promote prompts.
        quality, latency, cost: the metrics that must have been compared with the champion; empty: not declared.
    """

    model: str = ""
    artifact: str = ""
    prompt: str = ""
    quality: str = ""
    latency: str = ""
    cost: str = ""
