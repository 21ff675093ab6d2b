"""The approval policy that a person wrote in advance: what may run without asking."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import os
import re
import stat
import time
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast

import pathspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mltui.core.data import JsonValue
from mltui.core.errors import PolicyFileError
from mltui.core.experiment import ExperimentKind, ParameterChange, Proposal

NEVER_IN_ADVANCE: tuple[ExperimentKind, ...] = ("eval", "data", "infra")
LARGEST = 1 << 20
"""Bytes of a policy file at most."""

Scalar = str | int | float | bool


class Range(BaseModel):
    """Values of one parameter: from `low` to `high`, or one of `choices`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float | None = None
    high: float | None = None
    choices: tuple[Scalar, ...] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Range:
        if self.low is None and self.high is None and self.choices is None:
            raise ValueError("needs low, high or choices")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self

    def admits(self, value: JsonValue) -> bool:
        if self.choices is not None and not any(
            value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in self.choices
        ):
            return False
        if self.low is None and self.high is None:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)

    @property
    def words(self) -> str:
        if self.choices is not None:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        if self.low is not None and self.high is not None:
            return f"from {self.low:g} to {self.high:g}"
        return f"from {self.low:g}" if self.low is not None else f"up to {self.high:g}"


class ApproveRule(BaseModel):
    """One kind of proposal that may run without asking. What is not named here is not approved.

    Attributes:
        name: by which its approvals are counted; absent: its place in the file.
        parameters: the only parameters that may change; absent: any of the declared space.
        ranges: values that a parameter may take, within the declared ones.
        commands: the only commands, as in the proposal; absent: any declared entry point.
        files: patterns of the only files that may change beside the parameters' own; absent: none.
        min_seeds: seeds at least.
        max_minutes, max_runs: of one proposal.
        total_minutes, total_runs, max_experiments: of all that this rule ever approved.
        expires: after this moment it approves nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", pattern=r"^[\w .-]{0,60}$")
    kinds: tuple[ExperimentKind, ...] = Field(min_length=1)
    parameters: tuple[str, ...] | None = None
    ranges: dict[str, Range] = Field(default_factory=dict)
    commands: tuple[str, ...] | None = None
    files: tuple[str, ...] = ()
    min_seeds: int = Field(default=1, ge=1)
    max_minutes: float = Field(gt=0, allow_inf_nan=False)
    max_runs: int = Field(gt=0)
    total_minutes: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    total_runs: int | None = Field(default=None, gt=0)
    max_experiments: int | None = Field(default=None, gt=0)
    expires: datetime | None = None

    @field_validator("expires", mode="before")
    @classmethod
    def _day(cls, value: Any) -> Any:
        """A day alone ends with that day."""
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            value = date.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime(value.year, value.month, value.day, 23, 59, 59)
        return value

    @field_validator("files")
    @classmethod
    def _inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            parts = PurePosixPath(pattern.lstrip("!")).parts
            if ".." in parts or pattern.startswith("!") or PurePosixPath(pattern).is_absolute() or not parts or "\\" in pattern:
                raise ValueError(f"{pattern!r} is no pattern of files below the project")
        pathspec.PathSpec.from_lines("gitignore", value)  # a ValueError where a pattern cannot be read
        return value

    @property
    def ends(self) -> float:
        """Seconds since the epoch; infinite without an end. Without a zone it is this machine's time."""
        return self.expires.timestamp() if self.expires else math.inf


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

    def label(self, number: int) -> str:
        """How the journal calls a rule, counted from 1."""
        return f"rule {self.approve[number - 1].name or number}"


class Spent(BaseModel):
    """What a rule or a grant approved so far, as planned."""

    experiments: int = 0
    runs: int = 0
    minutes: float = 0.0

    def and_(self, proposal: Proposal) -> Spent:
        return Spent(
            experiments=self.experiments + 1, runs=self.runs + proposal.planned_runs, minutes=self.minutes + proposal.budget.minutes
        )


