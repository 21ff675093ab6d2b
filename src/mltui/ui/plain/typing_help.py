"""What prompt_toolkit needs to help with typing: names to complete, and earlier prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import History

from mltui.core.mentions import open_mention, written
from mltui.ui.history import PromptHistory

MOST_FILES = 30


class PromptCompleter(Completer):
    """Commands at the start of a line, files behind an `@`.

    Args:
        files: names of files for a query; blocks.
    """

    def __init__(self, words: Sequence[str], files: Callable[[str, int], list[str]]) -> None:
        self._words = words
        self._files = files

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        if before.startswith("/"):
            yield from (Completion(word, start_position=-len(before)) for word in self._words if word.startswith(before))
        elif (mention := open_mention(before.rpartition("\n")[2])) is not None:
            typed = len(before.rpartition("\n")[2]) - mention.start
            for path in self._files(mention.query, MOST_FILES):
                text = written(path)
                yield Completion(text.removesuffix('"') if path.endswith("/") else text, start_position=-typed, display=path)


class KeptHistory(History):
    """The prompts of the project's sessions, kept in their file."""

    def __init__(self, history: PromptHistory) -> None:
        super().__init__()
        self._history = history

    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._history.load())

    def store_string(self, string: str) -> None:
        self._history.add(string)
