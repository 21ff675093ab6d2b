"""What all panes that decide have in common: choices by a key, a reason, and a guard against keys meant for something else."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from mltui.ui.tui.choices import Choice, ChoiceBar
from mltui.ui.tui.keys import names
from mltui.ui.tui.keys.line import keys_of
from mltui.ui.tui.once import once
from mltui.ui.tui.still_input import StillInput, hand_on

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator

    from textual import events
    from textual.widgets import Input

R = TypeVar("R")

QUIET = 0.4
"""Seconds that a pane must have been visible with no key pressed before a key decides."""
SENDS = "Enter sends · Esc goes back"
_SCROLL = {"up": -1, "down": 1}


class ReasonInput(StillInput):
    DEFAULT_CSS = """
    ReasonInput { display: none; height: 1; border: none; padding: 0 1; background: $surface; &:focus { border: none; } }
    """


class DecisionPane(ModalScreen[R]):
    """A pane that ends with a result of type R.

    Subclasses give `choices`, say what a choice means in `result_of`, and compose a body, `bar` and `reason`.
    No key decides until the pane has been visible and no key was pressed for `QUIET` seconds: who is
    typing when the pane comes up goes on typing into nothing. Enter takes the marked choice, and none is
    marked at first unless a subclass marks a harmless one.
    """

    BINDINGS: ClassVar[list[BindingType]] = []
    PANE_KEYS: ClassVar[tuple[Binding, ...]] = ()
    """Keys of a subclass's own that can be mapped; `handle` looks at them, Textual does not."""
    AUTO_FOCUS = ""
    quiet: ClassVar[float] = QUIET
    clock = staticmethod(time.monotonic)

    choices: tuple[Choice, ...] = ()
    escape_key = ""
    """The key of the choice that Esc takes."""
    tail = ""
    stop_ends_turn: ClassVar[bool] = False
    """Whether the answer to Ctrl+C ends the turn by itself."""

    def __init__(self, marked: int | None = None) -> None:
        super().__init__()
        self.bar = ChoiceBar(self.choices, marked, self.tail)
        self.reason = ReasonInput(compact=True)
        self._timer: asyncio.TimerHandle | None = None
        self._last_key = 0.0
        self._reason_for: Choice | None = None
        self._once: Choice | None = None

    @abstractmethod
    def result_of(self, choice: Choice, reason: str) -> R:
        """The result that a choice stands for."""

    def _declared(self) -> Iterator[Binding]:
        for kind in type(self).__mro__:
            yield from kind.__dict__.get("PANE_KEYS", ())

    def is_key(self, event: events.Key, id_: str, declared: Iterable[Any] = ()) -> bool:
        """Whether the key is mapped to this; a letter that answers the question always answers it."""
        answers = {choice.key for choice in self.choices}
        return (event.character or event.key) not in answers and event.key in keys_of(self, id_, declared or self._declared())

    def key_for(self, id_: str, declared: Iterable[Any] = ()) -> str:
        """The first key of this, as mapped and for people."""
        return names.shown(keys_of(self, id_, declared or self._declared())[0])

    def body(self) -> VerticalScroll | None:
        """The part that the arrow keys scroll."""
        return next(iter(self.query(VerticalScroll)), None)

    @property
    def armed(self) -> bool:
        return self.bar.armed

    def on_mount(self) -> None:
        self.bar.show(tail=self.tail_line())
        self.call_after_refresh(self._wait_for_quiet)

    def tail_line(self) -> str:
        """What stands at the end of the bar, with the keys as they are mapped."""
        return self.tail

    def _wait_for_quiet(self) -> None:
        self._last_key = self.clock()
        self._timer = once(self, self.quiet, self._maybe_arm)

    def _maybe_arm(self) -> None:
        left = self._last_key + self.quiet - self.clock()
        if left > 0.005:
            self._timer = once(self, left, self._maybe_arm)
        else:
            self._timer = None
            self.bar.show(armed=True)

    async def on_key(self, event: events.Key) -> None:
        if await hand_on(self, event) or self.typing(event):
            return
        if self._reason_for is not None:
            if event.key == "escape":
                event.stop()
                self._close_reason()
            return
        # No binding of anything else is looked at for this key.
        event.stop()
        event.prevent_default()
        if not self.armed:
            self._last_key = self.clock()
            return
        if not self.handle(event) and not self._scroll(event.key):
            self._choose_by(event)

    def on_choice_bar_clicked(self, event: ChoiceBar.Clicked) -> None:
        """A click on a choice is its key."""
        event.stop()
        if self.armed and self._reason_for is None:
            self.clicked(self.choices[event.index])

    def clicked(self, choice: Choice) -> None:
        self._take(choice)

    def typing(self, event: events.Key) -> bool:
        """Whether an input of a subclass has the keys now; what the input leaves over is done here."""
        return False

    def handle(self, event: events.Key) -> bool:
        """A subclass's own keys. Returns: whether the key was one."""
        return False

    def _scroll(self, key: str) -> bool:
        body = self.body()
        if body is None:
            return False
        page = max(1, body.size.height - 2)
        step = {**_SCROLL, "pageup": -page, "pagedown": page, "space": page}.get(key)
        if step is not None:
            body.scroll_relative(y=step, animate=False)
        elif key in ("home", "end"):
            body.scroll_to(y=0 if key == "home" else body.max_scroll_y, animate=False)
        else:
            return False
        return True

    def _choose_by(self, event: events.Key) -> None:
        count = len(self.choices)
        if event.key in ("left", "right"):
            step = 1 if event.key == "right" else -1
            at = self.bar.chosen
            self._once = None
            self.bar.show(chosen=(at + step) % count if at is not None else 0 if step > 0 else count - 1, note="")
            return
        key = event.character or event.key
        if event.key == "escape":
            self.leave()
            return
        if event.key == "enter" and self.bar.chosen is not None:
            key = self.choices[self.bar.chosen].key
        for choice in self.choices:
            if choice.key == key:
                self._take(choice)
                return

    def _take(self, choice: Choice) -> None:
        if choice.twice and self._once is not choice:
            self._once = choice
            self.bar.show(note=f"{choice.twice} Press {choice.key} again to go on.")
            return
        self._once = None
        self.bar.show(note="")
        if choice.form:
            self.open_form(choice)
            return
        if choice.asks_reason:
            self._reason_for = choice
            self.reason.placeholder = choice.prompt
            self.reason.display = True
            self.reason.take_focus()
            self.bar.show(typing=SENDS)
            return
        self.dismiss(self.result_of(choice, ""))

    def open_form(self, choice: Choice) -> None:
        """A subclass whose choices have forms opens the one of this choice."""

    def _close_reason(self) -> None:
        self._reason_for = None
        self.bar.show(note="", typing="")
        self.reason.display = False
        self.set_focus(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.submitted(event.value.strip())

    def submitted(self, text: str) -> None:
        """A line was typed and sent."""
        choice = self._reason_for
        if choice is None:
            return
        if choice.required and not text:
            self.bar.show(note=choice.required)
        else:
            self.dismiss(self.result_of(choice, text))

    def stop(self) -> None:
        """Ends the pane, whether or not keys are taken yet: Ctrl+C came."""
        self.leave()

    def leave(self) -> None:
        """Takes the harmless way out, without a reason."""
        choice = next(choice for choice in self.choices if choice.key == self.escape_key)
        self.dismiss(self.result_of(choice, ""))
