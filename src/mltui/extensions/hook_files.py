"""Where hooks are written down: `[hooks]` of the settings, `.claude/settings.json` and `.mltui/hooks.json`. Claude Code's form."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from mltui.config.paths import config_dir, folders_from_root
from mltui.config.schema import HookEvent
from mltui.extensions.problems import Problem

__all__ = ["EVENTS", "Hook", "HookEvent", "Hooks", "digest", "load_hooks", "project_files", "user_file"]

EVENTS: tuple[str, ...] = get_args(HookEvent)
OF_PROJECT = (".claude/settings.json", ".claude/settings.local.json", ".mltui/hooks.json")
LONGEST_SECONDS = 600.0
_DEFAULT_SECONDS = 60.0
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Hook:
    """A command that runs at an event.

    Attributes:
        matcher: of the tool's name (for SessionStart of the source, for PreCompact of the trigger); empty: all.
        seconds: until it is ended.
        block: a failure or a time-out of the hook blocks; else it is told and nothing more.
        sandbox: it runs in the sandbox of commands; else with all the person's rights.
    """

    event: HookEvent
    command: str
    origin: str
    matcher: str = ""
    seconds: float = _DEFAULT_SECONDS
    block: bool = False
    sandbox: bool = True

    def matches(self, subject: str) -> bool:
        """Whether it is meant for a tool. `Edit|Write` and `mcp__.*` are regular expressions over the whole name."""
        return self.matcher in ("", "*") or re.fullmatch(self.matcher, subject) is not None


@dataclass(frozen=True, slots=True)
class Hooks:
    hooks: tuple[Hook, ...] = ()
    problems: tuple[Problem, ...] = ()

    def of(self, event: HookEvent, subject: str = "") -> tuple[Hook, ...]:
        return tuple(hook for hook in self.hooks if hook.event == event and hook.matches(subject))


def project_files(cwd: Path) -> list[Path]:
    """The files of a project that hold hooks and are there."""
    found = [folder / name for folder in folders_from_root(cwd) for name in OF_PROJECT]
    return [path for path in found if _table(path, [])]


def user_file(environ: Mapping[str, str]) -> Path:
    return config_dir(environ) / "hooks.json"


def digest(path: Path) -> str:
    """Of the hooks that a file holds: what an approval is bound to. What else the file says may change."""
    return hashlib.sha256(json.dumps(_table(path, []), sort_keys=True).encode()).hexdigest()


def load_hooks(files: Sequence[Path], settings: Mapping[str, Any] | None = None, origin: str = "settings") -> Hooks:
    """All hooks, in the order of the files, and what is wrong with them.

    Args:
        settings: `[hooks]` of mltui's own settings.
        origin: where those stand.
    """
    problems: list[Problem] = []
    hooks = [hook for path in files for hook in _hooks(_table(path, problems), str(path), path, problems)]
    if settings:
        hooks += _hooks(settings, origin, Path(origin), problems)
    return Hooks(tuple(hooks), tuple(problems))


def _table(path: Path, problems: list[Problem]) -> Mapping[str, Any]:
    try:
        if not path.is_file():
            return {}
        if path.stat().st_size > _MAX_BYTES:
            problems.append(Problem(path, f"is larger than {_MAX_BYTES >> 20} MiB"))
            return {}
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(Problem(path, f"cannot be read: {error.strerror}"))
        return {}
    except json.JSONDecodeError as error:
        problems.append(Problem(path, f"is not JSON: {error.msg}", line=error.lineno))
        return {}
    except (ValueError, RecursionError) as error:
        problems.append(Problem(path, f"is not JSON: {type(error).__name__}"))
        return {}
    hooks: Any = cast("dict[str, Any]", content).get("hooks", {}) if isinstance(content, dict) else None
    if not isinstance(hooks, dict):
        problems.append(Problem(path, "`hooks` must be an object of lists by event"))
        return {}
    return cast("dict[str, Any]", hooks)


def _hooks(table: Mapping[str, Any], origin: str, path: Path, problems: list[Problem]) -> list[Hook]:
    found: list[Hook] = []
    for event, groups in table.items():
        if event not in EVENTS:
            # Claude Code has more events than mltui; a file may serve both.
            problems.append(Problem(path, f"mltui has no event {str(event)[:60]!r}, so its hooks never run", "warning"))
            continue
        for group in cast("list[Any]", groups) if isinstance(groups, (list, tuple)) else [groups]:
            found += _group(cast("HookEvent", event), group, origin, path, problems)
    return found


def _group(event: HookEvent, group: Any, origin: str, path: Path, problems: list[Problem]) -> list[Hook]:
    fields = _object(group)
    matcher, inner = fields.get("matcher", ""), fields.get("hooks")
    if not isinstance(matcher, str) or not isinstance(inner, (list, tuple)):
        problems.append(Problem(path, f"{event} must be a list of {{matcher, hooks: [{{type, command}}]}}"))
        return []
    try:
        re.compile(matcher if matcher != "*" else "")
    except re.error as error:
        problems.append(Problem(path, f"the matcher {matcher[:60]!r} of {event} is no regular expression: {error}"))
        return []
    found: list[Hook] = []
    for one in cast("Sequence[Any]", inner):
        hook = _hook(event, matcher, one, origin)
        if isinstance(hook, str):
            problems.append(Problem(path, f"{event}: {hook}"))
        else:
            found.append(hook)
    return found


def _hook(event: HookEvent, matcher: str, one: Any, origin: str) -> Hook | str:
    """The hook, or what is wrong with it."""
    fields = _object(one)
    if fields.get("type", "command") != "command":
        return f"hooks of the type {str(fields.get('type'))[:40]!r} are not run, only commands"
    command, seconds, on_error = fields.get("command"), fields.get("timeout", _DEFAULT_SECONDS), fields.get("on_error", "warn")
    if not isinstance(command, str) or not command.strip() or "\0" in command:
        return "a hook needs a `command`"
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_SECONDS:
        return f"`timeout` must be seconds, up to {LONGEST_SECONDS:g}"
    if on_error not in ("warn", "block"):
        return '`on_error` must be "warn" or "block"'
    if not isinstance(fields.get("sandbox", True), bool):
        return "`sandbox` must be true or false"
    return Hook(event, command, origin, matcher, float(seconds), on_error == "block", fields.get("sandbox", True))


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
