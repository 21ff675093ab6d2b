"""What is left of a session's events after going back in it: what a screen or a document shows."""

from __future__ import annotations

from collections.abc import Iterable

from mltui.core.events import Event, SessionRewound, TurnStarted


def remaining(events: Iterable[Event]) -> list[Event]:
    """The events without those of turns that a rewind of the conversation took out, and with what a redo brought back.

    The rewinds themselves stay where they end, so that a reader sees that something was there. It goes by the rules of
    `Transcript`: the messages of what remains are those that the model is sent.
    """
    kept: list[Event] = []
    marks: dict[int, tuple[list[Event], int]] = {}
    undone: list[list[Event]] = []
    last = 0
    for event in events:
        match event:
            case TurnStarted(turn=turn):
                last = max(last + 1, turn)
                marks[last], undone = (kept, len(kept)), []
            case SessionRewound(conversation=True, redo=True) if undone:
                kept = undone.pop()
            case SessionRewound(conversation=True, redo=False, to_turn=turn) if turn in marks:
                undone.append(kept)
                before, count = marks[turn]
                kept = before[:count]
            case _:
                pass
        kept.append(event)
    return kept
