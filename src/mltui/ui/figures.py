"""Numbers as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mltui.core.events import ModelChanged, SessionRewound


def tokens(count: int) -> str:
    """Returns: `950`, `12.3k`, `1.2M`."""
    if count < 1000:
        return str(count)
    scaled, unit = (count / 1000, "k") if count < 999_500 else (count / 1_000_000, "M")
    return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}".rstrip("0").rstrip(".") + unit


def metrics(values: Mapping[str, float], digits: int = 4, most: int = 6) -> str:
    """Returns: `accuracy 0.9123, loss 0.31`: the first ones, and how many more there are."""
    shown = [f"{name} {value:.{digits}g}" for name, value in [*values.items()][:most]]
    return ", ".join(shown) + (f" and {len(values) - most} more" if len(values) > most else "")


def dollars(amount: float) -> str:
    """Returns: `$0.0042` under a cent, else `$1.23`."""
    return f"${amount:.4f}" if 0 < amount < 0.01 else f"${amount:.2f}"


def price(input_price: float | None, output_price: float | None) -> str:
    """Returns: `$3 in, $15 out per million tokens`; empty where no price is known."""
    if input_price is None or output_price is None:
        return ""
    return f"${input_price:.4g} in, ${output_price:.4g} out per million tokens"


def short_name(model: str) -> str:
    """Returns: the id of a model; of a file on this machine or a script only the file's name, for its folder says nothing of it."""
    kind, colon, path = model.rpartition("scripted:")
    if colon or model.lower().endswith(".gguf"):
        return kind + colon + path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return model


def model_change(event: ModelChanged) -> str:
    """Returns: who answers from now on, why and at what price, as `ID (for this turn: plan mode; $5 in, …)`."""
    reason = "" if event.reason == "chosen" else event.reason
    why = f"for this turn: {reason}" if event.temporary and not reason.startswith(("until", "architect")) else reason
    notes = "; ".join(note for note in (why, price(event.input_price, event.output_price)) if note)
    return f"{short_name(event.model)} ({notes})" if notes else short_name(event.model)


def rewound(event: SessionRewound) -> str:
    """What going back did, in words."""
    files = f"{event.files} file{'' if event.files == 1 else 's'}"
    what = " and ".join([*([f"the code ({files})"] if event.code else []), *(["the conversation"] if event.conversation else [])])
    return f"Went forward again: {what}" if event.redo else f"Went back to before turn {event.to_turn}: {what or 'nothing changed'}"


def duration(seconds: float) -> str:
    """Returns: `0.4s`, `12s`, `3m05s`, `2h10m`, `4d`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m" if whole < 86_400 else f"{whole // 86_400}d"


def size(count: int) -> str:
    """Returns: bytes as `512 B`, `1.5 kB`, `20 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")
