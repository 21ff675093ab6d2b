"""What the app has screens for, by text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mltui.agent import library
from mltui.agent.policy import Policy
from mltui.agent.store import SessionFile
from mltui.config import paths
from mltui.config.schema import Permissions
from mltui.core.events import SessionStarted, TurnStarted
from mltui.tools.base import Workspace
from tests.fake_manners import FakeManners

from .test_plain_parts import command


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/jobs", ["Nothing runs, and nothing ran yet", "cores, load", "Approved experiments and commands in the background"]),
        ("/jobs P-9", ["error: There is no job P-9", "There are: none"]),
        ("/jobs stop", ["error: There is no job without an id"]),
        ("/settings", ["Everything is as mltui comes", "/settings WORD finds one of"]),
        ("/settings titles session", ["sessions.titles = true", "let the small model name a session"]),
        ("/settings nonesuch", ["No setting has 'nonesuch' in it"]),
        ("/settings sessions.titles", ["1. true  now", "2. false"]),
        ("/permissions", ["mode default", "There are no rules: what acts asks"]),
        ("/permissions Bash(git push)", ["ask  Bash(git push)", "exec git push"]),
        ("/permissions push", ["error: 'push' is not a call", "/permissions Bash(git push)"]),
        ("/keys", ["Ctrl-D", "leave", "keys.toml", "mltui config keys"]),
        ("/personas", ["* ml-engineer"]),
        ("/personas reviewer", ["tools", "mltui --persona reviewer"]),
        ("/personas nobody", ["error: There is no persona nobody", "ml-engineer"]),
        ("/sessions find", ["/sessions find needs to know more", "/sessions find WORDS"]),
        ("/sessions delete nonesuch", ["error: There is no session nonesuch"]),
    ],
)
async def test_screens_by_text(text: str, words: list[str]) -> None:
    leave, out, _ = await command(text)
    assert leave is False
    for word in words:
        assert word in out


async def test_what_is_set_is_listed_with_its_file(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text('[permissions]\ndeny = ["Bash(rm *)"]\n')
    _, out, _ = await command("/settings")
    assert f'permissions.deny = ["Bash(rm *)"]  ({home / "config.toml"})' in out
    _, out, _ = await command("/permissions")
    assert f"deny   Bash(rm *)  ({home / 'config.toml'})" in out


async def test_what_was_always_allowed_counts_among_the_rules(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / "config.toml").write_text('[permissions]\nallow = ["Bash(ls *)"]\n')
    rules = Policy.build(Permissions(allow=("Bash(ls *)",)), Workspace(cwd=Path("/p"), roots=(Path("/p"),)))
    rules.remember("Bash(pip *)")
    monkeypatch.setattr(FakeManners, "rules", rules.rules)
    _, out, _ = await command("/permissions")
    assert f"allow  Bash(ls *)  ({home / 'config.toml'})" in out and out.count("Bash(ls *)") == 1
    assert "allow  Bash(pip *)  (this session)" in out
    _, out, _ = await command("/permissions Bash(pip install x)")
    assert "allow  Bash(pip install x)" in out


async def test_a_session_is_found_and_renamed() -> None:
    _, _, session = await command("/keys")
    folder = paths.sessions_dir(paths.project_root(session.workspace.cwd), os.environ)
    file = SessionFile(folder / "one.jsonl")
    file.append(SessionStarted(session_id="one", cwd="/x", model="m", persona="p", mode="default", version="1", system="s", tools=()))
    file.append(TurnStarted(turn=1, text="tune the optimiser"))
    file.close()
    _, out, _ = await command("/sessions find optimiser")
    assert "one  you: tune the optimiser" in out
    _, out, _ = await command("/sessions rename one a better name")
    assert "one is called a better name" in out
    assert [row.title for row in library.listed(folder).rows] == ["a better name"]
    _, out, _ = await command("/sessions delete one")
    assert "Delete one for good?" in out and "Nothing was deleted" in out
    _, out, _ = await command("/sessions copy one")
    assert "This is: the other one" in out
