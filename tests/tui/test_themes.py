"""Every theme can be read, with as many colours as the terminal has."""

from __future__ import annotations

import pytest
from rich._palettes import EIGHT_BIT_PALETTE, STANDARD_PALETTE
from rich.color import Color, ColorSystem
from textual.theme import Theme

from mltui.ui.commands.theme import THEMES
from mltui.ui.terminal.colors import Depth, contrast, depth_of, erases_in_color, is_dark, said_dark
from mltui.ui.tui import themes
from mltui.ui.tui.theme import Paint

from .driving import app_with, running, screen_text

GROUNDS = ("background", "surface", "panel")
NAMES = ("primary", "secondary", "accent", "success", "warning", "error", "foreground", *GROUNDS)
LINES = {"diff.rule"}
"""Styles of what is no text."""
FULL = [themes.DARK, themes.LIGHT, themes.HIGH_CONTRAST, themes.HIGH_CONTRAST_LIGHT]
HIGH = {themes.HIGH_CONTRAST.name, themes.HIGH_CONTRAST_LIGHT.name}


def paint(theme: Theme) -> Paint:
    colors = theme.to_color_system().generate()
    return Paint(tuple((name, colors[name]) for name in NAMES), theme.dark, 7.0 if theme.name in HIGH else 4.5)


def parts(color: Color, system: ColorSystem) -> tuple[float, float, float]:
    shown = color.downgrade(system)
    if shown.number is not None:
        palette = EIGHT_BIT_PALETTE if system is ColorSystem.EIGHT_BIT else STANDARD_PALETTE
        red, green, blue = palette[shown.number]
    else:
        red, green, blue = shown.get_truecolor()
    return red / 255, green / 255, blue / 255


def contrasts(theme: Theme, system: ColorSystem) -> dict[str, float]:
    """The contrast of each style on the worst background that it may stand on."""
    made = paint(theme)
    grounds = [made.color(name).rich_color for name in GROUNDS]
    styles = {name: style for name, style in made.styles.items() if name not in LINES and style.color is not None}
    found = {
        name: min(contrast(parts(style.color, system), parts(style.bgcolor or ground, system)) for ground in grounds)
        for name, style in styles.items()
        if style.color is not None
    }
    body = made.color("foreground").rich_color
    return found | {"body": min(contrast(parts(body, system), parts(ground, system)) for ground in grounds)}


@pytest.mark.parametrize("theme", FULL, ids=lambda theme: theme.name)
def test_all_text_can_be_read_on_every_background(theme: Theme) -> None:
    least = 7.0 if theme.name in HIGH else 4.5
    assert {name: value for name, value in contrasts(theme, ColorSystem.TRUECOLOR).items() if value < least} == {}


@pytest.mark.parametrize("theme", FULL, ids=lambda theme: theme.name)
def test_rounded_to_256_colours_it_still_can(theme: Theme) -> None:
    found = contrasts(theme, ColorSystem.EIGHT_BIT)
    assert {name: value for name, value in found.items() if value < (4.5 if theme.name in HIGH else 4.0)} == {}
    assert found["body"] >= 7.0


@pytest.mark.parametrize("theme", [themes.SIXTEEN_DARK, themes.SIXTEEN_LIGHT], ids=lambda theme: theme.name)
def test_of_sixteen_colours_those_are_used_that_are_read_on_black_or_white(theme: Theme) -> None:
    made = paint(theme)
    ground = (0.0, 0.0, 0.0) if theme.dark else (1.0, 1.0, 1.0)
    for name in NAMES[:6]:
        number = made.color(name).rich_color.number
        assert number is not None
        red, green, blue = STANDARD_PALETTE[number]
        assert contrast((red / 255, green / 255, blue / 255), ground) >= 4.5, name
    assert all(made.color(name).rich_color.is_default for name in ("foreground", "background"))


@pytest.mark.parametrize("depth", ["none", "16", "256", "true"])
def test_each_choice_is_a_theme_at_each_depth(depth: Depth) -> None:
    app = app_with()
    for choice in THEMES:
        for dark in (True, False):
            name = themes.theme_for(choice, depth, dark=dark)
            assert name in app.available_themes
            if choice == "auto":
                assert app.available_themes[name].dark is dark
            else:
                assert app.available_themes[name].dark is not choice.endswith("light")
    assert themes.theme_for("nord", depth, dark=True) == "nord"


async def test_every_theme_draws_the_app() -> None:
    app = app_with()
    async with running(app) as pilot:
        for name in [theme for theme in app.available_themes if theme.startswith("mltui-")]:
            app.theme = name
            await pilot.pause()
            assert "ml-engineer" in screen_text(app)


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({}, "16"),
        ({"TERM": "xterm"}, "16"),
        ({"TERM": "linux", "COLORTERM": "yes"}, "16"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "tmux-256color", "COLORTERM": "24bit"}, "true"),
        ({"TERM": "screen", "COLORTERM": "truecolor"}, "256"),
        ({"TERM": "screen.xterm-256color", "COLORTERM": "truecolor"}, "256"),
        ({"TERM": "xterm-kitty"}, "true"),
        ({"TERM": "xterm-direct"}, "true"),
        ({"TERM": "vt100"}, "none"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, "none"),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, "none"),
        ({"TERM": "xterm-kitty", "NO_COLOR": ""}, "true"),
        ({"TERM": "xterm-kitty", "FORCE_COLOR": "0"}, "none"),
        ({"TERM": "dumb", "FORCE_COLOR": "2"}, "256"),
        ({"TERM": "xterm", "FORCE_COLOR": "3", "NO_COLOR": "1"}, "none"),
    ],
)
def test_how_many_colours_there_are(environ: dict[str, str], depth: Depth) -> None:
    assert depth_of(environ) == depth


def test_what_is_dark() -> None:
    assert said_dark({"COLORFGBG": "15;0"}) is True
    assert said_dark({"COLORFGBG": "0;default;15"}) is False
    assert said_dark({}) is None
    assert is_dark((0.1, 0.1, 0.1)) and not is_dark((0.9, 0.9, 0.8))
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)  # pyright: ignore[reportUnknownMemberType]
    assert erases_in_color({"TERM": "tmux-256color"}) and erases_in_color({"TERM": "screen-256color", "TMUX": "x"})
    assert not erases_in_color({"TERM": "screen"}) and not erases_in_color({"TERM": "xterm", "STY": "1.x"})
