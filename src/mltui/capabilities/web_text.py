"""Turns a page into text. Run as a process of its own: the libraries are heavy, and a page that hangs them is killed.

python -m mltui.capabilities.web_text html|pdf URL    the page on stdin, a JSON object with `title` and `text` on stdout
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Literal

from mltui.capabilities.parsing import confine, parsed
from mltui.core.errors import ToolError

LONGEST = 400_000
"""Characters of text that are kept of a page."""
_MOST_PAGES = 300


@dataclass(frozen=True, slots=True)
class PageText:
    title: str
    text: str


async def page_text(kind: Literal["html", "pdf"], data: bytes, url: str) -> PageText:
    """The text of a page: Markdown for HTML. Raises: ToolError: nothing can be read from it, or it takes too long."""
    content = await parsed("mltui.capabilities.web_text", (kind, url), data, url)
    if content is None:
        raise ToolError(f"{url} cannot be turned into text", hint="It may be broken, encrypted, or a program rather than a page")
    return PageText(str(content["title"]), str(content["text"]))


def _of_html(data: bytes, url: str) -> PageText:
    import trafilatura

    text = trafilatura.extract(
        data, url=url, output_format="markdown", include_links=True, include_formatting=True, include_tables=True, favor_recall=True
    )
    if not text or len(text) < 200:
        # What has no article in it, such as a list or a table of contents.
        text = max((text or "", trafilatura.html2txt(data) or ""), key=len)
    found = re.search(rb"<title[^>]*>(.*?)</title>", data[:100_000], re.IGNORECASE | re.DOTALL)
    import html

    title = html.unescape(found[1].decode("utf-8", "replace")) if found else ""
    return PageText(" ".join(title.split())[:300], text)


def _of_pdf(data: bytes) -> PageText:
    import io

    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    parts: list[str] = []
    size = 0
    for number, page in enumerate(reader.pages[:_MOST_PAGES], 1):
        text = page.extract_text().strip()
        parts.append(f"[Page {number}]\n{text}")
        size += len(text)
        if size > LONGEST:
            break
    return PageText(str((reader.metadata and reader.metadata.title) or "")[:300], "\n\n".join(parts))


def _main(kind: str, url: str) -> None:
    with confine() as out:
        data = sys.stdin.buffer.read()
        found = _of_pdf(data) if kind == "pdf" else _of_html(data, url)
        json.dump({"title": found.title, "text": found.text[: LONGEST + 1]}, out)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
