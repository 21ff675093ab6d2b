"""The approval policy that a person wrote in advance, for runs where no one is there to ask."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mltui.core.errors import PolicyFileError
from mltui.core.experiment import ExperimentKind, Proposal

_NEVER_IN_ADVANCE: tuple[ExperimentKind, ...] = ("eval", "data", "infra")


class ApproveRule(BaseModel):
    """One kind of proposal that may run without asking. What is not named here is not approved.

    Attributes:
        parameters: the only parameters that may change; absent: any of the declared space.
        commands: the only commands, as in the proposal; absent: any declared entry point.
        files: the only files that may change beside the parameters' own; absent: none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[ExperimentKind, ...] = Field(min_length=1)
    parameters: tuple[str, ...] | None = None
    commands: tuple[str, ...] | None = None
    files: tuple[str, ...] = ()
    max_minutes: float = Field(gt=0)
    max_runs: int = Field(gt=0)


class KeepRule(BaseModel):
    """Whether a change is kept without asking: `better` keeps one whose verdict is better."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: Literal["never", "better"] = "never"


class ApprovalPolicy(BaseModel):
    """Attributes: permissions: rules such as `Bash(pytest *)` that may run without asking."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    permissions: tuple[str, ...] = ()
    approve: tuple[ApproveRule, ...] = ()
    keep: KeepRule = KeepRule()


def load(path: Path) -> ApprovalPolicy:
    """Reads a policy file.

    Raises: PolicyFileError: it cannot be read, is no TOML, says what no policy may say, or has an unknown key.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyFileError(f"Cannot read the approval policy {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyFileError(f"The approval policy {path} is not valid TOML: {error}") from None
    try:
        policy = ApprovalPolicy.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PolicyFileError(f"The approval policy {path} is wrong at {where}: {first['msg']}", hint="See docs/headless.md") from None
    for number, rule in enumerate(policy.approve, 1):
        for kind in rule.kinds:
            if kind in _NEVER_IN_ADVANCE:
                raise PolicyFileError(
                    f"The approval policy {path} approves the kind {kind!r} (rule {number})",
                    hint="Changes of evaluation, data and infrastructure are decided by a person, one by one",
                )
    return policy


def objections(rule: ApproveRule, proposal: Proposal) -> str:
    """Why a rule does not cover a proposal, or an empty string when it does."""
    if proposal.kind not in rule.kinds:
        return f"kind {proposal.kind} is not among {', '.join(rule.kinds)}"
    names = {parameter.name for parameter in proposal.parameters}
    if rule.parameters is not None and not names <= set(rule.parameters):
        return f"it changes {', '.join(sorted(names - set(rule.parameters)))}"
    own = {parameter.key.partition(":")[0] for parameter in proposal.parameters}
    others = {file.path for file in proposal.files} - own - set(rule.files)
    if others:
        return f"it changes {', '.join(sorted(others))}"
    if rule.commands is not None and proposal.command not in rule.commands:
        return f"its command is {proposal.command!r}"
    if proposal.budget.minutes > rule.max_minutes:
        return f"its budget of {proposal.budget.minutes:g} minutes is over {rule.max_minutes:g}"
    runs = proposal.planned_runs
    if runs > rule.max_runs:
        return f"its {runs} runs are over {rule.max_runs}"
    return ""
