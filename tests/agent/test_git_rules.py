"""Git commands that lose work, rewrite what others have or step over hooks are never let through by a wide rule or a mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from mltui.agent.git_rules import judge_git
from mltui.agent.policy import MODES, Policy
from mltui.config.schema import PermissionMode, Permissions
from mltui.core.effects import Effect
from mltui.tools.base import Workspace
from mltui.tools.shell_syntax import command_effects

CWD = Path("/p")
WORKSPACE = Workspace(CWD, (CWD,))
FORCED = [
    "git push --force", "git push -f", "git push origin main --force-with-lease", "git push --force-if-includes origin", "git push --forc",
    "git push origin +main", "git push --mirror", "git -C sub push -f", "timeout 9 git push -uf origin x", "sh -c 'git push -f'",
    "/usr/bin/git push -f", "A=1 git push --force", "git -c x=y push --force", "git add -A && git push -f",
]  # fmt: skip
ASKING = [
    "git reset --hard", "git reset --hard HEAD~1", "git clean -f", "git clean -xdf", "git checkout -- .", "git checkout .",
    "git checkout HEAD -- .", "git restore .", "git branch -D x", "git branch -d -f x", "git branch --delete --force x", "git stash drop",
    "git stash clear", "git filter-branch --all", "git commit --no-verify -m x", "git commit -nm x", "git push --no-verify",
    "git -c core.hooksPath=/dev/null commit -m x", "git config core.hooksPath x", "git config alias.x '!sh'", "git rebase -x 'make' main",
    "git push origin :old", "git push -d origin old", "git reflog expire --all", "git checkout -f main", "git update-ref -d refs/heads/x",
]  # fmt: skip
ORDINARY = [
    "git push", "git push origin main", "git push -u origin feature", "git commit -m 'force push -f'", "git branch -d merged", "git reset",
    "git reset --soft HEAD~1", "git clean -n", "git checkout main", "git checkout -b x", "git restore --staged .", "git stash",
    "git rebase main", "git push -n origin main", "git stash pop", "git checkout -- a.py", "git config user.name x",
    "git config --get core.hooksPath",
]  # fmt: skip


def judge(command: str, mode: PermissionMode = "default", **rules: tuple[str, ...]) -> str:
    policy = Policy.build(Permissions.model_validate(rules), WORKSPACE, mode=mode)
    return policy.judge("Bash", command_effects(command, CWD), frozenset()).answer


@pytest.mark.parametrize("command", FORCED)
@pytest.mark.parametrize("mode", MODES)
def test_a_forced_push_is_denied_in_every_mode(command: str, mode: PermissionMode) -> None:
    assert judge(command, mode, allow=("Bash", f"Bash({command})")) == "deny"


def test_a_forced_push_is_found_in_what_cannot_be_taken_apart() -> None:
    opaque = Effect(kind="exec", target='eval "git push --force origin $X"', opaque=True)
    assert Policy.build(Permissions(), WORKSPACE, mode="auto").judge("Bash", [opaque], frozenset()).answer == "deny"


@pytest.mark.parametrize("command", ASKING)
def test_what_loses_work_asks_whatever_is_allowed(command: str) -> None:
    assert judge(command) == "ask"
    assert judge(command, "auto") == "ask"
    assert judge(command, "auto", allow=("Bash", "Bash(git *)")) == "ask"
    assert judge(command, deny=("Bash(git *)",)) == "deny"


@pytest.mark.parametrize("command", ORDINARY)
def test_ordinary_work_asks_as_any_command_and_can_be_allowed(command: str) -> None:
    assert judge_git(command) is None
    assert judge(command) == "ask"
    assert judge(command, allow=("Bash(git *)",)) == "allow"


def test_a_rule_that_names_it_allows_it() -> None:
    assert judge("git reset --hard HEAD", allow=("Bash(git reset --hard *)",)) == "allow"
    assert judge("git clean -f", allow=("Bash(git clean -f)",)) == "allow"
    assert judge("git reset --hard HEAD", allow=("Bash(git reset *)",)) == "ask"


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("git commit -m x", "Bash(git commit *)"),
        ("git rebase main", "Bash(git rebase *)"),
        ("git push origin main", "Bash(git push *)"),
        ("git config user.name x", "Bash(git config user.name x)"),
        ("git reset --hard", None),
        ("git branch -D x", None),
    ],
)
def test_always_is_offered_in_the_right_width(command: str, rule: str | None) -> None:
    assert Policy.build(Permissions(), WORKSPACE).suggest("Bash", command_effects(command, CWD), frozenset()) == rule
