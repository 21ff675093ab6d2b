"""What may run without asking: deny over ask over allow, whatever their order; no rule means ask."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mltui.agent.git_rules import NARROW, judge_git
from mltui.agent.looking import looked_at, only_looks, resolved
from mltui.agent.rules import Rule
from mltui.config.schema import PermissionMode, Permissions
from mltui.core.effects import Effect
from mltui.core.errors import ConfigError
from mltui.tools.base import Workspace
from mltui.tools.shell_syntax import simple_commands

Answer = Literal["allow", "ask", "deny"]

MODES: tuple[PermissionMode, ...] = ("plan", "default", "accept-edits", "auto")
_ALIASES: dict[str, PermissionMode] = {"acceptEdits": "accept-edits", "bypassPermissions": "auto", "dontAsk": "default"}

_OWN = re.compile(r"(?<![\w=-])(\.mltui|\.git/(?:hooks|config)|MLTUI_HOME)(?![\w-])", re.IGNORECASE)
_STEERING = frozenset(["agents.md", "agents.override.md", "claude.md", ".mcp.json"])
_CHANGING = frozenset(["write", "propose", "conclude", "promote", "mcp"])
_STEERING_FOLDERS = frozenset([".claude", ".agents"])


@dataclass(frozen=True, slots=True)
class Verdict:
    """Attributes: firm: an `ask` that a person wants to hear themselves, so that no hook can answer it."""

    answer: Answer
    reason: str = ""
    firm: bool = False


def parse_mode(name: str) -> PermissionMode:
    """The mode of that name, Claude Code's spellings included. Raises: ConfigError."""
    mode = _ALIASES.get(name, name)
    for known in MODES:
        if mode == known:
            return known
    raise ConfigError(f"There is no permission mode {name!r}", hint=f"Modes: {', '.join(MODES)}")


