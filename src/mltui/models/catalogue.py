"""What the installed LiteLLM knows of models, read from its bundled table without importing it (which takes seconds)."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from mltui.config.schema import ModelSettings
from mltui.models.base import ModelInfo

FAMILIES = ("sonnet", "opus", "haiku")

_CLAUDE = re.compile(r'"(claude-(sonnet|opus|haiku)-(\d+)(?:-(\d{1,2}))?(?:-(\d{8}))?)"\s*:\s*(?=\{)')
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Limits:
    """What the table says of a model.

    Attributes:
        provider: LiteLLM's name of it.
        context_window, max_output_tokens: in tokens, None when not listed.
        input_price, output_price: dollars for a million tokens, None when not listed.
        responses: whether it is asked by OpenAI's Responses protocol.
        sees, thinks: whether it takes images, and an effort of reasoning.
    """

    provider: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    sees: bool = False
    thinks: bool = False
    responses: bool = False


@functools.cache
def newest(family: str) -> str | None:
    """The id of the newest Anthropic model of a family (`sonnet`, `opus`, `haiku`) in the installed table."""
    return newest_in(_table(), family)


def newest_in(table: str, family: str) -> str | None:
    """The newest `claude-FAMILY-*` of Anthropic: highest version, the undated name first, then the latest date.

    Returns:
        `anthropic/ID`, or None when the table lists no such model.
    """
    best: tuple[tuple[int, int, int], str] | None = None
    for match in _CLAUDE.finditer(table):
        id, of_family, major, minor, date = match.groups()
        if of_family != family or _entry_at(table, match.end()).get("litellm_provider") != "anthropic":
            continue
        rank = (int(major), int(minor or 0), int(date or 99999999))
        if best is None or rank > best[0]:
            best = (rank, id)
    return f"anthropic/{best[1]}" if best else None


def limits(id: str) -> Limits | None:
    """What is listed of a model, by its id as it is or without the provider before the slash; None when it is not listed."""
    id = id.replace("/responses/", "/", 1)
    return listed(id) or listed(id.partition("/")[2])


@functools.cache
def listed(id: str) -> Limits | None:
    """What is listed under exactly this id, or None."""
    match = re.search(rf'"{re.escape(id)}"\s*:\s*(?=\{{)', _table())
    entry = _entry_at(_table(), match.end()) if match else {}
    if not (provider := entry.get("litellm_provider")):
        return None
    return Limits(
        provider=str(provider),
        context_window=_tokens(entry.get("max_input_tokens") or entry.get("max_tokens")),
        max_output_tokens=_tokens(entry.get("max_output_tokens")),
        input_price=_per_million(entry.get("input_cost_per_token")),
        output_price=_per_million(entry.get("output_cost_per_token")),
        sees=entry.get("supports_vision") is True,
        thinks=entry.get("supports_reasoning") is True,
        responses=entry.get("mode") == "responses",
    )


def info_of(settings: ModelSettings) -> ModelInfo:
    """What is known of the model: the configuration first, then LiteLLM's table."""
    listed = limits(settings.id) or Limits()
    return ModelInfo(
        id=settings.id,
        context_window=settings.max_input_tokens or listed.context_window,
        max_output_tokens=settings.max_output_tokens or listed.max_output_tokens,
        sees=listed.sees if settings.sees is None else settings.sees,
        effort=settings.reasoning_effort or "",
    )


@functools.cache
def chat_models() -> tuple[str, ...]:
    """Ids of all chat models, for suggestions. Parses the whole table: only for errors and lists."""
    table = cast("dict[str, dict[str, Any]]", json.loads(_table() or "{}"))
    return tuple(sorted(id for id, entry in table.items() if entry.get("mode") in ("chat", "responses")))


@functools.cache
def providers() -> frozenset[str]:
    """Names that may stand before the slash of an id."""
    path = _folder() / "provider_endpoints_support_backup.json"
    listed = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    return frozenset(cast("dict[str, Any]", listed.get("providers", {}))) | frozenset(_folders())


def _folders() -> Iterator[str]:
    folder = _folder() / "llms"
    if folder.is_dir():
        yield from (entry.name for entry in folder.iterdir() if entry.is_dir())


@functools.cache
def _folder() -> Path:
    spec = find_spec("litellm")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else Path("/nonexistent")


@functools.cache
def _table() -> str:
    """The table as text: finding one entry in it costs a tenth of parsing all three megabytes."""
    found = sorted(_folder().glob("model_prices*.json"))
    return found[0].read_text(encoding="utf-8") if found else ""


def _entry_at(table: str, start: int) -> dict[str, Any]:
    value, _ = _DECODER.raw_decode(table, start)
    return cast("dict[str, Any]", value)


def _tokens(value: object) -> int | None:
    """The table has a few numbers written as text or as floats."""
    try:
        return int(float(value)) if isinstance(value, (int, float, str)) else None
    except ValueError:
        return None


def _per_million(price: object) -> float | None:
    try:
        return round(float(price) * 1e6, 6) if isinstance(price, (int, float, str)) else None
    except ValueError:
        return None
