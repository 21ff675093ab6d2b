"""Every setting, its type and its default. Unknown keys are errors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mltui.core.experiment import Guardrail, Metric


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


PermissionMode = Literal["plan", "default", "accept-edits", "auto"]


class ModelRoles(Section):
    """Which model does what: an alias (`sonnet`, `opus`, `haiku`, `local`), a LiteLLM id or a path to a GGUF file.

    Attributes:
        fallback: models that finish a turn, in this order, when the one before them stays unavailable after its retries.
        fallback_on_auth: they do so, too, when its credentials are refused.
        effort: how hard models that reason should do so, where their own settings do not say; absent: as their makers decide.
        architect_in_plan: the architect answers in plan mode.
        auto_architect: the architect answers questions of architecture, and says so.
    """

    default: str = "sonnet"
    architect: str = "opus"
    small: str = "haiku"
    fallback: tuple[str, ...] = ()
    fallback_on_auth: bool = False
    effort: Literal["low", "medium", "high"] | None = None
    architect_in_plan: bool = True
    auto_architect: bool = True


class ModelSettings(Section):
    """Settings of one model, under `[models.NAME]`; NAME may then be used wherever a model is named.

    Attributes: sees: whether it takes images; absent: as LiteLLM's table says.
    """

    id: str
    api_base: str | None = None
    api_key_env: str | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    sees: bool | None = None
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


class PermissionTest(Section):
    """What the rules are meant to say of a call, such as `Bash(git push)`; `mltui permissions test` looks whether they do."""

    call: str
    answer: Literal["allow", "ask", "deny"]


class Permissions(Section):
    """Rules such as `Bash(git *)` or `Read(./.env)`: deny before ask before allow, whatever their order."""

    mode: PermissionMode = "default"
    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    tests: tuple[PermissionTest, ...] = ()


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
    """What may be spent; a person is warned at four fifths of it.

    Attributes:
        max_turns: requests of one turn.
        max_budget_usd, max_tokens: of the session, subagents and summaries included.
        timeout: seconds of one turn.
        tool_repeats: after this many equal calls in a row with equal results, the next one asks.
    """

    max_turns: int | None = Field(default=None, ge=1)
    max_budget_usd: float | None = Field(default=None, gt=0)
    max_tokens: int | None = Field(default=None, ge=1)
    timeout: float | None = Field(default=None, gt=0)
    tool_repeats: int = Field(default=3, ge=2)


class Context(Section):
    """The conversation's share of the model's window.

    Attributes: compact_at: the conversation is summed up when this share of the window is used, the answer's reserve left out.
    """

    compact_at: float = Field(default=0.8, ge=0.2, le=0.95)


class Sessions(Section):
    """Conversations on disk.

    Attributes:
        keep_days: sessions that were not touched for so long are deleted at a start; absent: never.
        titles: let the small model name a session after its first turn.
    """

    keep_days: int | None = Field(default=None, ge=1)
    titles: bool = True


class Web(Section):
    """The web, for the agent.

    Attributes:
        search: who answers WebSearch.
        search_url: where SearXNG is, or another address for Brave or Tavily.
        search_key_env: the variable that holds the key; empty: BRAVE_API_KEY or TAVILY_API_KEY.
        allow_private: WebFetch may reach this machine and private networks.
    """

    search: Literal["duckduckgo", "searxng", "brave", "tavily"] = "duckduckgo"
    search_url: str = ""
    search_key_env: str = ""
    allow_private: bool = False

    @model_validator(mode="after")
    def _addressed(self) -> Web:
        if self.search == "searxng" and not self.search_url:
            raise ValueError("searxng needs search_url, the address of your instance")
        if self.search_url and not self.search_url.startswith(("http://", "https://")):
            raise ValueError("search_url must begin with http:// or https://")
        return self


class Mcp(Section):
    """MCP servers, which are named in `.mcp.json` and in the person's `mcp.json`.

    Attributes:
        disabled: names of servers that are not started.
        startup_seconds: a server may take until its tools are known; the first turn waits for them so long.
        tool_seconds: one call may take.
    """

    enabled: bool = True
    disabled: tuple[str, ...] = ()
    startup_seconds: float = Field(default=20.0, gt=0, le=600)
    tool_seconds: float = Field(default=120.0, gt=0, le=3600)


class HookCommand(Section):
    """A hook.

    Attributes:
        timeout: seconds.
        on_error: whether a hook that fails or takes too long blocks what it looked at.
        sandbox: it runs in the sandbox of commands; else with all your rights.
    """

    type: Literal["command"] = "command"
    command: str = Field(min_length=1)
    timeout: float = Field(default=60.0, gt=0, le=600)
    on_error: Literal["warn", "block"] = "warn"
    sandbox: bool = True


class HookGroup(Section):
    """Attributes: matcher: a regular expression over the tool's name; empty: all."""

    matcher: str = ""
    hooks: tuple[HookCommand, ...] = ()


HookEvent = Literal[
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PermissionRequest",
    "PreCompact",
    "SubagentStart",
    "SubagentStop",
    "Stop",
]


class Skills(Section):
    """Attributes: disabled: names of skills that are left out; offer: tell the model of skills at all."""

    disabled: tuple[str, ...] = ()
    offer: bool = True


class Checkpoints(Section):
    """What `/rewind` and `/undo` can go back to.

    Attributes:
        keep_days: days after which a checkpoint is let go of.
        keep: the most checkpoints of a session.
    """

    keep_days: float = Field(default=30.0, gt=0)
    keep: int = Field(default=200, ge=1)


class Guards(Section):
    """What is kept from the model, and what is doubted.

    Attributes:
        secrets: replace credentials by placeholders before the model and the disk get them.
        injection: when a tool's result gives the agent orders: tell the person, ask them before the next call that acts, or look away.
    """

    secrets: bool = True
    injection: Literal["tell", "ask", "off"] = "tell"


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
    guards: Guards = Guards()
    context: Context = Context()
    sessions: Sessions = Sessions()
    checkpoints: Checkpoints = Checkpoints()
    web: Web = Web()
    mcp: Mcp = Mcp()
    hooks: dict[HookEvent, tuple[HookGroup, ...]] = Field(default_factory=dict[HookEvent, tuple[HookGroup, ...]])
    skills: Skills = Skills()
    ui: Ui = Ui()
