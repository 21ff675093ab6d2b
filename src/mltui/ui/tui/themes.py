"""The themes, and which of them a terminal gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from textual.theme import BUILTIN_THEMES, Theme

if TYPE_CHECKING:
    from textual.app import App

    from mltui.ui.terminal.colors import Depth


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


DARK: Final = Theme(
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
LIGHT: Final = Theme(
    name="mltui-light",
    primary="#1a5ba8",
    secondary="#136a65",
    accent="#865000",
    success="#1c6b2d",
    warning="#865000",
    error="#a81f33",
    foreground="#22272e",
    background="#fbfbf9",
    surface="#f2f2ee",
    panel="#e8e8e2",
    dark=False,
    variables=_scrollbar("#d3d3cb", "#fbfbf9", "#b5b5ab"),
)
HIGH_CONTRAST: Final = Theme(
    name="mltui-high-contrast",
    primary="#9fd0ff",
    secondary="#86f0e2",
    accent="#ffd75f",
    success="#97f297",
    warning="#ffd75f",
    error="#ffa8a8",
    foreground="#ffffff",
    background="#000000",
    surface="#141414",
    panel="#262626",
    dark=True,
    variables=_scrollbar("#ffffff", "#000000", "#ffff00"),
)
HIGH_CONTRAST_LIGHT: Final = Theme(
    name="mltui-high-contrast-light",
    primary="#003a80",
    secondary="#004640",
    accent="#5c3300",
    success="#00450f",
    warning="#5c3300",
    error="#7a0b1d",
    foreground="#000000",
    background="#ffffff",
    surface="#f0f0f0",
    panel="#e4e4e4",
    dark=False,
    variables=_scrollbar("#000000", "#ffffff", "#003a80"),
)
# The sixteen colours are the terminal's own: its background, and of the others those that are read on it whatever the palette.
SIXTEEN_DARK: Final = Theme(
    name="mltui-16-dark",
    ansi=True,
    primary="ansi_bright_cyan",
    secondary="ansi_bright_cyan",
    accent="ansi_bright_yellow",
    success="ansi_bright_green",
    warning="ansi_bright_yellow",
    error="ansi_bright_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_bright_cyan",
        "input-cursor-background": "ansi_bright_white",
        "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_bright_cyan",
        "input-selection-foreground": "ansi_black",
        "screen-selection-background": "ansi_bright_cyan",
        "screen-selection-foreground": "ansi_black",
        **_scrollbar("ansi_white", "ansi_default", "ansi_bright_white"),
    },
)
SIXTEEN_LIGHT: Final = Theme(
    name="mltui-16-light",
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_blue",
    accent="ansi_magenta",
    success="ansi_blue",
    warning="ansi_magenta",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=False,
    variables={
        **BUILTIN_THEMES["ansi-light"].variables,
        "block-cursor-foreground": "ansi_bright_white",
        "block-cursor-background": "ansi_blue",
        "input-cursor-background": "ansi_black",
        "input-cursor-foreground": "ansi_bright_white",
        "input-selection-background": "ansi_blue",
        "input-selection-foreground": "ansi_bright_white",
        "screen-selection-background": "ansi_blue",
        "screen-selection-foreground": "ansi_bright_white",
        **_scrollbar("ansi_black", "ansi_default", "ansi_blue"),
    },
)

_THEMES = (DARK, LIGHT, HIGH_CONTRAST, HIGH_CONTRAST_LIGHT, SIXTEEN_DARK, SIXTEEN_LIGHT)
_NAMED = {
    "dark": DARK.name,
    "light": LIGHT.name,
    "high-contrast": HIGH_CONTRAST.name,
    "high-contrast-light": HIGH_CONTRAST_LIGHT.name,
}


def register(app: App[Any]) -> None:
    """Makes the themes known to the app, and the dark one its own until it is known what the terminal is."""
    for theme in _THEMES:
        app.register_theme(theme)
    app.theme = DARK.name


def theme_for(choice: str, depth: Depth, *, dark: bool) -> str:
    """Returns: the name of the theme for a choice of `/theme`; any other choice is a theme's own name.

    Args: dark: whether the terminal is, for `auto`.
    """
    if choice == "auto":
        choice = "dark" if dark else "light"
    if depth == "16" and choice in _NAMED:
        return (SIXTEEN_LIGHT if choice.endswith("light") else SIXTEEN_DARK).name
    return _NAMED.get(choice, choice)
