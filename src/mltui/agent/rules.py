"""Permission rules: `Tool` or `Tool(pattern)`, as in `Bash(git *)`, `Read(./.env)`, `Edit(src/**)`, `WebFetch(domain:x)`."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

from mltui.core.effects import Effect, EffectKind
from mltui.core.errors import ConfigError

_KINDS: dict[str, EffectKind] = {
    "Read": "read",
    "Grep": "read",
    "Glob": "read",
    "CheckData": "read",
    "Edit": "write",
    "Write": "write",
    "NotebookEdit": "write",
    "Bash": "exec",
    "NotebookRun": "exec",
    "WebFetch": "net",
    "WebSearch": "net",
    "AskUserQuestion": "ask",
    "TodoWrite": "note",
    "BashOutput": "note",
    "KillShell": "note",
    "ExperimentStatus": "note",
    "ProposeExperiment": "propose",
    "ProposeSweep": "propose",
    "ConcludeExperiment": "conclude",
    "Promote": "promote",
    "Task": "delegate",
    "Skill": "note",
}
_BY_NAME = frozenset(["net", "note"])
"""Kinds of which each tool has its own rules: who may search the web may not fetch any page."""
_RULE = re.compile(r"(?P<tool>[A-Za-z_][\w*-]*)(?:\((?P<pattern>.*)\))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """Attributes: pattern: None admits every effect of the tool's kind."""

    text: str
    tool: str
    pattern: str | None

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Raises: ConfigError: not a rule, or a tool that does not exist."""
        match = _RULE.fullmatch(text.strip())
        if match is None:
            raise ConfigError(f"{text!r} is not a permission rule", hint="Write `Tool` or `Tool(pattern)`, such as `Bash(git status *)`")
        tool, pattern = match["tool"], match["pattern"]
        if tool not in _KINDS and not tool.startswith("mcp__"):
            raise ConfigError(f"The permission rule {text!r} names no tool of mltui", hint=f"Tools: {', '.join(_KINDS)}")
        return cls(text.strip(), tool, pattern or None)

    @property
    def reads(self) -> bool:
        """Whether the rule speaks of files that are read."""
        return _KINDS.get(self.tool) == "read"

    def admits(self, tool: str, effect: Effect, cwd: Path) -> bool:
        """Whether the rule speaks of this effect of a call of `tool`."""
        if self.tool.startswith("mcp__"):
            # `mcp__SERVER` alone means all of its tools.
            return fnmatch.fnmatchcase(tool, self.tool) or tool.startswith(f"{self.tool}__")
        if _KINDS[self.tool] != effect.kind or (effect.kind in _BY_NAME and tool != self.tool):
            return False
        if self.pattern is None:
            return True
        if effect.opaque:
            return False
        if effect.kind in ("read", "write"):
            return _path_matches(self.pattern, effect.target, cwd)
        if effect.kind == "note":
            return fnmatch.fnmatchcase(effect.target.removeprefix("skill "), self.pattern)
        if effect.kind == "net":
            return _domain_matches(self.pattern.removeprefix("domain:"), effect.target)
        return _command_matches(self.pattern, effect.target)


def _command_matches(pattern: str, command: str) -> bool:
    """`git *` and `git:*` admit `git` with any arguments; without a star the whole command must be equal."""
    pattern = pattern.removesuffix(":*") + " *" if pattern.endswith(":*") else pattern
    if pattern.endswith(" *") and "*" not in pattern[:-2]:
        prefix = pattern[:-2]
        return command == prefix or command.startswith(prefix + " ")
    return fnmatch.fnmatchcase(command, pattern)


def _domain_matches(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return host == pattern


def _path_matches(pattern: str, target: str, cwd: Path) -> bool:
    """`//x` is absolute, `~/x` under home, everything else under the working folder; `**` crosses folders."""
    if pattern.startswith("//"):
        full = pattern[1:]
    elif pattern.startswith("~/"):
        full = str(Path.home() / pattern[2:])
    else:
        inner = pattern.removeprefix("./").removeprefix("/")
        # As in .gitignore, a bare name is meant at any depth.
        full = f"{cwd}/{inner}" if inner != pattern or "/" in inner else f"{cwd}/**/{inner}"
    return _glob_regex(full).fullmatch(target) is not None


def _glob_regex(pattern: str) -> re.Pattern[str]:
    out: list[str] = []
    index = 0
    while index < len(pattern):
        if pattern.startswith("**/", index):
            out.append("(?:.*/)?")
            index += 3
        elif pattern.startswith("**", index):
            out.append(".*")
            index += 2
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(pattern[index], re.escape(pattern[index])))
            index += 1
    return re.compile("".join(out), re.DOTALL)
