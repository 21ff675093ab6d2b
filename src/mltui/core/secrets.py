"""Finds credentials in text: tokens by the form that their makers gave them, other values by their name and their entropy.

Forms are those that the providers document; the idea of name and entropy together is that of detect-secrets, whose own
scan takes 0.4 ms a line and calls most words of a program a secret.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """Attributes: kind: what it is, as part of a placeholder; start, end: its place in the text."""

    kind: str
    start: int
    end: int


_FORMS: dict[str, str] = {
    "private-key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)",
    "aws-key": r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    "anthropic-key": r"\bsk-ant-[A-Za-z0-9_-]{20,}",
    "openai-key": r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}",
    "github-token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})",
    "gitlab-token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "huggingface-token": r"\bhf_[A-Za-z0-9]{30,}",
    "google-key": r"\bAIza[A-Za-z0-9_-]{35}",
    "google-token": r"\bya29\.[A-Za-z0-9_-]{40,}",
    "slack-token": r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}",
    "stripe-key": r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{20,}",
    "pypi-token": r"\bpypi-[A-Za-z0-9_-]{50,}",
    "npm-token": r"\bnpm_[A-Za-z0-9]{36}",
    "groq-key": r"\bgsk_[A-Za-z0-9]{40,}",
    "tavily-key": r"\btvly-[A-Za-z0-9-]{20,}",
    "sendgrid-key": r"\bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}",
    "jwt": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
}
_LITERALS: dict[str, tuple[str, ...]] = {
    "private-key": ("-----BEGIN ",),
    "aws-key": ("AKIA", "ASIA", "ABIA", "ACCA"),
    "anthropic-key": ("sk-ant-",),
    "openai-key": ("sk-",),
    "github-token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "gitlab-token": ("glpat-",),
    "huggingface-token": ("hf_",),
    "google-key": ("AIza",),
    "google-token": ("ya29.",),
    "slack-token": ("xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"),
    "stripe-key": ("sk_live_", "sk_test_", "rk_live_", "rk_test_"),
    "pypi-token": ("pypi-",),
    "npm-token": ("npm_",),
    "groq-key": ("gsk_",),
    "tavily-key": ("tvly-",),
    "sendgrid-key": ("SG.",),
    "jwt": ("eyJ",),
}
"""How each form begins: looking for these first makes a search of plain text a hundred times faster."""
_FORM = {kind: re.compile(form) for kind, form in _FORMS.items()}
_URL = re.compile(r"://[^\s:/@'\"]{1,80}:([^\s:/@'\"<>{}$*]{4,200})@")
_BEARER = re.compile(r"(?:bearer|basic)\s+([A-Za-z0-9+/_.~-]{20,}={0,2})", re.IGNORECASE)
_NAMES = ("key", "secret", "token", "password", "passwd", "passphrase", "credential")
_NAMED = re.compile(
    r"[a-z]+[A-Za-z0-9_-]{0,30}\\?[\"']?[ \t]{0,4}(?:=|:|=>)[ \t]{0,4}(\\?[\"'])?([^\s\"'\\,;)(\]\[{}<>$]{8,400})", re.IGNORECASE
)
_KEY = re.compile(r"(?:api|private|access|auth|account|secret|license|encryption|signing)[_-]?$", re.IGNORECASE)
"""What stands before `key` where it names a credential."""
_LEAST_ENTROPY = 3.0
"""Bits a character; random base64 of 20 characters has about 4, English words and identifiers 2.5 to 3.5, but seldom digits."""


def find(text: str) -> list[Secret]:
    """The credentials in the text, in order, without overlaps."""
    found: list[Secret] = []
    end = 0
    for secret in sorted(_all(text), key=lambda one: (one.start, -one.end)):
        if secret.start >= end:
            found.append(secret)
            end = secret.end
    return found


def _all(text: str) -> Iterator[Secret]:
    for kind, literals in _LITERALS.items():
        for literal in literals:
            for at in _places(text, literal):
                match = _FORM[kind].match(text, at)
                if match and (kind == "private-key" or _random(match[0])):
                    yield Secret(kind, *match.span())
    for at in _places(text, "://"):
        if (match := _URL.match(text, at)) and not _placeholder(match[1]):
            yield Secret("password", *match.span(1))
    lower = text.lower()
    if len(lower) != len(text):  # a few letters grow in lower case, and the places would no longer fit
        lower = "".join(char.lower() if char.isascii() else char for char in text)
    for name in ("bearer", "basic"):
        for at in _places(lower, name):
            if (match := _BEARER.match(text, at)) and _random(match[1]):
                yield Secret("bearer-token", *match.span(1))
    for name in _NAMES:
        for at in _places(lower, name):
            if text.startswith("[secret:", at - 1):  # a placeholder that stands for one already
                continue
            if name == "key" and not _KEY.search(text, max(0, at - 12), at):
                continue
            if (match := _NAMED.match(text, at)) and _named_secret(match[2], quoted=bool(match[1])):
                yield Secret("value", *match.span(2))


def _places(text: str, literal: str) -> Iterator[int]:
    at = text.find(literal)
    while at >= 0:
        yield at
        at = text.find(literal, at + len(literal))


def _named_secret(value: str, *, quoted: bool) -> bool:
    """Whether what stands behind a name such as `api_key` is a secret, rather than code or a placeholder for one."""
    least = 8 if quoted else 16
    mixed = any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
    return len(value) >= least and mixed and "." not in value.strip(".")[:12] and not _placeholder(value) and _random(value)


def _placeholder(value: str) -> bool:
    low = value.lower()
    return value.startswith(("$", "<", "{", "%")) or any(
        word in low for word in ("example", "your", "xxxx", "changeme", "placeholder", "dummy", "redacted", "****", "secret:")
    )


def _random(value: str) -> bool:
    return entropy(value) >= _LEAST_ENTROPY and not _placeholder(value)


def entropy(text: str) -> float:
    """Shannon's entropy of the characters, in bits a character (A Mathematical Theory of Communication, 1948)."""
    if not text:
        return 0.0
    shares = [text.count(char) / len(text) for char in set(text)]
    return -sum(share * math.log2(share) for share in shares)
