"""The models of a session: its own, the architect for questions of architecture, and who answers the turn that runs."""

from __future__ import annotations

from collections.abc import Sequence

from mltui.agent.architecture import architecture_words
from mltui.config.schema import PermissionMode
from mltui.core.errors import MltuiError, UsageError
from mltui.core.events import ModelChanged
from mltui.core.messages import Image
from mltui.models import catalogue
from mltui.models.base import Model, ModelInfo
from mltui.models.fallback import FallbackModel
from mltui.models.roles import Effort, RoleModels


class TurnModels:
    """Chooses the model of each turn and owns them all.

    Attributes:
        own: the session's model.
        architect: whether the architect answers every turn.
    """

    def __init__(self, own: Model, roles: RoleModels) -> None:
        self.own = own
        self.architect = False
        self._roles = roles
        self._turn: FallbackModel | None = None
        self._once: set[str] = set()
        self._kept: Model | None = None
        self._retired: list[Model] = []
        """Models that were replaced while a turn may still have used them."""
        roles.session_model = own.info.id

    @property
    def answering(self) -> Model:
        """The model that answers now: the session's own, or for a turn another one."""
        return self._turn or self.own

    @property
    def info(self) -> ModelInfo:
        return self.answering.info

    async def begin(self, mode: PermissionMode, text: str, images: Sequence[Image]) -> tuple[FallbackModel, ModelChanged | None]:
        """The model for a turn, and what the person is told if it is not the session's own. `end` is called when it is over.

        Raises: MltuiError: it cannot see the images, or the person asked for the architect and there is none.
        """
        model, reason = await self._choose(mode, text)
        if images and not model.info.sees:
            raise UsageError(f"{model.info.id} cannot see images", hint="choose a model that can with /model, or leave the images out")
        roles = self._roles.config.model
        names = roles.fallback if model is self.own else (self.own.info.id, *roles.fallback)
        self._turn = FallbackModel(model, names, self._roles.named, on_auth=roles.fallback_on_auth)
        return self._turn, changed(model.info, reason, temporary=True) if reason else None

    async def end(self) -> None:
        """The turn is over: what only it used is closed."""
        turn, self._turn = self._turn, None
        retired, self._retired = self._retired, []
        for model in (*([turn] if turn else []), *retired):
            await model.close()

    async def replace(self, model: Model, reason: str) -> ModelChanged:
        """Goes on with another model; a turn that runs ends with the old one. Returns: the event that says so."""
        self._retired.append(self.own)
        self.own = model
        self._roles.session_model = model.info.id
        if self._turn is None:
            await self.end()
        return changed(model.info, reason)

    async def pick(self, name: str) -> ModelChanged:
        """Goes on with a model that a person named; it answers everything itself. Raises: ConfigError, UsageError: there is none."""
        event = await self.replace(await self._roles.named(name), "chosen")
        self._roles.picked = True
        return event

    async def set_effort(self, effort: Effort) -> ModelChanged:
        """Lets models that reason do so as hard from now on. Raises: UsageError: the session's own does not reason."""
        self._roles.check_effort(self.own.info.id)
        self._roles.effort = effort
        if self._kept is not None:
            self._retired.append(self._kept)
            self._kept = None
        event = await self.replace(await self._roles.named(self.own.info.id), f"effort {effort}")
        return event.model_copy(update={"effort": effort})

    async def set_architect(self, on: bool) -> ModelChanged:
        """Hands every turn to the architect from now on, or none. Raises: MltuiError: there is none that may be asked."""
        self.architect = False
        if not on:
            return changed(self.own.info, "architect off")
        info = (await self._architect()).info
        self.architect = True
        return changed(info, "architect for every turn, until /architect off", temporary=True)

    def ask_architect(self, text: str) -> None:
        """The next turn with this prompt goes to the architect. Raises: MltuiError: there is none that may be asked."""
        self._roles.choose("architect")
        self._once.add(text)

    async def warm_up(self) -> None:
        """Loads what the first answer needs while the person types."""
        warm = getattr(self.own, "warm_up", None)
        if warm is not None:
            await warm()

    async def close(self) -> None:
        """Releases all models. Safe to call twice."""
        await self.end()
        kept, self._kept = self._kept, None
        for model in (self.own, kept):
            if model is not None:
                await model.close()

    async def _choose(self, mode: PermissionMode, text: str) -> tuple[Model, str]:
        """The model, and why it is another than the session's own."""
        asked = text in self._once
        self._once.discard(text)
        reason = "asked with /architect" if asked or self.architect else self._reason(mode, text)
        if not reason:
            return self.own, ""
        try:
            if self._roles.choose("architect").id == self.own.info.id:
                return self.own, ""
            return await self._architect(), reason
        except MltuiError:
            if asked or self.architect:
                raise
            return self.own, ""  # nobody asked for it, so the session's own model answers

    def _reason(self, mode: PermissionMode, text: str) -> str:
        """Why the architect should answer unasked; a model that a person picked by name answers everything itself."""
        roles = self._roles.config.model
        if self._roles.picked:
            return ""
        if mode == "plan" and roles.architect_in_plan:
            return "plan mode"
        if roles.auto_architect and (words := architecture_words(text)):
            return f"a question of architecture: “{words}”"
        return ""

    async def _architect(self) -> Model:
        choice = self._roles.choose("architect")
        if self._kept is not None and self._kept.info.id != choice.id:
            self._retired.append(self._kept)
            self._kept = None
        if self._kept is None:
            self._kept = await self._roles.make("architect")
        return self._kept


def changed(info: ModelInfo, reason: str, *, temporary: bool = False) -> ModelChanged:
    """The event that tells of another model, with what it costs."""
    listed = catalogue.limits(info.id) or catalogue.Limits()
    return ModelChanged(model=info.id, reason=reason, temporary=temporary, input_price=listed.input_price, output_price=listed.output_price)
