"""Makes models by name and by role: the session's own, `architect` for decisions, `small` for titles and summaries."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from mltui.config.schema import Config
from mltui.core.errors import MltuiError, ModelRequestError, UsageError
from mltui.models import catalogue, registry
from mltui.models.base import Model
from mltui.models.deferred import DeferredModel
from mltui.models.failures import missing_credentials
from mltui.models.registry import ModelChoice, Role

Effort = Literal["low", "medium", "high"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)


@dataclass(frozen=True, slots=True)
class ModelOption:
    """A model that can be chosen by name.

    Attributes:
        context_window: in tokens.
        input_price, output_price: dollars for a million tokens; all three are None when not known.
        missing: what is missing before it can be asked, or empty.
        sees: whether it takes images.
        roles: the roles that the configuration gives it.
        memory: for one on this machine what it needs here, or why it cannot run; else empty.
    """

    name: str
    id: str
    context_window: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    missing: str = ""
    sees: bool = False
    roles: tuple[str, ...] = ()
    memory: str = ""


class RoleModels:
    """The models of one session.

    Args:
        environ: where credentials are looked up; those that mltui keeps included.
        chosen: the roles whose model a person named (`[model]` in a file, a variable or a flag).
        picked: whether a person named the session's model; it then answers everything that is not handed over by command.
    """

    def __init__(self, config: Config, environ: Mapping[str, str], chosen: Collection[Role] = (), *, picked: bool = False) -> None:
        self.config = config
        self.picked = picked
        self.effort: Effort | None = None
        """How hard models that reason should do so, where it was said in this session."""
        self.session_model = ""
        """The id of the model that the session talks to now."""
        self._environ = environ
        self._chosen = frozenset(chosen)
        self._names: dict[str, str] = {}

    def propose_architect(self, name: str | None) -> None:
        """What a persona says of its architect counts where no person named one."""
        if name and "architect" not in self._chosen:
            self.config = self.config.model_copy(update={"model": self.config.model.model_copy(update={"architect": name})})

    def choose(self, role: Role) -> ModelChoice:
        """The model of a role.

        A session on a model of one's own stays there: without a model named for the role, nothing is sent elsewhere.

        Raises:
            ModelRequestError: the session has no model for the role.
            AuthError, ConfigError, UsageError: there are no credentials for it, or no such model.
        """
        if role not in self._chosen and is_own(self.session_model):
            raise ModelRequestError(f"no {role} model is named for a session with {self.session_model}", hint=f"set {role} in [model]")
        choice = registry.resolve(getattr(self.config.model, role), self.config, self._environ)
        if not registry.has_credentials(choice, self._environ):
            raise missing_credentials(registry.provider_of(choice.id), choice.id, choice.settings.api_key_env)
        return choice

    async def make(self, role: Role) -> Model:
        """The model of a role, which the caller closes. Raises: what `choose` raises."""
        return await asyncio.to_thread(lambda: self.load(self.choose(role), effort=role != "small"))

    async def named(self, name: str) -> Model:
        """The model of a name, which the caller closes. Raises: what `registry.resolve` raises."""
        return await asyncio.to_thread(lambda: self.load(registry.resolve(self._known_as(name), self.config, self._environ)))

    def _known_as(self, id: str) -> str:
        """The name in the configuration whose settings belong to an id.

        A resumed session knows its model by the id alone, which at a server of one's own is of no use without the address.
        """
        models = self.config.models
        return self._names.get(id) or next((name for name, own in models.items() if id not in models and own.api_base and own.id == id), id)

    def load(self, choice: ModelChoice, *, effort: bool = True) -> Model:
        """The model of a choice; a library that takes seconds is loaded when the model is first asked. Blocks.

        Args:
            effort: let the session's effort apply where the model reasons.
        """
        if choice.alias and choice.alias in self.config.models:
            self._names[choice.id] = choice.alias  # so that its settings are found again by its id
        if choice.kind != "litellm":
            return registry.create(choice, self.config, self._environ)
        choice = self._with_effort(choice) if effort else choice
        return DeferredModel(catalogue.info_of(choice.settings), lambda: registry.create(choice, self.config, self._environ))

    def options(self) -> tuple[ModelOption, ...]:
        """The aliases, the models of the configuration and those of the roles, each model once. Blocks."""
        roles = self.config.model
        named: dict[str, list[str]] = {}
        for role in ("default", "architect", "small"):
            named.setdefault(getattr(roles, role), []).append(role)
        own = [self.session_model] if self.session_model else []
        names = [*catalogue.FAMILIES, *self.config.models, roles.default, roles.architect, roles.small, *roles.fallback, "local", *own]
        names += [f"local:{file.stem}" for folder in registry.model_folders(self._environ) for file in sorted(folder.glob("*.gguf"))]
        found: dict[str, ModelOption] = {}
        for name in dict.fromkeys(names):
            try:
                choice = registry.resolve(name, self.config, self._environ)
            except MltuiError:
                continue  # it cannot be chosen; whoever names it is told why
            listed = catalogue.limits(choice.id) or catalogue.Limits()
            missing = "" if registry.has_credentials(choice, self._environ) else "no key"
            info = catalogue.info_of(choice.settings)
            memory = registry.needs(choice, self.config) if choice.kind == "local" and choice.id not in found else ""
            prices = (listed.input_price, listed.output_price)
            option = ModelOption(name, choice.id, info.context_window, *prices, missing, info.sees, (*named.get(name, ()),), memory)
            before = found.setdefault(choice.id, option)
            if before is not option:
                found[choice.id] = replace(before, roles=tuple(dict.fromkeys((*before.roles, *option.roles))))
        return tuple(found.values())

    def resume_effort(self, said: str) -> None:
        """Takes up the effort that was said in an earlier process of the session; a word that is none changes nothing."""
        if said in EFFORTS:
            self.effort = said

    def check_effort(self, id: str) -> None:
        """Raises: UsageError: the model takes no effort."""
        if is_own(id) or ((listed := catalogue.limits(id)) is not None and not listed.thinks):
            raise UsageError(f"{id} takes no effort", hint="choose a model that reasons with /model")

    def _with_effort(self, choice: ModelChoice) -> ModelChoice:
        own = choice.settings.reasoning_effort
        listed = catalogue.limits(choice.id)
        wanted = self.effort or own or self.config.model.effort
        if wanted == own or (listed is not None and not listed.thinks and not own):
            return choice
        return replace(choice, settings=choice.settings.model_copy(update={"reasoning_effort": wanted}))


def is_own(id: str) -> bool:
    """Whether the id is of a model on this machine (or of a script), whose conversations are sent nowhere."""
    return id.startswith("scripted:") or id.lower().endswith(".gguf")


__all__ = ["Effort", "ModelOption", "RoleModels", "is_own"]
