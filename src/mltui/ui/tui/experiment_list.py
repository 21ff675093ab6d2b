"""A list of experiments, whose rows are made for its width."""

from __future__ import annotations

from textual.message import Message
from textual.widgets._option_list import OptionList  # the public name is a lazy import of the same


class ExperimentList(OptionList):
    DEFAULT_CSS = """
    ExperimentList {
        height: 1fr; border: none; padding: 0; scrollbar-size-vertical: 1; background: $background; background-tint: $background 0%;
        &:focus { border: none; background-tint: $background 0%; }
        & > .option-list--option, &.-textual-compact > .option-list--option { padding: 0 1; }
        & > .option-list--option-highlighted, &:focus > .option-list--option-highlighted {
            background: $panel; color: $foreground; text-style: none;
        }
    }
    """

    class Resized(Message):
        """Its rows have to be made anew."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())
