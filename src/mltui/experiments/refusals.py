"""Plans that nobody should be asked about: each is refused with what is wrong and what to do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from mltui.core.errors import ProposalError
from mltui.core.experiment import ControlledChange, ParameterChange

LEAST_WORDS = 3
"""Words below which a sentence predicts nothing."""

_PLACEHOLDERS = frozenset(
    ("test", "tests", "testing", "todo", "tbd", "tba", "none", "na", "a", "hypothesis", "placeholder", "xxx", "foo", "bar", "try", "it")
)

_NOTEBOOK = re.compile(r"\.ipynb\b|(?<![\w./-])(?:[\w.-]*/)*(?:jupyter(?:-\w+)?|papermill|runipy|nbconvert)(?![\w.])", re.IGNORECASE)

_SEED_NAME = re.compile(r"(?:.*[._\W])?(?:\w*seed|random_state)\w*", re.IGNORECASE)
_SEED_VALUE = re.compile(r"((?:\w*seed\w*|random_state)[\"']?\s*\)?\s*[=:(,\s]\s*)-?\d+", re.IGNORECASE)


def check_words(title: str, hypothesis: str) -> None:
    """Raises: ProposalError: there is no title, or no hypothesis that could turn out wrong."""
    if not title.strip() or not hypothesis.strip():
        raise ProposalError("a proposal needs a title and a hypothesis", hint="Say what is expected to change, and why.")
    words = re.findall(r"\w+", hypothesis.casefold())
    # Scripts without spaces: each ideograph counts as a word.
    count = sum(max(1, sum(unicodedata.east_asian_width(char) in "WF" for char in word)) for word in words)
    if count < LEAST_WORDS or all(word in _PLACEHOLDERS for word in words):
        raise ProposalError(
            f"the hypothesis {hypothesis.strip()[:80]!r} says nothing that could be measured",
            hint="Say what should get better, by about how much, and why.",
        )


def check_command(command: str) -> None:
    """Raises: ProposalError: it runs a notebook, whose cells have no order that holds and whose state is hidden."""
    if _NOTEBOOK.search(command):
        raise ProposalError(
            f"{command!r} runs a notebook, and a notebook is no run command",
            hint="Move its training cells into a script and declare that in [experiments] entrypoints.",
        )


def check_together(files: Sequence[ControlledChange], evaluation_reason: str) -> None:
    """Raises: ProposalError: evaluation changes together with what it evaluates, and nobody says why."""
    evaluation = [file.path for file in files if file.kind == "eval"]
    trained = [file.path for file in files if file.kind in ("train", "hparam", "prompt", "data")]
    if evaluation and trained and not evaluation_reason.strip():
        raise ProposalError(
            f"the evaluation ({evaluation[0]}) changes together with what it evaluates ({trained[0]}), so no difference could be told",
            hint="Propose them one after the other, or say in evaluation_reason why they must change together.",
        )


def is_seed(name: str) -> bool:
    """Whether a parameter, by its name or key, is what runs are seeded with."""
    return bool(_SEED_NAME.fullmatch(name))


def check_seed_change(parameters: Sequence[ParameterChange], patch: str) -> None:
    """Raises: ProposalError: only a seed changes. That is an A/A comparison: its difference is noise, whatever it is."""
    by_name = bool(parameters) and all(is_seed(change.name) or is_seed(change.key) for change in parameters)
    removed, added = _lines(patch, "-"), _lines(patch, "+")
    normal = [_SEED_VALUE.sub(r"\1#", line) for line in removed], [_SEED_VALUE.sub(r"\1#", line) for line in added]
    by_text = bool(removed) and sorted(normal[0]) == sorted(normal[1]) and sorted(removed) != sorted(added)
    if by_text or (by_name and len(added) <= len(parameters)):
        raise ProposalError(
            "only the seed would change: that is no candidate but the same program again (an A/A comparison)",
            hint="Give more seeds in `seeds`, or measure the spread with: mltui experiments baseline",
        )


def _lines(patch: str, sign: str) -> list[str]:
    header = sign * 3 + " "
    return [line[1:].strip() for line in patch.splitlines() if line.startswith(sign) and not line.startswith(header) and line[1:].strip()]
