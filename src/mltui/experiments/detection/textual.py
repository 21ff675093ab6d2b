"""A look at what cannot be parsed. It would rather see training where there is none than miss it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mltui.experiments.detection.facts import Finding
from mltui.experiments.detection.vocabulary import ML_ROOTS

_IMPORT = re.compile(rb"(?:import|from)[\s\\\"]+(?:" + "|".join(sorted(ML_ROOTS)).encode() + rb")\b")
_SURE = re.compile(
    rb"\b\w*loss\w*\s*\.\s*backward\s*\(|\boptimi[sz]er\w*\s*\.\s*step\s*\(|\b(?:xgb|xgboost|lgb|lightgbm)\.train\s*\(|\bcross_val_score\s*\("
    rb"|\b(?:GridSearchCV|RandomizedSearchCV|train_test_split)\s*\(|\btraining_step\s*\(|\.apply_gradients\s*\(|\btotal_timesteps\s*="
)
_WITH_IMPORT = re.compile(
    rb"\.\s*(?:fit|fit_transform|partial_fit|fit_generator|train|learn|backward)\s*\(|\bTrainer\s*\(|\boptim(?:izers)?\s*\.\s*\w+\s*\(|\.compile\s*\("
)
_PROMPT = re.compile(rb"\b\w*(?:PROMPT|prompt|INSTRUCTIONS|SYSTEM_MESSAGE)\w*[\"']?\s*[=:]\s*(?:[rfb]*[\"']{1,3}|\()[^\n]{20,}")


def textual(content: bytes) -> Iterator[Finding]:
    """One finding for each kind, at its first line."""
    imports = _IMPORT.search(content) is not None
    found = _SURE.search(content) or (_WITH_IMPORT.search(content) if imports else None)
    if found is not None:
        yield Finding("train", content.count(b"\n", 0, found.start()) + 1, _show(found[0]))
    prompt = _PROMPT.search(content)
    if prompt is not None:
        yield Finding("prompt", content.count(b"\n", 0, prompt.start()) + 1, _show(prompt[0]))


def _show(text: bytes) -> str:
    return " ".join(text.decode("utf-8", "replace").split())[:60]
