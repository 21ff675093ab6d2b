from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.ui.tui.status import Status, fit, segments, short_model

FULL = Status(
    model="anthropic/claude-sonnet-4-5",
    context_tokens=42_000,
    context_window=200_000,
    cost_usd=1.234,
    mode="accept-edits",
    persona="ml-engineer",
    drafts=2,
    experiment="P-0007 3/12",
    activity="working",
    elapsed=12.0,
)


def test_everything_is_there_when_it_fits() -> None:
    line = fit(segments(FULL), 200).plain
    for part in ("working 12s", "P-0007 3/12", "accept-edits", "2 drafted", "claude-sonnet-4-5", "42k 21%", "$1.23", "ml-engineer"):
        assert part in line


def test_the_least_important_leaves_first() -> None:
    line = fit(segments(FULL), 40).plain
    assert "working" in line
    assert "P-0007" in line
    assert "ml-engineer" not in line
    assert "$1.23" not in line


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=120), st.text(), st.booleans())
def test_it_never_is_wider_than_the_terminal(width: int, hint: str, busy: bool) -> None:
    status = Status(hint=hint, model="m" * 80, activity="working" if busy else "", mode="default")
    assert fit(segments(status), width).cell_len <= width


def test_model_names_are_short() -> None:
    assert short_model("/models/SmolLM2-135M.gguf") == "SmolLM2-135M.gguf"
    assert short_model("openai/gpt-5") == "gpt-5"
