"""Search engines of the web, each asked in its own way and answered in one form."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from mltui.config.schema import Web as Settings
from mltui.core.errors import ToolError
from mltui.tools.base import WebHit

MOST = 10
_SECONDS = 20.0
_SNIPPET = 500
_TAG = re.compile(r"<[^>]{1,40}>")
_KEYS = {"brave": "BRAVE_API_KEY", "tavily": "TAVILY_API_KEY"}
_PLACES = {"brave": "https://api.search.brave.com/res/v1/web/search", "tavily": "https://api.tavily.com/search"}


class SearchEngine:
    """Asks the engine that the settings name."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ

    async def search(self, query: str, allowed: Sequence[str], blocked: Sequence[str]) -> tuple[WebHit, ...]:
        """The best hits, at most ten.

        Args:
            allowed, blocked: domains; their subdomains are meant, too.

        Raises: ToolError: the engine cannot be asked, or refuses.
        """
        sites = " OR ".join(f"site:{domain}" for domain in allowed[:5])
        asked = f"{query} ({sites})" if sites and self._settings.search != "tavily" else query
        ask = {"duckduckgo": self._duckduckgo, "searxng": self._searxng, "brave": self._brave, "tavily": self._tavily}
        try:
            async with asyncio.timeout(_SECONDS * 1.5):
                rows = await ask[self._settings.search](asked, allowed, blocked)
        except TimeoutError:
            raise ToolError(f"{self._settings.search} did not answer in time", hint="Try again, or search for something else") from None
        return tuple(_chosen(rows, allowed, blocked))[:MOST]

    async def _duckduckgo(self, query: str, _allowed: Sequence[str], _blocked: Sequence[str]) -> list[WebHit]:
        return await asyncio.to_thread(_ask_duckduckgo, query)

    async def _searxng(self, query: str, _allowed: Sequence[str], _blocked: Sequence[str]) -> list[WebHit]:
        url = f"{self._settings.search_url.rstrip('/').removesuffix('/search')}/search"
        content = await self._json("GET", url, params={"q": query, "format": "json"}, forbidden="its settings must allow the format json")
        return [hit(row, "title", "url", "content") for row in _rows(content, "results")]

    async def _brave(self, query: str, _allowed: Sequence[str], _blocked: Sequence[str]) -> list[WebHit]:
        url = self._settings.search_url or _PLACES["brave"]
        headers = {"X-Subscription-Token": self._key(), "Accept": "application/json"}
        content = await self._json("GET", url, params={"q": query[:400], "count": "20"}, headers=headers)
        web: Any = content.get("web")
        return [hit(row, "title", "url", "description") for row in _rows(web, "results")]

    async def _tavily(self, query: str, allowed: Sequence[str], blocked: Sequence[str]) -> list[WebHit]:
        url = self._settings.search_url or _PLACES["tavily"]
        body: dict[str, Any] = {"query": query, "max_results": MOST}
        if allowed:
            body["include_domains"] = list(allowed)
        if blocked:
            body["exclude_domains"] = list(blocked)
        content = await self._json("POST", url, json=body, headers={"Authorization": f"Bearer {self._key()}"})
        return [hit(row, "title", "url", "content") for row in _rows(content, "results")]

    def _key(self) -> str:
        name = self._settings.search_key_env or _KEYS[self._settings.search]
        key = self._environ.get(name, "")
        if not key:
            raise ToolError(f"{self._settings.search} needs a key, and {name} is not set", hint=f"The person may export {name}=…")
        return key

    async def _json(self, method: str, url: str, *, forbidden: str = "the key may be wrong", **asked: Any) -> dict[str, Any]:
        import httpx

        engine = self._settings.search
        try:
            async with httpx.AsyncClient(timeout=_SECONDS) as client:
                response = await client.request(method, url, **asked)
        except httpx.HTTPError as error:
            # Not the error's text: an address may hold a key.
            raise ToolError(f"{engine} cannot be reached: {type(error).__name__}", hint=f"Check {urlsplit(url).netloc}") from None
        if response.status_code >= 400:
            hint = {401: forbidden, 403: forbidden, 422: forbidden, 429: "too many searches; try again later"}.get(response.status_code, "")
            raise ToolError(f"{engine} answered {response.status_code}", hint=hint)
        try:
            content: Any = response.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise ToolError(f"{engine} answered with something that is no JSON object", hint=forbidden)
        return cast("dict[str, Any]", content)


def _ask_duckduckgo(query: str) -> list[WebHit]:
    from ddgs import DDGS  # pyright: ignore[reportUnknownVariableType]  (loaded late by the package itself)
    from ddgs.exceptions import DDGSException

    try:
        rows: list[dict[str, Any]] = cast("Any", DDGS)(timeout=int(_SECONDS)).text(query, backend="duckduckgo", max_results=20)
    except DDGSException as error:
        if "No results" in str(error):
            return []
        raise ToolError(f"duckduckgo cannot be asked: {str(error)[:200]}", hint="Try again later, or set `[web] search`") from None
    return [hit(row, "title", "href", "body") for row in rows]


def hit(row: Mapping[str, Any], title: str, url: str, snippet: str) -> WebHit:
    """A hit of an engine's row: plain text, on one line each, bounded."""
    return WebHit(_plain(row.get(title), 200), str(row.get(url) or "")[:2000], _plain(row.get(snippet), _SNIPPET))


def _plain(value: object, limit: int) -> str:
    text = html.unescape(_TAG.sub("", str(value or "")))
    return " ".join(text.split())[:limit]


def _rows(content: Any, key: str) -> list[Mapping[str, Any]]:
    rows: Any = cast("dict[str, Any]", content).get(key) if isinstance(content, dict) else None
    return [cast("Mapping[str, Any]", row) for row in cast("list[Any]", rows) if isinstance(row, dict)] if isinstance(rows, list) else []


def _chosen(rows: Iterable[WebHit], allowed: Sequence[str], blocked: Sequence[str]) -> Iterable[WebHit]:
    seen: set[str] = set()
    for row in rows:
        if not row.url.startswith(("http://", "https://")) or row.url in seen:
            continue
        seen.add(row.url)
        try:
            host = urlsplit(row.url).hostname or ""
        except ValueError:
            continue
        if (not allowed or _in(host, allowed)) and not _in(host, blocked):
            yield row


def _in(host: str, domains: Sequence[str]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
