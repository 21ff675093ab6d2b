"""Finds credentials in text that is about to be committed. The only importer of detect_secrets, which takes 0.3 s."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from detect_secrets.core import scan
from detect_secrets.settings import transient_settings

_DETECTORS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "CloudantDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "IbmCloudIamDetector",
    "IbmCosHmacDetector",
    "JwtTokenDetector",
    "KeywordDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SoftlayerDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
"""Without those that judge by entropy alone: digests of data and models look like secrets to them."""
_MORE = {
    "Anthropic key": re.compile(r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    "Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
}
_ALLOWED = re.compile(r"pragma: ?allowlist[ -]secret", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """Attributes: line: counted in the text that was looked at, from 1."""

    path: str
    line: int
    kind: str


def find_secrets(texts: Mapping[str, str]) -> tuple[FoundSecret, ...]:
    """The credentials in some texts, by path. A line with `pragma: allowlist secret` is passed over. Nothing is sent anywhere."""
    found: dict[tuple[str, int], FoundSecret] = {}
    with tempfile.TemporaryDirectory() as folder, transient_settings({"plugins_used": [{"name": name} for name in _DETECTORS]}):
        for number, (path, text) in enumerate(texts.items()):
            # Under its own name: what is a secret depends on the kind of file.
            place = Path(folder, str(number), Path(path).name[-100:])
            place.parent.mkdir()
            place.write_text(text, encoding="utf-8", errors="replace")
            for secret in scan.scan_file(str(place)):
                found.setdefault((path, secret.line_number), FoundSecret(path, secret.line_number, secret.type))
            for line, content in enumerate(text.split("\n"), 1):
                kind = next((kind for kind, pattern in _MORE.items() if pattern.search(content)), None)
                if kind is not None and not _ALLOWED.search(content):
                    found.setdefault((path, line), FoundSecret(path, line, kind))
    return tuple(found[key] for key in sorted(found))
