"""A model for one turn, with others that take over when it stays unavailable."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import cast

from mltui.core.errors import AuthError, MltuiError, ModelUnavailableError
from mltui.models.base import Model, ModelInfo, ModelRequest, StreamPart, Switch


class FallbackModel:
    """Implements `Model`: `first` until it gives up after its own retries, then the models of `names` in their order.

    Whoever took over answers until this object is thrown away, which is the end of the turn.

    Args:
        first: not closed here.
        make: the model of a name.
        on_auth: refused credentials count as unavailable, too.
    """

    def __init__(self, first: Model, names: Sequence[str], make: Callable[[str], Awaitable[Model]], *, on_auth: bool = False) -> None:
        self._first = self._now = first
        self._names = list(names)
        self._make = make
        self._on_auth = on_auth
        self._tried = {first.info.id}
        self._made: list[Model] = []

    @property
    def info(self) -> ModelInfo:
        """Of the model that answers now."""
        return self._now.info

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamPart]:
        failed: MltuiError | None = None
        while True:
            try:
                async with aclosing(cast("AsyncGenerator[StreamPart]", self._now.stream(request))) as parts:
                    async for part in parts:
                        yield part
            except (ModelUnavailableError, AuthError) as error:
                # One that took over and has no credentials is passed over; the first one's fault is the person's to mend.
                if isinstance(error, AuthError) and self._now is self._first and not self._on_auth:
                    raise
                failed = failed or error
                if not await self._next():
                    raise failed from error
                yield Switch(self._now.info, str(error.args[0]))
            else:
                return

    async def _next(self) -> bool:
        while self._names:
            try:
                model = await self._make(self._names.pop(0))
            except MltuiError:
                continue  # said at the start already: a name in the configuration that leads nowhere
            if model.info.id in self._tried:
                await model.close()
                continue
            self._tried.add(model.info.id)
            self._made.append(model)
            self._now = model
            return True
        return False

    async def close(self) -> None:
        """Closes what took over."""
        made, self._made = self._made, []
        for model in made:
            await model.close()
