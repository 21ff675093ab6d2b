"""The colours of the app, and the rich styles made of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from rich.console import Console
from rich.style import Style
from rich.theme import Theme as RichTheme
from textual.color import Color
from textual.strip import Strip

from mltui.ui.terminal.colors import contrast
from mltui.ui.tui.themes import DARK, HIGH_CONTRAST, HIGH_CONTRAST_LIGHT, LIGHT

__all__ = ["DARK", "LIGHT", "Paint", "paint_of"]

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.app import App


def _mix(color: Color, into: Color, share: float) -> str | None:
    """Returns: the colour faded by `share`, or None where the terminal's own colours are used and cannot be mixed."""
    if color.ansi is not None or into.ansi is not None:
        return None
    return color.blend(into, share).hex6


def _parts(color: Color) -> tuple[float, float, float]:
    return color.r / 255, color.g / 255, color.b / 255


@dataclass(frozen=True)
class Paint:
    """Rich's console with this theme's named styles: turns renderables into strips of a width."""

    colors: tuple[tuple[str, str], ...]
    dark: bool
    least: float = 4.5
    """The contrast that text has at least, also where it is meant to be faint (WCAG 2.2: 4.5 is level AA, 7 is AAA)."""

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
        if self.least > 4.5:
            return "bw"  # weights instead of colours
        return "one-dark" if self.dark else "xcode"

    def _legible(self, color: Color, share: float) -> float:
        """Returns: how much of the colour may be the background, at most `share`, so that it is read on every background."""
        grounds = [self.color(name) for name in ("background", "surface", "panel")]
        if color.ansi is not None or any(ground.ansi is not None for ground in grounds):
            return share
        while share > 0 and any(contrast(_parts(color.blend(grounds[0], share)), _parts(ground)) < self.least for ground in grounds):
            share -= 0.02
        return max(0.0, share)

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

        def under(name: str) -> Style:
            tint = _mix(self.color(name), background, 0.86)
            return Style(bgcolor=tint) if tint else Style()

        def word(name: str) -> Style:
            tint = _mix(self.color(name), background, 0.6)
            return Style(color=foreground.rich_color, bgcolor=tint, bold=True) if tint else plain[name] + Style(bold=True, underline=True)

        styles = {
            **plain,
            **{f"{name}.bold": style + Style(bold=True) for name, style in plain.items()},
            "muted": faded(0.8 * self._legible(foreground, 0.48)),
            "faint": faded(self._legible(foreground, 0.62)),
            "strong": Style(bold=True),
            "chosen": plain["primary"] + Style(bold=True, reverse=True),
            "band.baseline": under("secondary"),
            "band.candidate": under("primary"),
            "diff.add": tinted("success", 0.35),
            "diff.del": tinted("error", 0.35),
            "diff.add.word": word("success"),
            "diff.del.word": word("error"),
            "diff.rule": faded(0.8),
            "diff.nothing": Style() if background.ansi is not None else Style(bgcolor=self.color("surface").rich_color),
            "diff.file": plain["primary"] + Style(bold=True),
            "diff.hunk": faded(self._legible(foreground, 0.55)),
        }
        return styles | _markdown(styles)

    @cached_property
    def console(self) -> Console:
        console = Console(
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
        _behind[console] = self
        return console

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
_behind: WeakKeyDictionary[Console, Paint] = WeakKeyDictionary()
_NAMES = ("primary", "secondary", "accent", "success", "warning", "error", "foreground", "background", "surface", "panel")


def paint_of(app: App[object]) -> Paint:
    """Returns: the paint of the app's theme, made once per theme."""
    name = app.theme
    if name not in _paints:
        variables = app.theme_variables
        least = 7.0 if name in (HIGH_CONTRAST.name, HIGH_CONTRAST_LIGHT.name) else 4.5
        _paints[name] = Paint(tuple((key, variables[key]) for key in _NAMES), app.current_theme.dark, least)
    return _paints[name]


def paint_behind(console: Console) -> Paint:
    """Returns: the paint whose console this is."""
    return _behind[console]
