"""Fetches pages: public addresses only, bounded in size, type, time and redirects."""

from __future__ import annotations

import asyncio
import codecs
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from mltui import __version__
from mltui.capabilities.web_addresses import resolve
from mltui.capabilities.web_text import LONGEST, page_text
from mltui.core.errors import ToolError
from mltui.tools.base import WebPage
from mltui.tools.web_fetch import LONGEST_URL

if TYPE_CHECKING:
    import httpx

LARGEST = 10 << 20
"""Bytes of a page, unpacked."""
_SECONDS = 60.0
_HOPS = 5
_CACHED_SECONDS = 15 * 60.0
_CACHED_PAGES = 40
_TEXT = (
    "text/",
    "application/json",
    "application/xml",
    "application/xhtml",
    "application/javascript",
    "application/yaml",
    "application/toml",
)
_TEXT_ENDS = ("+json", "+xml", "+yaml", "/x-ndjson", "/jsonl", "/x-yaml", "/x-sh", "/x-tex", "/sql")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([\w-]{1,40})""", re.IGNORECASE)
_HEADERS = {
    "User-Agent": f"mltui/{__version__}",
    "Accept": "text/markdown, text/html;q=0.9, text/plain;q=0.9, application/json;q=0.8, application/pdf;q=0.7, */*;q=0.5",
}


@dataclass(frozen=True, slots=True)
class _Got:
    status: int
    data: bytes
    type: str
    charset: str
    location: str


class WebPages:
    """Fetches pages and keeps them for a quarter of an hour.

    Args:
        allow_private: this machine and private networks may be asked.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._client: httpx.AsyncClient | None = None
        self._cache: dict[str, tuple[float, WebPage]] = {}

    async def fetch(self, url: str) -> WebPage:
        """The page behind a URL. A redirect to another host is not followed but returned in `moved`.

        Raises: ToolError: it cannot be had, with what to do.
        """
        until, known = self._cache.get(url, (0.0, None))
        if known is not None and time.monotonic() < until:
            return replace(known, cached=True)
        try:
            async with asyncio.timeout(_SECONDS):
                page = await self._follow(url)
        except TimeoutError:
            raise ToolError(f"{url} did not answer within {_SECONDS:g} s") from None
        while len(self._cache) >= _CACHED_PAGES:
            del self._cache[next(iter(self._cache))]
        self._cache[url] = (time.monotonic() + _CACHED_SECONDS, page)
        return page

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _follow(self, url: str) -> WebPage:
        at = url
        for _ in range(_HOPS + 1):
            got = await self._get(at)
            if not got.location:
                return await self._page(at, got)
            there = urljoin(at, got.location)
            if len(there) > LONGEST_URL:
                raise ToolError(f"{url} redirects to an address of {len(there):,} characters, which was not followed")
            if not same_place(at, there):
                return WebPage(url=at, title="", text="", type=got.type, moved=there)
            at = there
        raise ToolError(f"{url} redirects more than {_HOPS} times")

    async def _get(self, url: str) -> _Got:
        import httpx

        place = await resolve(url, self._allow_private)
        asked = httpx.URL(url)
        extensions: dict[str, Any] = {}
        headers = dict(_HEADERS)
        if place.address:
            # The address that was looked at is the one that is asked; the certificate is still the name's.
            headers["Host"] = asked.netloc.decode("ascii")
            extensions["sni_hostname"] = asked.raw_host.decode("ascii")
            asked = asked.copy_with(host=place.address)
        if self._client is None:
            self._client = httpx.AsyncClient(follow_redirects=False, timeout=httpx.Timeout(30.0, connect=10.0))
            self._client.cookies.jar.set_policy(_no_cookies())
        try:
            async with self._client.stream("GET", asked, headers=headers, extensions=extensions) as response:
                location = response.headers.get("location", "") if response.is_redirect else ""
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                if not location:
                    _check(url, response.status_code, kind)
                data = b"" if location else await _bounded(response, url)
                return _Got(response.status_code, data, kind, response.charset_encoding or "", location)
        except httpx.HTTPError as error:
            raise ToolError(f"{url} cannot be fetched: {str(error) or type(error).__name__}") from None

    async def _page(self, url: str, got: _Got) -> WebPage:
        title = ""
        if got.type == "application/pdf" or got.data.startswith(b"%PDF-"):
            title, text = _parts(await page_text("pdf", got.data, url))
        elif "html" in got.type or (not got.type and got.data.lstrip()[:100].lower().startswith((b"<!doctype html", b"<html"))):
            title, text = _parts(await page_text("html", _in_utf8(got), url))
        else:
            text = _decoded(got.data, got.charset or "utf-8")
            if "\0" in text[:4096]:
                raise ToolError(f"{url} is not text ({got.type or 'no type is given'})")
        return WebPage(url=url, title=title, text=text[:LONGEST], type=got.type, cut=len(text) > LONGEST)


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except (LookupError, UnicodeError):  # no such charset, or one that is no encoding of texts, such as idna
        return data.decode("utf-8", "replace")


def _in_utf8(got: _Got) -> bytes:
    """HTML in the encoding that it is looked for first; which one a page has is said by its header, else in its head."""
    if got.data.startswith(codecs.BOM_UTF8):
        return got.data
    said = _CHARSET.search(got.data[:2048])
    charset = got.charset or (said[1].decode("ascii") if said else "")
    return _decoded(got.data, charset).encode("utf-8", "replace") if charset else got.data


def same_place(one: str, other: str) -> bool:
    """Whether a redirect stays where it was permitted: the same host and port, or from http to https there."""
    a, b = urlsplit(one), urlsplit(other)
    try:
        ports = (a.port, b.port)
    except ValueError:
        return False
    return a.hostname == b.hostname and b.scheme in ("http", "https") and ports[0] == ports[1] and not (a.scheme == "https" != b.scheme)


def _check(url: str, status: int, kind: str) -> None:
    if status >= 400:
        hint = {401: "It needs a login", 403: "It may refuse programs", 404: "Check the address", 429: "Try again later"}.get(status, "")
        raise ToolError(f"{url} answered {status}", hint=hint)
    if (
        kind
        and kind != "application/pdf"
        and kind != "application/octet-stream"
        and not kind.startswith(_TEXT)
        and not kind.endswith(_TEXT_ENDS)
    ):
        raise ToolError(
            f"{url} is {kind[:80]}, which is no text", hint="WebFetch reads text, HTML, JSON and PDF; download other files with Bash"
        )


async def _bounded(response: httpx.Response, url: str) -> bytes:
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > LARGEST:
            raise ToolError(f"{url} is larger than {LARGEST >> 20} MB", hint="Download it with Bash and look at a part of it")
    return bytes(data)


def _parts(found: Any) -> tuple[str, str]:
    return found.title, found.text


def _no_cookies() -> Any:
    from http.cookiejar import DefaultCookiePolicy

    return DefaultCookiePolicy(allowed_domains=[])