def load(path: Path) -> ApprovalPolicy:
    """Reads a policy file.

    Raises: PolicyFileError: it cannot be read, is no TOML, says what no policy may say, or has an unknown key.
    """
    data = _content(path)
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PolicyFileError(f"The approval policy {path} is not valid TOML: line {line} is not UTF-8", hint="Save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PolicyFileError(f"The approval policy {path} is not valid TOML: {error}", hint="See docs/headless.md") from None
    try:
        policy = ApprovalPolicy.model_validate(raw)
    except ValidationError as error:
        raise _wrong(path, data.decode("utf-8"), error) from None
    for number, rule in enumerate(policy.approve, 1):
        for kind in rule.kinds:
            if kind in NEVER_IN_ADVANCE:
                raise PolicyFileError(
                    f"The approval policy {path} approves the kind {kind!r} (rule {number})",
                    hint="Changes of evaluation, data and infrastructure are decided by a person, one by one",
                )
    names = [rule.name for rule in policy.approve if rule.name]
    if len(set(names)) < len(names) or any(name.isdigit() for name in names):
        raise PolicyFileError(f"The approval policy {path} has a rule name twice, or one that is a number", hint="Name each rule once")
    return policy


def _content(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PolicyFileError(f"Cannot read the approval policy {path}: it is not a file", hint="Name a TOML file")
            if status.st_size > LARGEST:
                raise PolicyFileError(f"The approval policy {path} has {status.st_size / 1e6:.0f} MB", hint="A policy has a few lines")
            return file.read()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        hint = "`mltui experiments policy new` writes one to begin with" if isinstance(error, FileNotFoundError) else ""
        raise PolicyFileError(f"Cannot read the approval policy {path}: {why}", hint=hint) from None


def _wrong(path: Path, text: str, error: ValidationError) -> PolicyFileError:
    first = error.errors()[0]
    place = [part + 1 if isinstance(part, int) else part for part in first["loc"]]
    where = ".".join(str(part) for part in place)
    key = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str)), "")
    found = re.search(rf"^[ \t]*(?:\[+)?(?:.*[.{{, ])?{re.escape(key)}\b", text, re.MULTILINE) if key else None
    line = f" (line {text.count(chr(10), 0, found.start()) + 1})" if found else ""
    hint = "See docs/headless.md"
    if first["type"] == "extra_forbidden":
        model = ApprovalPolicy if len(place) == 1 else KeepRule if place[0] == "keep" else Range if "ranges" in place else ApproveRule
        near = difflib.get_close_matches(key, model.model_fields, n=1, cutoff=0.5)
        said = "there is no such key"
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(model.model_fields)}"
    else:
        said = str(first["msg"]).removeprefix("Value error, ")
    return PolicyFileError(f"The approval policy {path} is wrong at {where}{line}: {said}", hint=hint)


def objections(rule: ApproveRule, proposal: Proposal, spent: Spent | None = None, now: float | None = None) -> str:
    """Why a rule does not cover a proposal, or an empty string when it does.

    Args:
        spent: what it approved so far.
        now: seconds since the epoch.
    """
    if proposal.sweep is not None:
        return "it is a sweep, whose space a person approves"
    if proposal.kind in NEVER_IN_ADVANCE or proposal.kind not in rule.kinds:
        return f"kind {proposal.kind} is not among {', '.join(rule.kinds)}"
    if any(file.kind in NEVER_IN_ADVANCE for file in proposal.files):
        return f"it changes {', '.join(file.path for file in proposal.files if file.kind in NEVER_IN_ADVANCE)}, which a person decides on"
    if rule.ends <= (time.time() if now is None else now):
        return "it has expired"
    return _about_change(rule, proposal) or _about_cost(rule, proposal, spent or Spent())


