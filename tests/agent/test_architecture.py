"""The rule that says when a prompt is a question of architecture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.agent.architecture import LONGEST, architecture_words

QUESTIONS = [
    "How should we structure the feature store so that training and serving agree?",
    "Which architecture fits 40 ms latency: a cascade or one large model?",
    "Should we use Ray or plain multiprocessing for the sweep?",
    "What are the trade-offs between a monolith and microservices here?",
    "Compare two system designs for online evaluation",
    "How do I scale the labelling pipeline to ten million images?",
    "Design the architecture of the retraining service",
    "Propose an architecture for the data loader",
]
NOT = [
    "Fix the failing test in tests/test_util.py",
    "Implement the architecture from docs/architecture.md",
    "Which file defines the learning rate?",
    "Why does train.py print nan?",
    "Please refactor the trainer; which architecture do you prefer?",
    "Should we use a larger batch?",
    "The architecture document is in docs/.",
    "What does this do?\n```\n# how should we structure this\n```",
    "Look at the monolith and add a test, ok?",
    "",
]


@pytest.mark.parametrize("prompt", QUESTIONS)
def test_questions_of_architecture(prompt: str) -> None:
    words = architecture_words(prompt)
    assert words
    assert words.lower() in " ".join(prompt.split()).lower()


@pytest.mark.parametrize("prompt", NOT)
def test_everything_else(prompt: str) -> None:
    assert architecture_words(prompt) == ""


def test_material_is_no_question() -> None:
    assert architecture_words("Which architecture? " + "x" * LONGEST) == ""


@given(st.text(max_size=300))
def test_any_text_is_answered_on_one_short_line(prompt: str) -> None:
    words = architecture_words(prompt)
    assert "\n" not in words
    assert len(words) <= 60
