"""The colours of the app, and the rich styles made of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rich.console import Console
from rich.style import Style
from rich.theme import Theme as RichTheme
from textual.color import Color
from textual.strip import Strip
from textual.theme import Theme

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.app import App


def _scrollbar(thumb: str, track: str, active: str) -> dict[str, str]:
    return {
        "scrollbar": thumb,
        "scrollbar-hover": active,
        "scrollbar-active": active,
        "scrollbar-background": track,
        "scrollbar-background-hover": track,
        "scrollbar-background-active": track,
        "scrollbar-corner-color": track,
    }


DARK = Theme(
    name="mltui-dark",
    primary="#7cb7ff",
    secondary="#8bd5ca",
    accent="#f2c17d",
    success="#8fd694",
    warning="#f2c17d",
    error="#f47f85",
    foreground="#d8dee6",
    background="#0f1318",
    surface="#151a21",
    panel="#1c232c",
    dark=True,
    variables=_scrollbar("#2a333f", "#0f1318", "#43505f"),
)
LIGHT = Theme(
    name="mltui-light",
    primary="#1f66b8",
    secondary="#1b7f79",
    accent="#9a5b00",
    success="#227a34",
    warning="#9a5b00",
    error="#b3263a",
    foreground="#22272e",
    background="#fbfbf9",
    surface="#f2f2ee",
    panel="#e8e8e2",
    dark=False,
    variables=_scrollbar("#d3d3cb", "#fbfbf9", "#b5b5ab"),
)


def _mix(color: Color, into: Color, share: float) -> str | None:
    """Returns: the colour faded by `share`, or None where the terminal's own colours are used and cannot be mixed."""
    if color.ansi is not None or into.ansi is not None:
        return None
    return color.blend(into, share).hex6


@dataclass(frozen=True)
class Paint:
    """Rich's console with this theme's named styles: turns renderables into strips of a width."""

    colors: tuple[tuple[str, str], ...]
    dark: bool

    def color(self, name: str) -> Color:
        return Color.parse(dict(self.colors)[name])

    @cached_property
    def code_background(self) -> str:
        background = self.color("surface")
        return "default" if background.ansi is not None else background.hex6

    @cached_property
    def code_theme(self) -> str:
        if self.color("surface").ansi is not None:
            return "ansi_dark" if self.dark else "ansi_light"
        return "one-dark" if self.dark else "xcode"

    @cached_property
    def styles(self) -> dict[str, Style]:
        foreground, background = self.color("foreground"), self.color("background")
        plain = {name: Style(color=self.color(name).rich_color) for name in _NAMES[:6]}

        def faded(share: float) -> Style:
            mixed = _mix(foreground, background, share)
            return Style(color=mixed) if mixed else Style(dim=True)

        def tinted(name: str, text: float) -> Style:
            tint = _mix(self.color(name), background, 0.84)
            return Style(color=_mix(self.color(name), foreground, text), bgcolor=tint) if tint else plain[name]

        def word(name: str) -> Style:
            tint = _mix(self.color(name), background, 0.6)
            return Style(color=foreground.rich_color, bgcolor=tint, bold=True) if tint else plain[name] + Style(bold=True, underline=True)

        styles = {
            **plain,
            **{f"{name}.bold": style + Style(bold=True) for name, style in plain.items()},
            "muted": faded(0.38),
            "faint": faded(0.62),
            "strong": Style(bold=True),
            "diff.add": tinted("success", 0.35),
            "diff.del": tinted("error", 0.35),
            "diff.add.word": word("success"),
            "diff.del.word": word("error"),
            "diff.rule": faded(0.8),
            "diff.nothing": Style() if background.ansi is not None else Style(bgcolor=self.color("surface").rich_color),
            "diff.file": plain["primary"] + Style(bold=True),
            "diff.hunk": faded(0.55),
        }
        return styles | _markdown(styles)

    @cached_property
    def console(self) -> Console:
        return Console(
            file=io.StringIO(),
            color_system="truecolor",
            force_terminal=True,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
            theme=RichTheme(self.styles),
            _environ={},
        )

    def strips(self, renderable: RenderableType, width: int) -> list[Strip]:
        """Returns: the lines of the renderable, wrapped to `width` columns."""
        options = self.console.options.update(width=max(1, width), height=None, highlight=False)
        return [Strip(line) for line in self.console.render_lines(renderable, options, pad=False)]


def _markdown(styles: dict[str, Style]) -> dict[str, Style]:
    return {
        "markdown.paragraph": Style(),
        "markdown.text": Style(),
        "markdown.h1": styles["primary.bold"] + Style(underline=True),
        "markdown.h2": styles["primary.bold"],
        "markdown.h3": styles["secondary.bold"],
        **{f"markdown.h{level}": Style(bold=True) for level in (4, 5, 6, 7)},
        "markdown.code": styles["accent"],
        "markdown.item.bullet": styles["primary"],
        "markdown.item.number": styles["primary"],
        "markdown.list": Style(),
        "markdown.block_quote": styles["muted"],
        "markdown.hr": styles["faint"],
        "markdown.link": styles["primary"],
        "markdown.link_url": styles["muted"] + Style(underline=True),
        "markdown.table.border": styles["faint"],
        "markdown.table.header": Style(bold=True),
    }


_paints: dict[str, Paint] = {}
_NAMES = ("primary", "secondary", "accent", "success", "warning", "error", "foreground", "background", "surface", "panel")


def paint_of(app: App[object]) -> Paint:
    """Returns: the paint of the app's theme, made once per theme."""
    name = app.theme
    if name not in _paints:
        variables = app.theme_variables
        _paints[name] = Paint(tuple((key, variables[key]) for key in _NAMES), app.current_theme.dark)
    return _paints[name]
