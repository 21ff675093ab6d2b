"""Search engines, as servers of their own form on loopback; DuckDuckGo by the form of its library's rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mltui.capabilities.web_search import SearchEngine, hit
from mltui.config.schema import Web
from mltui.core.errors import ToolError
from mltui.tools.web_search import search_host
from tests.servers.pages import Page, Site

ROWS = [
    {"title": "<b>Warm</b>-up &amp; decay", "url": "https://docs.example.org/a", "content": "a\n b", "description": "a\n b"},
    {"title": "Other", "url": "https://other.org/b", "content": "c", "description": "c"},
    {"title": "Again", "url": "https://other.org/b", "content": "c", "description": "c"},
    {"title": "No page", "url": "javascript:alert(1)", "content": "", "description": ""},
    {"title": "No host", "url": "https://[docs.example.org/", "content": "", "description": ""},
    {"title": "Fake", "url": "https://notexample.org/", "content": "", "description": ""},
]


def serve(content: Any, status: int = 200) -> Site:
    page = Page(json.dumps(content).encode(), "application/json", status)
    return Site({"/search": page, "/": page})


async def ask(settings: dict[str, Any], *, allowed: tuple[str, ...] = (), blocked: tuple[str, ...] = (), **environ: str) -> list[str]:
    engine = SearchEngine(Web.model_validate(settings), environ)
    return [found.url for found in await engine.search("warm up", allowed, blocked)]


async def test_searxng() -> None:
    with serve({"results": ROWS}) as site:
        settings = {"search": "searxng", "search_url": site.url}
        assert await ask(settings) == ["https://docs.example.org/a", "https://other.org/b", "https://notexample.org/"]
        assert await ask(settings, allowed=("example.org",)) == ["https://docs.example.org/a"]
        assert await ask(settings, blocked=("other.org",)) == ["https://docs.example.org/a", "https://notexample.org/"]
        assert "format=json" in site.asked[0][1]
        assert "site%3Aexample.org" in site.asked[1][1]


async def test_brave_is_given_its_key() -> None:
    with serve({"web": {"results": ROWS}}) as site:
        found = await ask({"search": "brave", "search_url": f"{site.url}/search"}, BRAVE_API_KEY="k")
        assert found[0] == "https://docs.example.org/a"
        assert site.asked[0][2]["x-subscription-token"] == "k"


async def test_tavily_is_told_the_domains() -> None:
    with serve({"results": ROWS}) as site:
        await ask({"search": "tavily", "search_url": f"{site.url}/search", "search_key_env": "MINE"}, blocked=("x.org",), MINE="k")
        _, _, headers, body = site.asked[0]
        assert headers["authorization"] == "Bearer k"
        assert json.loads(body) == {"query": "warm up", "max_results": 10, "exclude_domains": ["x.org"]}


async def test_a_missing_key_names_its_variable() -> None:
    with pytest.raises(ToolError, match="TAVILY_API_KEY"):
        await ask({"search": "tavily"})


@pytest.mark.parametrize(("content", "status"), [({"error": 1}, 429), ({"error": 1}, 403), ([1], 200), ("x", 200)])
async def test_an_engine_that_refuses_is_an_error_of_one_line(content: Any, status: int) -> None:
    with serve(content, status) as site:
        with pytest.raises(ToolError) as raised:
            await ask({"search": "searxng", "search_url": site.url})
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [{}, {"results": None}, {"results": [1, None]}, {"results": [{"title": None}]}])
async def test_odd_answers_are_no_hits(content: Any) -> None:
    with serve(content) as site:
        assert await ask({"search": "searxng", "search_url": site.url}) == []


async def test_an_engine_that_is_not_there_shows_no_address_with_a_key() -> None:
    with pytest.raises(ToolError) as raised:
        await ask({"search": "searxng", "search_url": "http://127.0.0.1:9/?key=secret"})
    assert "secret" not in str(raised.value)


def test_a_row_of_duckduckgo() -> None:
    found = hit({"title": "A <b>b</b>", "href": "https://a.org", "body": "x &lt; y"}, "title", "href", "body")
    assert (found.title, found.url, found.snippet) == ("A b", "https://a.org", "x < y")


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "duckduckgo.com"),
        ({"search": "searxng", "search_url": "http://search.lan:8080"}, "search.lan"),
        ({"search": "brave"}, "api.search.brave.com"),
    ],
)
def test_the_host_that_is_permitted_is_the_one_that_is_asked(settings: dict[str, str], host: str) -> None:
    assert search_host(Web.model_validate(settings)) == host


def test_searxng_needs_an_address() -> None:
    with pytest.raises(ValueError, match="search_url"):
        Web(search="searxng")
