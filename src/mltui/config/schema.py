"""Every setting, its type and its default. Unknown keys are errors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mltui.core.experiment import Guardrail, Metric


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


PermissionMode = Literal["plan", "default", "accept-edits", "auto"]


class ModelRoles(Section):
    """Which model does what: an alias (`sonnet`, `opus`, `haiku`, `local`), a LiteLLM id or a path to a GGUF file."""

    default: str = "sonnet"
    architect: str = "opus"
    small: str = "haiku"
    fallback: tuple[str, ...] = ()


class ModelSettings(Section):
    """Settings of one model, under `[models.NAME]`; NAME may then be used wherever a model is named."""

    id: str
    api_base: str | None = None
    api_key_env: str | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)


class LocalModel(Section):
    """llama.cpp.

    Attributes:
        path: the GGUF file behind the alias `local`.
        gpu_layers: layers on the GPU; -1 means all that fit.
        context: tokens of context; 0 means what the model was trained with, at most 32,768.
        threads: 0 means as many as there are idle cores.
    """

    path: str | None = None
    gpu_layers: int = -1
    context: int = Field(default=0, ge=0)
    threads: int = Field(default=0, ge=0)


class Permissions(Section):
    """Rules such as `Bash(git *)` or `Read(./.env)`: deny before ask before allow, whatever their order."""

    mode: PermissionMode = "default"
    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


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
    """Where a run's own metrics are read from.

    Attributes:
        file: a JSON object (last values) or JSON lines, relative to the run's folder.
        stdout: the last JSON object line, or `key=value` and `key: value` pairs.
        mlflow: what the script logged itself.
    """

    file: str | None = None
    stdout: Literal["json", "key=value"] | None = None
    mlflow: bool = False


class Experiments(Section):
    """What is under experiment, how it runs and by what it is judged.

    Attributes:
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
    metrics: MetricsSource = MetricsSource(file="metrics.json", mlflow=True)
    primary: Metric | None = None
    guardrails: tuple[Guardrail, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    space: dict[str, Parameter] = Field(default_factory=dict)
    run_timeout_minutes: float = Field(default=60.0, gt=0)
    budget_minutes: float = Field(default=240.0, gt=0)
    parallel: int = Field(default=1, ge=1, le=64)
    unplanned_training: Literal["record", "ask", "deny"] = "deny"
    scratch_seconds: float = Field(default=60.0, gt=0)
    scratch_minutes: float = Field(default=10.0, gt=0)


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


class Sandbox(Section):
    """Where the agent's commands and training runs are confined.

    Attributes:
        require: end with exit code 44 where there is no sandbox.
        network: of the agent's commands; training_network: of training runs.
        read, write: further folders that stay visible, or writable.
    """

    enabled: bool = True
    require: bool = False
    network: Literal["allow", "deny"] = "allow"
    training_network: Literal["allow", "deny"] = "allow"
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


class Tracking(Section):
    """MLflow.

    Attributes:
        uri: a tracking URI; empty means a SQLite store in `.mltui/`.
        experiment: the MLflow experiment's name; empty means the project folder's.
    """

    enabled: bool = True
    uri: str = ""
    experiment: str = ""


class Limits(Section):
    """Attributes: tool_repeats: the same call this many times in a row ends the turn."""

    max_turns: int | None = Field(default=None, ge=1)
    max_budget_usd: float | None = Field(default=None, gt=0)
    max_tokens: int | None = Field(default=None, ge=1)
    timeout: float | None = Field(default=None, gt=0)
    tool_repeats: int = Field(default=4, ge=2)


class Ui(Section):
    """Attributes: theme: `mltui-dark`, `mltui-light`, or any theme of Textual's own."""

    theme: str = "mltui-dark"


class Config(Section):
    """All settings of one process."""

    persona: str = "ml-engineer"
    model: ModelRoles = ModelRoles()
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    local: LocalModel = LocalModel()
    permissions: Permissions = Permissions()
    experiments: Experiments = Experiments()
    promotion: Promotion = Promotion()
    sandbox: Sandbox = Sandbox()
    tracking: Tracking = Tracking()
    limits: Limits = Limits()
    ui: Ui = Ui()
