"""Every setting, its type and its default. Unknown keys are errors."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from mltui.config.experiment_settings import (
    ChoiceParameter,
    Experiments,
    FloatParameter,
    IntParameter,
    MetricsSource,
    Parameter,
    Promotion,
)
from mltui.config.section import Section

__all__ = ["ChoiceParameter", "Experiments", "FloatParameter", "IntParameter", "MetricsSource", "Parameter", "Promotion", "Section"]


PermissionMode = Literal["plan", "default", "accept-edits", "auto"]


class ModelRoles(Section):
    """Which model does what: an alias (`sonnet`, `opus`, `haiku`, `local`), a LiteLLM id or a path to a GGUF file.

    Attributes:
        default: talks to you.
        architect: decides on architecture.
        small: titles, summaries and other small jobs.
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
    """Rules such as `Bash(git *)` or `Read(./.env)`: deny before ask before allow, whatever their order.

    Attributes:
        mode: what may run without asking where no rule speaks.
        allow: calls that run without asking.
        ask: calls that ask, whatever the mode.
        deny: calls that never run.
        tests: what the rules are meant to say of calls; `mltui permissions test` looks whether they do.
    """

    mode: PermissionMode = "default"
    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    tests: tuple[PermissionTest, ...] = ()


class Sandbox(Section):
    """Where the agent's commands and training runs are confined.

    Attributes:
        enabled: use the sandbox that there is.
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
    """MLflow, and Weights & Biases beside it.

    Attributes:
        enabled: write experiments to MLflow.
        uri: a tracking URI; empty means a SQLite store in `.mltui/`.
        experiment: the MLflow experiment's name; empty means the project folder's.
        wandb: write finished experiments as W&B runs, too: `offline` to `.mltui/wandb`, `online` from there to the server.
        wandb_project: the W&B project; empty means the project folder's name.
        wandb_entity: the W&B user or team; empty means the key's own.
    """

    enabled: bool = True
    uri: str = ""
    experiment: str = ""
    wandb: Literal["off", "offline", "online"] = "off"
    wandb_project: str = ""
    wandb_entity: str = ""


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
        enabled: start the servers.
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
    """The app.

    Attributes:
        theme: `auto` (as the terminal is), `dark`, `light`, `high-contrast`, `high-contrast-light`, or any theme of Textual's own.
        low_bandwidth: write little to the terminal: `auto` where the link turns out to be slow.
        reduced_motion: nothing moves by itself.
        notify: how you are told that mltui needs you, or is through, while you look elsewhere.
        vim: vi's keys where you type.
        title: say in the window's title what the session is about, and whether it needs you.
        clipboard: how text is copied; `file` writes it to a file. `auto` takes what the terminal, or tmux, can do.
        mouse: take the mouse; without it the terminal selects text by itself. F12 changes it while mltui runs.
        pictures: how pictures are drawn; `auto` takes what the terminal says that it can do, `off` names them in a line.
    """

    theme: str = "auto"
    low_bandwidth: Literal["auto", "on", "off"] = "auto"
    reduced_motion: bool = False
    notify: Literal["auto", "bell", "osc", "off"] = "auto"
    title: bool = True
    vim: bool = False
    clipboard: Literal["auto", "osc52", "tmux", "file"] = "auto"
    mouse: bool = True
    pictures: Literal["auto", "kitty", "sixel", "off"] = "auto"


class Config(Section):
    """All settings of one process.

    Attributes:
        persona: who the agent is, unless --persona says otherwise.
        models: settings of single models, under [models.NAME].
        hooks: commands that run before and after what the agent does, by event.
    """

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
