"""Hooks: their files, and what their answers mean together."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.config import loader
from mltui.extensions.hook_files import Hook, digest, load_hooks, project_files
from mltui.extensions.hook_protocol import HookRun, HookVerdict, together, verdict

HOOK = Hook("PreToolUse", "check", "x")


def write(folder: Path, hooks: Any) -> Path:
    path = folder / ".claude" / "settings.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"hooks": hooks, "model": "opus"}))
    return path


def test_hooks_of_claudes_form_load(tmp_path: Path) -> None:
    group = {"matcher": "Edit|Write", "hooks": [{"type": "command", "command": "a", "timeout": 5}, {"command": "b", "on_error": "block"}]}
    found = load_hooks([write(tmp_path, {"PreToolUse": [group], "Stop": [{"hooks": [{"type": "command", "command": "c"}]}]})])
    assert not found.problems
    assert [hook.command for hook in found.of("PreToolUse", "Write")] == ["a", "b"]
    assert not found.of("PreToolUse", "WriteMore")
    assert [(hook.seconds, hook.block) for hook in found.hooks[:2]] == [(5.0, False), (60.0, True)]


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ([], "must be an object"),
        ({"Stop": ["x"]}, "must be a list of"),
        ({"Stop": [{"hooks": [{"type": "prompt"}]}]}, "only commands"),
        ({"Stop": [{"hooks": [{"command": ""}]}]}, "needs a `command`"),
        ({"Stop": [{"hooks": [{"command": "x", "timeout": -1}]}]}, "timeout"),
        ({"PreToolUse": [{"matcher": "(", "hooks": []}]}, "no regular expression"),
        ({"Notification": []}, "no event 'Notification'"),
    ],
)
def test_a_bad_hook_is_told(tmp_path: Path, hooks: Any, said: str) -> None:
    found = load_hooks([write(tmp_path, hooks)])
    assert not found.hooks
    assert said in str(found.problems[0])


def test_an_agreement_is_about_the_hooks_and_not_the_rest_of_the_file(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    path = write(tmp_path, {"Stop": [{"hooks": [{"command": "a"}]}]})
    before = digest(path)
    path.write_text(path.read_text().replace("opus", "sonnet"))
    assert digest(path) == before
    assert project_files(tmp_path) == [path]
    assert digest(write(tmp_path, {"Stop": [{"hooks": [{"command": "b"}]}]})) != before
    write(tmp_path, {})
    assert project_files(tmp_path) == []


def test_a_projects_settings_add_hooks_and_displace_none_of_the_persons(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "project"
    for folder, command in ((home, "mine"), (root / ".mltui", "theirs")):
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(f'[[hooks.PreToolUse]]\nhooks = [{{ command = "{command}" }}]\n')
    (root / ".git").mkdir()
    config = loader.load(root, {"MLTUI_HOME": str(home)}).config
    assert [hook.command for group in config.hooks["PreToolUse"] for hook in group.hooks] == ["mine", "theirs"]
    config = loader.load(root, {"MLTUI_HOME": str(home)}, trusted=False).config
    assert [hook.command for group in config.hooks["PreToolUse"] for hook in group.hooks] == ["mine"]


def said(**specific: Any) -> HookVerdict:
    return verdict(HookRun(HOOK, 0, json.dumps({"hookSpecificOutput": specific}), ""))


def test_what_a_hook_says() -> None:
    assert verdict(HookRun(HOOK, 0, "fine", "")) == HookVerdict()
    assert verdict(HookRun(HOOK, 2, "", "no")) == HookVerdict("deny", "no")
    assert said(permissionDecision="ask", permissionDecisionReason="hm") == HookVerdict("ask", "hm")
    assert said(permissionDecision="defer") == HookVerdict()
    assert said(permissionDecision="anything") == HookVerdict()
    assert said(additionalContext="c").context == "c"
    assert said(updatedInput={"a": 1}).updated == {"a": 1}
    older = verdict(HookRun(HOOK, 0, '{"decision": "block", "reason": "r"}', ""))
    assert older == HookVerdict("deny", "r")
    assert verdict(HookRun(HOOK, 0, '{"continue": false, "stopReason": "s"}', "")).stop == "s"
    start = Hook("SessionStart", "x", "x")
    assert verdict(HookRun(start, 0, "context", "")).context == "context"
    asked = Hook("PermissionRequest", "x", "x")
    answer = json.dumps({"hookSpecificOutput": {"decision": {"behavior": "deny", "message": "m"}}})
    assert verdict(HookRun(asked, 0, answer, "")) == HookVerdict("deny", "m")


@pytest.mark.parametrize(("code", "out"), [(1, ""), (None, ""), (0, "{broken"), (127, "")])
def test_a_failure_is_told_and_blocks_only_if_it_guards(code: int | None, out: str) -> None:
    open_, closed = verdict(HookRun(HOOK, code, out, "")), verdict(HookRun(Hook("PreToolUse", "x", "x", block=True), code, out, ""))
    assert open_.notes
    assert not open_.blocks
    assert closed.blocks


@given(st.lists(st.sampled_from(["", "allow", "ask", "deny"]), max_size=4))
def test_the_strictest_wins_whatever_the_order(permissions: list[Any]) -> None:
    order = ["", "allow", "ask", "deny"]
    expected = max(permissions, key=order.index, default="")
    for one in itertools.islice(itertools.permutations(permissions), 6):
        assert together(HookVerdict(permission) for permission in one).permission == expected


@given(st.text(), st.sampled_from([0, 1, 2, None]))
def test_no_output_stops_the_reading(out: str, code: int | None) -> None:
    verdict(HookRun(HOOK, code, out, out))
    verdict(HookRun(HOOK, code, "{" + out, out))
