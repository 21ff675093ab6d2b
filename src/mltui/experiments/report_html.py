"""Reports as one page of HTML that needs nothing else: its style and its pictures are in it, and it has no script.

What people, models and runs wrote is text in it: markdown is rendered without HTML, without headings of its own and without images,
which would be fetched from elsewhere.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from markdown_it import MarkdownIt

from mltui.core.experiment import Experiment
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.families import Standing
from mltui.experiments.render import clean, difference_text, p_text
from mltui.experiments.report import sections, status_text

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --pale: #59636e; --line: #d1d9e0; --ground: #ffffff; --panel: #f6f8fa;
  --good: #1a7f37; --bad: #cf222e; --same: #0969da; --unsure: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --pale: #9198a1; --line: #3d444d; --ground: #0d1117; --panel: #151b23;
  --good: #3fb950; --bad: #f85149; --same: #4493f8; --unsure: #d29922; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem; color: var(--ink); background: var(--ground);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.35rem; line-height: 1.3; margin-top: 2.5rem; }
h3 { font-size: 1.05rem; margin-top: 1.75rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
a { color: var(--same); } .pale { color: var(--pale); }
article { border-top: 2px solid var(--line); margin-top: 2.5rem; }
.better { color: var(--good); } .worse { color: var(--bad); } .equivalent { color: var(--same); } .inconclusive { color: var(--unsure); }
blockquote { margin: .5rem 0; padding: .1rem 1rem; border-left: 3px solid var(--line); }
code, pre { font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; background: var(--panel); }
code { padding: .1em .3em; border-radius: 4px; } pre code { padding: 0; background: none; }
pre { padding: .75rem; border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; white-space: pre; }
.added { color: var(--good); } .removed { color: var(--bad); } .hunk { color: var(--same); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top; overflow-wrap: normal; }
th { background: var(--panel); }
figure { margin: 1rem 0; overflow-x: auto; } svg { max-width: 100%; height: auto; display: block; }
@media print {
  :root { --ink: #000; --pale: #444; --line: #bbb; --ground: #fff; --panel: #f6f6f6;
    --good: #1a7f37; --bad: #cf222e; --same: #0969da; --unsure: #9a6700; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  pre { white-space: pre-wrap; } h2, h3 { break-after: avoid; } figure, tr { break-inside: avoid; }
  article + article { break-before: page; }
}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, slots=True)
class Reported:
    """One experiment with what is told of it.

    Attributes:
        pictures: SVG elements by name, made by `figures.inline_svg`.
    """

    experiment: Experiment
    standing: Standing | None = None
    errors: ErrorAnalysis | None = None
    pictures: Mapping[str, str] = field(default_factory=dict[str, str])


def page(title: str, reported: Sequence[Reported], at: float) -> str:
    """Returns: an HTML document; of several experiments with a table of contents.

    Args:
        title: of a page of several, such as the project's name.
        at: when it was made, in seconds since the epoch.
    """
    one = reported[0].experiment.proposal if len(reported) == 1 else None
    name = html.escape(clean(f"{one.id} {one.title}" if one else title))
    made = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    head = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{name}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{name}</h1>",
        f'<p class="pale">Written by mltui, {made}.</p>',
    ]
    contents = [] if one else [_contents(reported)]
    return "\n".join([*head, *contents, *(_article(each, alone=one is not None) for each in reported), "</body></html>"]) + "\n"


def _contents(reported: Sequence[Reported]) -> str:
    rows: list[str] = []
    for each in reported:
        proposal, comparison = each.experiment.proposal, each.experiment.comparison
        verdict = difference = p = "–"
        if comparison is not None:
            verdict = f'<span class="{comparison.verdict}">{comparison.verdict}</span>'
            difference = html.escape(f"{clean(comparison.metric.name)} {difference_text(comparison)}")
            p = p_text(each.standing.p_adjusted).removeprefix("p = ") if each.standing else "–"
        link = f'<a href="#{html.escape(proposal.id)}">{html.escape(proposal.id)}</a>'
        cells = (link, html.escape(clean(proposal.title)), each.experiment.state, verdict, difference, p)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    names = ("", "experiment", "state", "verdict", "difference", "p, corrected")
    header = "".join(f"<th>{name}</th>" for name in names)
    return f'<nav class="wide"><table><thead><tr>{header}</tr></thead><tbody>{"".join(rows)}</tbody></table></nav>'


def _article(each: Reported, *, alone: bool) -> str:
    experiment = each.experiment
    render = _markdown()
    id_ = html.escape(experiment.id)
    title = "" if alone else f"<h2>{id_} {html.escape(clean(experiment.proposal.title))}</h2>"
    verdict = experiment.comparison.verdict if experiment.comparison else ""
    parts = [f'<article id="{id_}">', title, f'<div class="{verdict}">{render.render(status_text(experiment))}</div>']
    for section in sections(experiment, each.standing, each.errors):
        parts += [f"<section><h3>{section.title}</h3>", render.render(section.text)]
        parts += [f"<figure>{each.pictures[name]}</figure>" for name in section.pictures if name in each.pictures]
        parts.append("</section>")
    return "\n".join([*parts, "</article>"])


def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "highlight": _highlighted}).enable("table")
    made.disable(["heading", "lheading", "image", "html_block", "html_inline"])
    made.add_render_rule("table_open", lambda *_: '<div class="wide"><table>')
    made.add_render_rule("table_close", lambda *_: "</table></div>")
    return made


def _highlighted(text: str, language: str, _: str) -> str:
    """A diff in colours; anything else is escaped by whoever asks."""
    if language != "diff":
        return ""
    kinds = {"+": "added", "-": "removed", "@": "hunk"}
    lines = text.rstrip("\n").split("\n")
    return "\n".join(
        f'<span class="{kinds[line[0]]}">{html.escape(line)}</span>' if line[:1] in kinds else html.escape(line) for line in lines
    )
