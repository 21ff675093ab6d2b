"""What went wrong at a provider, in mltui's own errors."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import cast

from mltui.core.errors import AuthError, ContextOverflowError, MltuiError, ModelRequestError, ModelUnavailableError
from mltui.models.credentials import variables_of

_OVERFLOW = re.compile(
    r"prompt is too long|context.?length|context.?window|maximum context|exceeds? the (model's )?(maximum|context)|too many tokens"
    r"|input (is|length).{0,40}too long|request_too_large",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(r"insufficient_quota|credit balance is too low|billing", re.IGNORECASE)
_PREFIXES = re.compile(r"^(litellm\.)?(\w+(Error|Exception|Timeout)( occurred)?\s*[:-]\s*)+")
_MESSAGE = re.compile(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)"')

RETRIED = frozenset({408, 409, 425, 429, 498, 499})
"""Statuses below 500 that another try may get past."""

MAX_MESSAGE = 400


def mapped(error: Exception, *, model: str, provider: str) -> MltuiError:
    """The error in mltui's tree, with a line for the person that says what to do. What is not known is worth a retry."""
    if isinstance(error, MltuiError):
        return error
    status = _status(error)
    text = _text(error)
    kind = type(error).__name__
    if kind == "ContextWindowExceededError" or (status in (400, 413) and _OVERFLOW.search(text)):
        return ContextOverflowError(f"the conversation is too long for {model}: {text}", hint="compact it or start a new session")
    if status in (401, 403) or kind in ("AuthenticationError", "PermissionDeniedError"):
        return AuthError(f"{provider} refused the credentials for {model}: {text}", hint=_check(provider))
    if status == 404 or kind == "NotFoundError":
        return ModelRequestError(
            f"{provider} knows no model {model}: {text}", hint="check the model's name, or choose another with --model"
        )
    if _NO_CREDIT.search(text) and status in (400, 402, 403, 429):
        return ModelRequestError(f"{provider} wants to be paid: {text}", hint="check the account, or choose another model with --model")
    if status is not None and 400 <= status < 500 and status not in RETRIED:
        return ModelRequestError(f"{provider} refused the request to {model}: {text}")
    return ModelUnavailableError(f"{provider} does not answer for {model}: {text}", hint="try again later", retry_after=retry_after(error))


def missing_credentials(provider: str, model: str, variable: str | None = None) -> AuthError:
    """The error for credentials that are not there at all."""
    names = (variable,) if variable else variables_of(provider)
    return AuthError(f"no credentials for {model}", hint=_get_one(provider, names))


def _get_one(provider: str, names: tuple[str, ...]) -> str:
    login = f", run `mltui auth login {provider}`" if names and names[0].endswith("_API_KEY") and names == variables_of(provider) else ""
    return f"set {' or '.join(names[:2])}{login}, or choose a local model with --model local"


def retry_after(error: Exception) -> float | None:
    """Seconds that the provider asked to wait (`retry-after-ms`, `retry-after` in seconds or as a date), or None."""
    headers = _headers(error)
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        if not (wait := headers.get("retry-after")):
            return None
        if re.fullmatch(r"\s*[\d.]+\s*", wait):
            return float(wait)
        return max(0.0, parsedate_to_datetime(wait).timestamp() - time.time())
    except ValueError:
        return None


def _check(provider: str) -> str:
    names = variables_of(provider)
    return f"check {names[0]}" if names else "check the server's settings"


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _headers(error: Exception) -> Mapping[str, str]:
    """Response headers, wherever the library put them, with names in lower case."""
    found: dict[str, str] = {}
    for source in (getattr(error, "headers", None), getattr(error, "litellm_response_headers", None), _of_response(error)):
        if isinstance(source, Mapping):
            pairs = cast("Mapping[object, object]", source)
            found |= {str(name).lower().removeprefix("llm_provider-"): str(value) for name, value in pairs.items()}
    return found


def _of_response(error: Exception) -> object:
    return getattr(getattr(error, "response", None), "headers", None)


def _text(error: Exception) -> str:
    """The provider's own words on one line, without the library's wrapping."""
    raw = getattr(error, "message", None)
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw or error or type(error).__name__)
    text = text.split("This looks like a bug in LiteLLM")[0].split("Traceback (most recent call last)")[0]
    if inner := _MESSAGE.search(text):
        text = inner[1].replace('\\"', '"').replace("\\n", " ")
    text = _PREFIXES.sub("", " ".join(text.split())).strip(" .") or type(error).__name__
    return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + "…"
