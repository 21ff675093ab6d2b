"""A model whose library takes seconds to load: known at once, loaded in a thread when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from mltui.models.base import Model, ModelInfo, ModelRequest, StreamPart


class DeferredModel:
    """Implements `Model` for one that `load` makes. `warm_up` loads it while the person types."""

    def __init__(self, info: ModelInfo, load: Callable[[], Model]) -> None:
        self._info = info
        self._load = load
        self._loading: asyncio.Task[Model] | None = None

    @property
    def info(self) -> ModelInfo:
        return self._info

    async def warm_up(self) -> None:
        """Raises what loading raises."""
        await self._loaded()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamPart]:
        model = await self._loaded()
        async with aclosing(cast("AsyncGenerator[StreamPart]", model.stream(request))) as parts:
            async for part in parts:
                yield part

    async def close(self) -> None:
        task, self._loading = self._loading, None
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            await task.result().close()

    async def _loaded(self) -> Model:
        # A failed load is tried again: the person may have mended what was wrong.
        if self._loading is None or (self._loading.done() and (self._loading.cancelled() or self._loading.exception())):
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
        return await asyncio.shield(self._loading)
