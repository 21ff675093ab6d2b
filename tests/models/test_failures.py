from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.errors import AuthError, ContextOverflowError, MltuiError, ModelRequestError, ModelUnavailableError
from mltui.models.backoff import RetryPolicy
from mltui.models.failures import mapped, retry_after


class Failure(Exception):
    def __init__(self, status: int | None, message: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status_code = status
        self.headers = headers


def of(status: int | None, message: str = "no") -> MltuiError:
    return mapped(Failure(status, message), model="openai/gpt-4o", provider="openai")


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (401, "no", AuthError),
        (403, "no", AuthError),
        (404, "no", ModelRequestError),
        (400, "bad schema", ModelRequestError),
        (400, "prompt is too long: 250000 tokens > 200000 maximum", ContextOverflowError),
        (413, "request_too_large", ContextOverflowError),
        (400, "Your credit balance is too low", ModelRequestError),
        (429, "insufficient_quota", ModelRequestError),
        (429, "slow down", ModelUnavailableError),
        (408, "no", ModelUnavailableError),
        (500, "no", ModelUnavailableError),
        (529, "Overloaded", ModelUnavailableError),
        (None, "connection reset", ModelUnavailableError),
    ],
)
def test_statuses(status: int | None, message: str, expected: type[MltuiError]) -> None:
    assert type(of(status, message)) is expected


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("litellm.BadRequestError: OpenAIException - the schema is bad", "the schema is bad"),
        ('litellm.APIError: {"type":"error","error":{"type":"x","message":"Say \\"please\\""}}', 'Say "please"'),
        ("litellm.InternalServerError: it broke\nTraceback (most recent call last):\n  File x", "it broke"),
    ],
)
def test_messages_are_the_providers_words_on_one_line(message: str, says: str) -> None:
    text = str(of(400, message).args[0])
    assert text.endswith(f": {says}")
    assert "\n" not in text


@given(st.text(), st.sampled_from([None, 400, 401, 404, 429, 500]))
def test_any_message_makes_one_short_line(message: str, status: int | None) -> None:
    text = str(of(status, message))
    assert len(text.splitlines()) == 1
    assert len(text) < 700


def test_mltui_errors_pass_through() -> None:
    error = AuthError("none")
    assert mapped(error, model="m", provider="p") is error


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"llm_provider-retry-after": "7"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1.2.3"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_retry_after(headers: Any, expected: float | None) -> None:
    assert retry_after(Failure(429, headers=headers)) == expected


def test_retry_after_as_a_date() -> None:
    wait = retry_after(Failure(429, headers={"retry-after": formatdate(time.time() + 60, usegmt=True)}))
    assert wait is not None
    assert 50 < wait <= 60
    assert retry_after(Failure(429, headers={"retry-after": formatdate(0, usegmt=True)})) == 0.0


@given(st.integers(1, 10), st.floats(0, 300), st.one_of(st.none(), st.floats(0, 300)))
def test_waits_are_bounded(attempt: int, waited: float, asked: float | None) -> None:
    policy = RetryPolicy()
    delay = policy.delay(attempt, waited, asked)
    if delay is None:
        assert attempt >= policy.tries or waited + max(asked or 0, policy.first * 0.75) > policy.total - policy.longest * 1.25
    else:
        assert attempt < policy.tries
        assert waited + delay <= policy.total
        assert delay >= (asked or 0)
        assert delay <= max(asked or 0, policy.longest * 1.25)


def test_waits_grow() -> None:
    policy = RetryPolicy(first=1.0)
    delays = [policy.delay(attempt, 0, None) or 0 for attempt in range(1, 5)]
    assert delays == sorted(delays)
    assert delays[-1] > 4 * delays[0]
