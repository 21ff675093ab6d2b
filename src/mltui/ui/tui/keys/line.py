"""The line of keys that matter where the focus is, as they are mapped now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual.strip import Strip

from mltui.ui.tui.keys import names
from mltui.ui.tui.strip_view import StripView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from textual.app import App
    from textual.dom import DOMNode
    from textual.screen import Screen
    from textual.signal import Signal

SHORTEST_SCREEN = 16
"""Lines of a terminal under which the line gives its place to the conversation."""

Hint = tuple[str, str, int]
"""(id of a binding, or `=KEY` for a key that cannot be changed; what it does in a word or two; importance)."""

_EVERYWHERE: tuple[Hint, ...] = (("app.log", "experiments", 5), ("app.palette", "commands", 6), ("app.help", "help", 9))
_TYPING: tuple[Hint, ...] = (
    ("=enter", "send", 8),
    ("composer.newline", "new line", 2),
    ("=tab", "look back", 3),
    ("app.mode", "mode", 7),
    *_EVERYWHERE,
)
_WORKING: tuple[Hint, ...] = (("app.escape", "interrupt", 8), ("=enter", "queue", 7), ("composer.send-now", "say it now", 6), *_EVERYWHERE)
_COMPLETING: tuple[Hint, ...] = (("=tab", "complete", 8), ("=up", "", 7), ("=down", "choose", 7), ("=escape", "close the list", 6))
_LOOKING: tuple[Hint, ...] = (
    ("transcript.fold", "open", 8),
    ("transcript.previous", "", 7),
    ("transcript.next", "choose", 7),
    ("transcript.copy", "copy", 6),
    ("transcript.search", "find", 6),
    ("app.escape", "back", 9),
    ("app.help", "help", 5),
)
_FINDING: tuple[Hint, ...] = (
    ("find.next", "next", 8),
    ("find.previous", "before", 7),
    ("find.stay", "stay there", 6),
    ("find.back", "back to where you were", 9),
)


def spelled(ids: str, keys: Mapping[str, str]) -> str:
    """The keys of ids, for people; empty where there is none.

    Args: ids: one, several between blanks, the ends of a row as `FIRST..LAST`, or `=KEY` for a key that cannot be changed.
    """
    sign = "-" if ".." in ids else " "
    mapped = [ids[1:]] if ids.startswith("=") else [keys[id_] for id_ in ids.replace("..", " ").split() if id_ in keys]
    return sign.join(map(names.shown, mapped))


def bar(hints: Iterable[tuple[str, str]], keys: Mapping[str, str]) -> Text:
    """The line of keys below a screen, from (ids as in `spelled`, what they do)."""
    line = Text()
    for ids, what in hints:
        if key := spelled(ids, keys):
            line.append(f" {key}", style="strong").append(f" {what} ", style="muted")
    return line


def fitting(hints: Sequence[Hint], keys: Mapping[str, str], width: int) -> list[tuple[str, str]]:
    """(key, what) of the hints whose keys are there, in their order; the least important leave where it is narrow."""
    found: list[tuple[str, str, int]] = []
    for id_, what, importance in hints:
        if key := spelled(id_, keys):
            found.append((key, what, importance))
    while found and sum(len(key) + len(what) + 4 for key, what, _ in found) - 3 > width:
        found.remove(min(reversed(found), key=lambda one: one[2]))
    return [(key, what) for key, what, _ in found]


def drawn(pairs: Sequence[tuple[str, str]]) -> Text:
    line = Text(no_wrap=True)
    for at, (key, what) in enumerate(pairs):
        line.append("   " if at and pairs[at - 1][1] else " " if at else "")
        line.append(key, style="muted").append(f" {what}" if what else "", style="faint")
    return line


def live(screen: Screen[Any]) -> dict[str, str]:
    """Ids of the bindings that hold now to the first key of each, as mapped."""
    found: dict[str, str] = {}
    for key, active in screen.active_bindings.items():
        if active.enabled and active.binding.id:
            found.setdefault(active.binding.id, key)
    return found


def key_of(screen: Screen[Any], id_: str) -> str:
    """The first key of a binding of the screen, as mapped and for people; empty where it has none now."""
    return spelled(id_, live(screen))


def chosen(app: App[Any]) -> Mapping[str, str]:
    """Ids to the keys that the person gave them."""
    return app._keymap  # pyright: ignore[reportPrivateUsage]  (Textual has no other way to ask)


def keys_of(node: DOMNode, id_: str, declared: Iterable[Any]) -> tuple[str, ...]:
    """All keys of a binding among those that are declared, as mapped, in Textual's names."""
    app = cast("App[Any]", node.app)  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)
    usual = next(binding.key for binding in declared if binding.id == id_)
    return tuple(key.strip() for key in chosen(app).get(id_, usual).split(","))


def key_anywhere(node: DOMNode, id_: str, owner: type[DOMNode] | None = None) -> str:
    """The first key of a binding, as mapped and for people, wherever the focus is. Args: owner: of the binding; the app without it."""
    app = cast("App[Any]", node.app)  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)
    return names.shown(keys_of(node, id_, (owner or type(app)).BINDINGS)[0])


class KeyLine(StripView):
    """Draws itself anew when the focus or the keys change, or when it is told."""

    DEFAULT_CSS = "KeyLine { height: 1; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._busy = False
        self._completing = False
        self._keys: dict[str, str] = {}

    def on_mount(self) -> None:
        screen: Any = self.screen
        signal: Signal[Any] = screen.bindings_updated_signal
        signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, _: object) -> None:
        if not self._covered:
            self.changed()

    @property
    def _covered(self) -> bool:
        """Whether another screen has the keys now: what they do there is its own matter, and this line stays as it was."""
        app = cast("App[Any]", self.app)  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)
        return len(app.screen_stack) > 1

    def put(self, *, busy: bool | None = None, completing: bool | None = None) -> None:
        """Says whether a turn runs, and whether a list of completions is open."""
        before = self._busy, self._completing
        self._busy = self._busy if busy is None else busy
        self._completing = self._completing if completing is None else completing
        if before != (self._busy, self._completing):
            self.changed()

    def hints(self) -> tuple[Hint, ...]:
        focused = self.screen.focused
        if focused is not None and focused.id == "find-input":
            return _FINDING
        if focused is not None and not focused.check_consume_key("x", "x"):
            return _LOOKING
        return _COMPLETING if self._completing else _WORKING if self._busy else _TYPING

    def build(self, width: int) -> list[Strip]:
        if not self._covered:
            self._keys = live(self.screen)
        return self.paint.strips(drawn(fitting(self.hints(), self._keys, width)), width)[:1]