def _about_change(rule: ApproveRule, proposal: Proposal) -> str:
    names = {parameter.name for parameter in proposal.parameters}
    if rule.parameters is not None and not names <= set(rule.parameters):
        return f"it changes {', '.join(sorted(names - set(rule.parameters)))}"
    if why := _out_of_range(rule, proposal.parameters):
        return why
    own = {parameter.key.partition(":")[0].removeprefix("./") for parameter in proposal.parameters}
    # Letter for letter, unlike what is under experiment: there too much is safe, here too little.
    named = pathspec.PathSpec.from_lines("gitignore", rule.files)
    others = sorted(file.path for file in proposal.files if file.path not in own and not named.match_file(file.path))
    if others:
        return f"it changes {', '.join(others)}"
    if rule.ranges and own & {file.path for file in proposal.files if named.match_file(file.path)}:
        return "its parameters' own files may change as a whole, so their ranges cannot be held"
    if rule.commands is not None and proposal.command not in rule.commands:
        return f"its command is {proposal.command!r}"
    return ""


def _out_of_range(rule: ApproveRule, parameters: Sequence[ParameterChange]) -> str:
    for parameter in parameters:
        wanted = rule.ranges.get(parameter.name)
        if wanted is not None and not wanted.admits(parameter.after):
            return f"{parameter.name} = {parameter.after!r} is not {wanted.words}"
    return ""


def _about_cost(rule: ApproveRule, proposal: Proposal, spent: Spent) -> str:
    runs, minutes = proposal.planned_runs, proposal.budget.minutes
    if len(proposal.seeds) < rule.min_seeds:
        return f"its {len(proposal.seeds)} seeds are under {rule.min_seeds}"
    if minutes > rule.max_minutes:
        return f"its budget of {minutes:g} minutes is over {rule.max_minutes:g}"
    if runs > rule.max_runs:
        return f"its {runs} runs are over {rule.max_runs}"
    if rule.total_minutes is not None and spent.minutes + minutes > rule.total_minutes:
        return f"{minutes:g} more minutes are over its total of {rule.total_minutes:g} ({spent.minutes:g} are given)"
    if rule.total_runs is not None and spent.runs + runs > rule.total_runs:
        return f"{runs} more runs are over its total of {rule.total_runs} ({spent.runs} are given)"
    if rule.max_experiments is not None and spent.experiments >= rule.max_experiments:
        return f"its {rule.max_experiments} experiments are given"
    return ""


def digest(policy: ApprovalPolicy) -> str:
    """SHA-256 of what the policy says, whatever its comments."""
    return hashlib.sha256(json.dumps(policy.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def rule_words(rule: ApproveRule, spent: Spent | None = None) -> list[str]:
    """What a rule approves, a line each."""
    used = spent or Spent()
    lines = [f"approves {' and '.join(rule.kinds)} changes without asking"]
    lines.append("parameters: " + (", ".join(rule.parameters) if rule.parameters is not None else "any of the declared space"))
    lines += [f"  {name}: {values.words}" for name, values in rule.ranges.items()]
    lines.append("files beside the parameters' own: " + (", ".join(rule.files) or "none"))
    lines.append("commands: " + (", ".join(rule.commands) if rule.commands is not None else "any declared entry point"))
    seeds = f", with {rule.min_seeds} seeds at least" if rule.min_seeds > 1 else ""
    lines.append(f"each: {rule.max_minutes:g} minutes and {rule.max_runs} runs at most{seeds}")
    totals = [
        f"{used.minutes:g} of {rule.total_minutes:g} minutes" if rule.total_minutes is not None else "",
        f"{used.runs} of {rule.total_runs} runs" if rule.total_runs is not None else "",
        f"{used.experiments} of {rule.max_experiments} experiments" if rule.max_experiments is not None else "",
    ]
    if any(totals):
        lines.append("given so far: " + ", ".join(filter(None, totals)))
    if rule.expires:
        lines.append(f"until {datetime.fromtimestamp(rule.ends, UTC).astimezone():%Y-%m-%d %H:%M %Z}")
    return lines


def as_rule(values: object) -> ApproveRule | None:
    """A rule from a journal's JSON; None when it is none (any more)."""
    try:
        rule = ApproveRule.model_validate(cast("dict[str, Any]", values))
    except ValidationError:
        return None
    return None if set(rule.kinds) & set(NEVER_IN_ADVANCE) else rule
