"""What may run without asking, and what the rules say of a call."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from mltui.agent import rule_tests
from mltui.agent.policy import Policy
from mltui.config import loader, paths, trust
from mltui.config.loader import LoadedConfig
from mltui.core.errors import UsageError
from mltui.ui.commands.base import Console


async def permissions(console: Console, argument: str) -> None:
    """`/permissions` lists the rules, `/permissions CALL` explains what happens to a call."""
    session = console.session
    loaded = await asyncio.to_thread(_load, session.workspace.cwd)
    if not argument:
        lines = [f"mode {session.mode}", *_rules(loaded, session.rules)]
        console.tell("info", "\n".join(lines), "/permissions Bash(git push) says what happens to a call")
        return
    home = (paths.config_dir(os.environ), paths.state_dir(os.environ))
    section = loaded.config.permissions
    allow, deny = _of_session(loaded, session.rules, "allow"), _of_session(loaded, session.rules, "deny")
    policy = Policy.build(
        section, session.workspace, mode=session.mode, allow=allow, deny=deny, guarded=home, secret=(home[0] / "auth.json",)
    )
    try:
        outcome = rule_tests.explain(argument, policy)
    except UsageError as error:
        raise UsageError(str(error.args[0]), hint="Write TOOL(ARGUMENT): /permissions Bash(git push)") from None
    reason = f" ({outcome.found.reason})" if outcome.found.reason else ""
    effects = [f"  {effect.kind} {effect.target}" + (" (cannot be taken apart)" if effect.opaque else "") for effect in outcome.effects]
    console.tell("info", "\n".join([f"{outcome.found.answer}  {outcome.call}{reason}", *effects]))


def _load(cwd: Path) -> LoadedConfig:
    return loader.load(cwd, os.environ, {}, trust.is_trusted(cwd, os.environ) or not trust.what_needs_trust(cwd))


def _of_session(loaded: LoadedConfig, rules: dict[str, tuple[str, ...]], answer: str) -> list[str]:
    """The rules that stand in no file: of the command line, and what the person allowed for the rest of the session."""
    written: tuple[str, ...] = getattr(loaded.config.permissions, answer)
    return [rule for rule in dict.fromkeys(rules.get(answer, ())) if rule not in written]


def _rules(loaded: LoadedConfig, rules: dict[str, tuple[str, ...]]) -> list[str]:
    section = loaded.config.permissions
    found: list[str] = []
    for answer, written in (("deny", section.deny), ("ask", section.ask), ("allow", section.allow)):
        origin = loaded.origins.get(f"permissions.{answer}", "default")
        found += [f"{answer:<6} {rule}  ({origin})" for rule in written]
        found += [f"{answer:<6} {rule}  (this session)" for rule in _of_session(loaded, rules, answer)]
    return found or ["There are no rules: what acts asks. Write them under [permissions] as allow, ask and deny, or /settings permissions"]
