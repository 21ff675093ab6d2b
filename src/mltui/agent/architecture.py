"""When a prompt is a question of architecture, which the architect's model answers.

The rule is of words alone, so that it costs nothing and everybody can predict it. All of these must hold:

1. It names a decision of structure: the word architecture (or architect, system design, microservice, monolith, trade-off),
   or asks how to structure, organize, design, scale, shard or split something, or which of several ways to take.
2. It asks: a question mark, or it begins with how, what, which, should, why, compare, design, propose, plan, evaluate, advise.
3. It asks for no deed: no sentence begins with fix, implement, add, change, edit, write, refactor, run, train and the like.

Code blocks are left out, and a prompt of more than 4,000 characters is material, not a question.
"""

from __future__ import annotations

import re

LONGEST = 4000

_FENCED = re.compile(r"```.*?(```|\Z)", re.DOTALL)
_SUBJECT = re.compile(
    r"\barchitect(?:ure|ural|ures)?\b|\bsystem designs?\b|\bmicro-?services?\b|\bmonolith(?:ic)?\b|\btrade-?offs?\b"
    r"|\bhow (?:should|would|do|can|could) (?:we|i|one|you) (?:best )?"
    r"(?:structure|organi[sz]e|design|scale|shard|split|partition|decouple|lay out)\b"
    r"|\bwhich (?:design|approach|framework|database|store|backend|stack|pattern)\b"
    r"|\bshould (?:we|i) (?:use|choose|adopt|split|move to|migrate to|build|go with|separate|merge)\b.*\b(?:or|versus|vs\.?|instead of)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?|^\W*(?:how|what|which|should|why|where|compare|design|propose|plan|evaluate|advise|recommend|think)\b", re.IGNORECASE
)
_DEEDS = (
    "fix|implement|add|change|edit|write|rewrite|refactor|rename|remove|delete|update|run|rerun|train|create|install|commit|apply|replace"
    "|move|build|make|test|debug|push|merge|format|port|convert"
)
_DEED = re.compile(rf"(?:^|[.!?;:\n]|\b(?:please|then|now|and|just|also|to you to)\b)\s*(?:[-*\d.)]+\s*)?(?:{_DEEDS})\b", re.IGNORECASE)


def architecture_words(prompt: str) -> str:
    """The words that make the prompt a question of architecture, on one line; empty if it is none."""
    text = _FENCED.sub(" ", prompt).strip()
    if len(prompt) > LONGEST or not _ASKS.search(text) or _DEED.search(text):
        return ""
    found = _SUBJECT.search(text)
    return " ".join(found[0].split())[:60] if found else ""
