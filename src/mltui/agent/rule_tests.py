"""Asks the permission rules what they say of a call, and whether that is what their author meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mltui.agent.policy import Policy, Verdict
from mltui.config.schema import PermissionTest
from mltui.core.data import JsonObject
from mltui.core.effects import Effect
from mltui.core.errors import ConfigError, InvalidArgumentsError, UsageError
from mltui.tools.base import Tool
from mltui.tools.catalog import catalog
from mltui.tools.validation import validate

_CALL = re.compile(r"(?P<tool>[A-Za-z_][\w-]*)\((?P<argument>.*)\)", re.DOTALL)
_ARGUMENTS = {
    "Bash": "command",
    "Read": "file_path",
    "Write": "file_path",
    "Edit": "file_path",
    "NotebookEdit": "notebook_path",
    "NotebookRun": "notebook_path",
    "Glob": "path",
    "Grep": "path",
    "CheckData": "path",
    "WebFetch": "url",
    "WebSearch": "query",
    "Task": "subagent_type",
    "Skill": "skill",
}
_REST: dict[str, JsonObject] = {
    "Write": {"content": "x"},
    "Edit": {"old_string": "a", "new_string": "b"},
    "NotebookEdit": {"new_source": "x", "cell_id": "a"},
    "Glob": {"pattern": "*"},
    "Grep": {"pattern": "x"},
    "WebFetch": {"prompt": "x"},
    "Task": {"description": "x", "prompt": "x"},
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Attributes: effects: what the call would do, as the rules see it; found: what the rules say."""

    call: str
    effects: tuple[Effect, ...]
    found: Verdict


def explain(call: str, policy: Policy) -> Outcome:
    """What the rules say of a call such as `Bash(git push)` or `Edit(src/x.py)`.

    Raises: UsageError: it is not written as a call, or no tool can be called so.
    """
    match = _CALL.fullmatch(call.strip())
    if match is None:
        raise UsageError(f"{call!r} is not a call", hint="Write TOOL(ARGUMENT), such as 'Bash(git push)' or 'Edit(src/x.py)'")
    name = match["tool"]
    if name.startswith("mcp__"):
        effects: tuple[Effect, ...] = (Effect(kind="mcp", target=name),)
    else:
        effects = _effects(name, match["argument"], policy)
    return Outcome(call, effects, policy.judge(name, effects, frozenset()))


def _effects(name: str, argument: str, policy: Policy) -> tuple[Effect, ...]:
    tool: Tool | None = next((known for known in catalog() if known.name == name), None)
    if tool is None or name not in _ARGUMENTS:
        raise UsageError(f"There is no tool {name} that rules speak of", hint=f"Tools: {', '.join(_ARGUMENTS)}, mcp__SERVER__TOOL")
    try:
        args = validate(tool, {_ARGUMENTS[name]: argument, **_REST.get(name, {})})
        return tool.effects(args, policy.workspace)
    except InvalidArgumentsError as error:
        raise UsageError(f"{name}({argument}) is refused whatever the rules say: {error.args[0]}", hint=error.hint) from None


def failures(tests: Iterable[PermissionTest], policy: Policy) -> list[str]:
    """A line for each self-test of the configuration that the rules do not pass.

    Raises: ConfigError: a test is not written as a call.
    """
    lines: list[str] = []
    for test in tests:
        try:
            outcome = explain(test.call, policy)
        except UsageError as error:
            raise ConfigError(f"[[permissions.tests]]: {error.args[0]}", hint=error.hint) from None
        if outcome.found.answer != test.answer:
            why = f" ({outcome.found.reason})" if outcome.found.reason else ""
            lines.append(f"{test.call}: the rules say {outcome.found.answer}{why}, the test wants {test.answer}")
    return lines