@dataclass(slots=True)
class Policy:
    """The rules of a session.

    Attributes:
        guarded: folders and files that no call may write, whatever the mode and the rules.
        secret: files that no call may read either.
        obeyed: files that mltui itself obeys; a change of them asks in every mode.
        readable: folders outside the workspace that may be read, such as those of skills.
    """

    workspace: Workspace
    mode: PermissionMode
    allow: list[Rule] = field(default_factory=list[Rule])
    ask: list[Rule] = field(default_factory=list[Rule])
    deny: list[Rule] = field(default_factory=list[Rule])
    guarded: tuple[Path, ...] = ()
    secret: tuple[Path, ...] = ()
    obeyed: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()

    @classmethod
    def build(
        cls,
        permissions: Permissions,
        workspace: Workspace,
        *,
        mode: PermissionMode | None = None,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
        guarded: Sequence[Path] = (),
        secret: Sequence[Path] = (),
        obeyed: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> Policy:
        """Raises: ConfigError: a rule that is none."""
        return cls(
            workspace,
            mode or permissions.mode,
            allow=[Rule.parse(text) for text in (*permissions.allow, *allow)],
            ask=[Rule.parse(text) for text in permissions.ask],
            deny=[Rule.parse(text) for text in (*permissions.deny, *deny)],
            guarded=tuple(guarded),
            secret=tuple(secret),
            obeyed=tuple(path.resolve() for path in obeyed),
            readable=tuple(path.resolve() for path in readable),
        )

    @property
    def rules(self) -> dict[str, tuple[str, ...]]:
        """The rules in force by what they answer, with those of the command line and those that the person allowed for the session."""
        kinds = {"deny": self.deny, "ask": self.ask, "allow": self.allow}
        return {answer: tuple(rule.text for rule in rules) for answer, rules in kinds.items()}

    def remember(self, text: str) -> None:
        """Allows what the rule admits for the rest of the session."""
        self.allow.append(Rule.parse(text))

    def suggest(self, tool: str, effects: Sequence[Effect], staged: frozenset[str]) -> str | None:
        """A rule after which this call and its like need not be asked about, or None where none would do."""
        asking = [effect for effect in effects if self._judge_one(tool, effect, effect.target in staged).answer == "ask"]
        rule = suggest_rule(tool, asking, self.workspace)
        if rule is None:
            return None
        wider = replace(self, allow=[*self.allow, Rule.parse(rule)])
        return rule if wider.judge(tool, effects, staged).answer == "allow" else None

    def judge(self, tool: str, effects: Sequence[Effect], staged: frozenset[str]) -> Verdict:
        """The strictest answer over all effects. `staged` holds the targets of writes that go to the draft."""
        verdicts = [self._judge_one(tool, effect, effect.target in staged) for effect in effects]
        moves = [effect for effect in effects if _changes_folder(effect)]
        if moves and self.mode != "auto":
            # What only looks was judged from where the line starts, and may look from elsewhere.
            folder = self._below(moves)
            verdicts += [self._elsewhere(tool, effect, folder) for effect in effects if effect.kind == "exec" and effect not in moves]
        for answer in ("deny", "ask"):
            for verdict in verdicts:
                if verdict.answer == answer:
                    return verdict
        return Verdict("allow")

    def acts(self, effects: Sequence[Effect]) -> bool:
        """Whether a call may change files: all but those that only look, ask, note or go through the experiment desk."""
        return any(not self._looks(effect) if effect.kind == "exec" else effect.kind in ("write", "mcp") for effect in effects)

    def _judge_one(self, tool: str, effect: Effect, staged: bool) -> Verdict:
        if reason := self._always_denied(effect):
            return Verdict("deny", reason)
        if rule := self._first_strict(self.deny, tool, effect):
            return Verdict("deny", f"the rule {rule.text} denies it")
        if self.mode == "plan" and (effect.kind in _CHANGING or (effect.kind == "exec" and not self._looks(effect))):
            return Verdict("deny", "plan mode only looks; leave it with /mode default")
        git = judge_git(effect.target) if effect.kind == "exec" else None
        if git is not None and git.answer == "deny":
            return Verdict("deny", git.reason)
        if rule := self._first_strict(self.ask, tool, effect):
            return Verdict("ask", f"the rule {rule.text} asks", firm=True)
        if git is not None and not self._names_git(tool, effect):
            return Verdict("ask", git.reason, firm=True)
        if effect.kind == "write" and self._steers(Path(effect.target)) and not self._named(tool, effect):
            return Verdict("ask", f"mltui obeys {self.workspace.relative(Path(effect.target))}", firm=True)
        if staged:  # the draft is not the tree: the question comes with the proposal
            return Verdict("allow")
        if self._first(self.allow, tool, effect):
            return Verdict("allow")
        return self._by_mode(effect)

    def _first(self, rules: Iterable[Rule], tool: str, effect: Effect) -> Rule | None:
        return next((rule for rule in rules if rule.admits(tool, effect, self.workspace.cwd)), None)

    def _first_strict(self, rules: Iterable[Rule], tool: str, effect: Effect) -> Rule | None:
        """As `_first`, but neither a wrapper (`timeout 5 rm x`) nor its spelling (`\\rm x`, `/bin/rm x`) hides a command from a rule that
        restricts."""
        rules = list(rules)
        if not rules or effect.kind != "exec" or effect.opaque:
            return self._first(rules, tool, effect)
        if any(rule.reads for rule in rules):
            seen = (Effect(kind="read", target=str(path)) for path in looked_at(effect, self.workspace))
            if found := next((rule for view in seen if (rule := self._first(rules, tool, view))), None):
                return found
        texts = [text for command in simple_commands(effect.target) for text in (command.core_text, _plainly(command.core))]
        views = [effect, *(effect.model_copy(update={"target": text}) for text in texts)]
        return next((rule for view in views if (rule := self._first(rules, tool, view))), None)

    def _always_denied(self, effect: Effect) -> str:
        looking = effect.kind == "exec" and self._looks(effect) and not _changes_folder(effect)
        if effect.kind == "exec" and not looking and (place := self._own_place(effect.target)):
            return f"the command names {place}, which belongs to mltui or to git; Read and Grep look into it"
        if effect.kind not in ("read", "write"):
            return ""
        path = Path(effect.target)
        if _under(path, self.secret):
            return f"{path} holds credentials"
        # Lower case: some file systems take one name for the other.
        own = {".git", ".mltui"} & {part.lower() for part in path.parts}
        if effect.kind == "write" and (own or _under(path, self.guarded)):
            return f"{self.workspace.relative(path)} belongs to git or to mltui, which no tool may write"
        return ""

    def _own_place(self, command: str) -> str:
        if found := _OWN.search(command):
            return found[1]
        return next((str(place) for place in self.guarded if str(place) in command), "")

    def _steers(self, path: Path) -> bool:
        """Whether what the file says becomes an instruction or a permission of this session or the next."""
        folders = {part.lower() for part in path.parts[:-1]}
        return path in self.obeyed or path.name.lower() in _STEERING or not _STEERING_FOLDERS.isdisjoint(folders)

    def _names_git(self, tool: str, effect: Effect) -> bool:
        """Whether a person allowed what is dangerous about a git command by name, and not all of git."""
        exact = (rule for rule in self.allow if rule.pattern and judge_git(rule.pattern.removesuffix("*").removesuffix(":").strip()))
        return self._first(exact, tool, effect) is not None

    def _named(self, tool: str, effect: Effect) -> bool:
        """Whether a person allowed this very file, rather than many of which it is one."""
        exact = (rule for rule in self.allow if rule.pattern and not {"*", "?"} & set(rule.pattern))
        return self._first(exact, tool, effect) is not None

    def _by_mode(self, effect: Effect) -> Verdict:
        match effect.kind:
            case "ask" | "note" | "propose" | "conclude" | "promote" | "delegate":
                # Those that matter ask a person themselves, each time, whatever the mode and the rules; what a subagent does is
                # decided on call by call.
                return Verdict("allow")
            case "read":
                inside = self.workspace.contains(Path(effect.target)) or _under(Path(effect.target), self.readable)
                return Verdict("allow") if inside else Verdict("ask", f"{effect.target} is outside the workspace")
            case "write":
                inside = self.workspace.contains(Path(effect.target))
                if inside and self.mode in ("accept-edits", "auto"):
                    return Verdict("allow")
                return Verdict("ask", "it writes a file" if inside else f"{effect.target} is outside the workspace")
            case "exec":
                if self.mode == "auto" or self._looks(effect):
                    return Verdict("allow")
                return Verdict("ask", "it runs a command that mltui cannot take apart" if effect.opaque else "it runs a command")
            case "mcp":
                return Verdict("allow") if self.mode == "auto" else Verdict("ask", "it calls a tool of an MCP server")
            case "net":
                return Verdict("allow") if self.mode == "auto" else Verdict("ask", "it uses the network")

    def _elsewhere(self, tool: str, effect: Effect, folder: Path | None) -> Verdict:
        """The verdict on a command from the folder that a `cd` before it goes to, None where nobody knows which that is."""
        if folder is not None:
            return self._judge_one(tool, effect.model_copy(update={"folder": str(folder)}), staged=False)
        if self._first(self.allow, tool, effect):
            return Verdict("allow")
        if self.mode == "plan":
            return Verdict("deny", "plan mode only looks, and not behind a cd that may lead anywhere: let the cd stand alone")
        return Verdict("ask", "it runs a command, behind a cd that may lead anywhere")

    def _below(self, moves: Sequence[Effect]) -> Path | None:
        """The folder that the only `cd` of a line goes to, if that is below the one in which the line starts."""
        words = moves[0].target.split()
        if len(moves) > 1 or words[0] != "cd" or len(words) != 2 or re.search(r"[^\w./@+-]|^-", words[1]):
            return None
        start = Path(moves[0].folder) if moves[0].folder else self.workspace.cwd
        folder = resolved(replace(self.workspace, cwd=start), words[1])
        if folder is None or resolved(self.workspace, os.path.normpath(start / words[1])) != folder:
            return None  # bash takes `..` off the name, whatever that is a link to
        # The same `cd` may stand there twice.
        return folder if _under(folder, (start,)) and not (folder / words[1]).is_dir() else None

    def _looks(self, effect: Effect) -> bool:
        """Whether a command only reads, and only inside the workspace."""
        return only_looks(effect, self.workspace)


def _plainly(words: Sequence[str]) -> str:
    """A command without its quotes, and without the folder of its program."""
    return " ".join([words[0].rpartition("/")[2], *words[1:]]) if words else ""


def _changes_folder(effect: Effect) -> bool:
    """Whether a command takes those behind it elsewhere."""
    if effect.kind != "exec":
        return False
    return any(simple.core[:1] in (("cd",), ("pushd",), ("popd",)) for simple in simple_commands(effect.target))


def _under(path: Path, places: Iterable[Path]) -> bool:
    return any(path == place or place in path.parents for place in places)


def suggest_rule(tool: str, effects: Sequence[Effect], workspace: Workspace) -> str | None:
    """A rule that would allow this call and its like, or None where a rule would be too wide or there are several."""
    if len(effects) != 1 or effects[0].opaque:
        return None
    effect = effects[0]
    if effect.kind == "exec":
        words = effect.target.split()
        if not words or any(char in effect.target for char in "$`'\"\\*?()"):
            return None
        if words[0] == "git" and len(words) > 1:
            return f"Bash(git {words[1]} *)" if words[1] in NARROW else f"Bash({effect.target})"
        if words[0] in ("uv", "npm", "cargo", "make", "just", "docker", "kubectl") and len(words) > 1:
            return f"Bash({words[0]} {words[1]} *)"
        return f"Bash({words[0]} *)" if words[0] in ("pytest", "ruff", "mypy", "pyright", "black") else f"Bash({effect.target})"
    if effect.kind in ("read", "write"):
        path = Path(effect.target)
        if workspace.contains(path) and effect.kind == "write":
            return "Edit(./**)"
        return f"Read(/{path.parent}/**)" if effect.kind == "read" and path.parent != path.parent.parent else None
    if effect.kind == "net":
        return f"WebFetch(domain:{effect.target})" if tool == "WebFetch" else tool
    if effect.kind == "mcp":
        return tool
    return None
