"""What mltui itself obeys is as before after every command, whatever the command was."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mltui.capabilities.own_state import OwnState
from mltui.core.errors import ProposalError
from mltui.experiments.journal import Journal
from tests.capabilities.conftest import write_files

SETTINGS = {
    ".mltui/config.toml": "a = 1\n",
    ".mltui/personas/p.md": "be\n",
    ".git/hooks/pre-commit": "#!/bin/sh\n",
    "pyproject.toml": "[project]\nname = 'x'\n[tool.mltui.experiments]\ntraining = ['train.py']\n",
    "policy.toml": "permissions = []\n",
    "home/trusted.json": "{}\n",
}


@pytest.fixture
def own(root: Path) -> Iterator[OwnState]:
    write_files(root, SETTINGS)
    state = OwnState(root, root / ".mltui", [root / "home"], [root / "policy.toml"])
    state.before()
    yield state
    state.close()


def journal(root: Path) -> Journal:
    return Journal(root / ".mltui" / "journal.jsonl")


def decision(root: Path) -> None:
    it = journal(root)
    it.read()
    it.append("proposal.decided", "root", {"approval": {"proposal_id": "P-0001", "answer": "approve"}})


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("how", ["changed", "deleted", "linked"])
def test_settings_are_put_back(own: OwnState, root: Path, name: str, how: str) -> None:
    path = root / name
    path.unlink()
    if how == "changed":
        path.write_text("[tool.mltui]\n" if name == "pyproject.toml" else "other\n")
    elif how == "linked":
        path.symlink_to(root / "elsewhere")
    (note,) = own.after()
    assert str(path) in note
    assert not path.is_symlink()
    assert path.read_text() == SETTINGS[name]
    own.before()
    assert own.after() == ()


def test_new_settings_are_taken_away(own: OwnState, root: Path) -> None:
    write_files(root, {".mltui/personas/evil.md": "x", ".git/hooks/post-checkout": "x", "home/config.toml": "x"})
    assert len(own.after()) == 3
    assert not (root / ".mltui/personas/evil.md").exists()
    assert not (root / ".git/hooks/post-checkout").exists()
    assert not (root / "home/config.toml").exists()


def test_what_a_pyproject_says_to_others_is_nobodys_business_here(own: OwnState, root: Path) -> None:
    path = root / "pyproject.toml"
    path.write_text(path.read_text().replace("'x'", "'y'"))
    assert own.after() == ()
    assert "'y'" in path.read_text()


@pytest.mark.parametrize("forged", [b"{}\n", b"x", b'{"seq":2}\n'])
def test_a_line_that_is_no_record_is_taken_out_of_the_journal(own: OwnState, root: Path, forged: bytes) -> None:
    journal(root).append("note", "a", {})
    before = journal(root).path.read_bytes()
    own.before()
    journal(root).path.write_bytes(before + forged)
    (note,) = own.after()
    assert "journal" in note
    assert journal(root).path.read_bytes() == before


def test_a_journal_that_was_rewritten_or_deleted_is_put_back(own: OwnState, root: Path) -> None:
    path = journal(root).path
    journal(root).append("note", "a", {})
    before = path.read_bytes()
    own.before()
    path.unlink()
    assert own.after()
    assert path.read_bytes() == before
    own.before()
    path.unlink()
    journal(root).append("note", "somebody else", {})
    assert own.after()
    assert path.read_bytes() == before


def test_what_supervisors_append_stays(own: OwnState, root: Path) -> None:
    journal(root).append("run.started", "mltui", {})
    after = journal(root).path.read_bytes()
    assert own.after() == ()
    assert journal(root).path.read_bytes() == after
    assert not own.doubted


def test_a_decision_while_a_command_runs_is_doubted(own: OwnState, root: Path) -> None:
    decision(root)
    (note,) = own.after()
    assert "P-0001" in note
    assert own.doubted == {"P-0001"}
    assert journal(root).verify() == 1


@pytest.mark.parametrize("here", [True, False])
def test_what_this_process_decided_is_the_persons_and_what_left_the_draft_for_it_stays_gone(root: Path, here: bool) -> None:
    draft = root / ".mltui/drafts/s"
    drafted = {
        f".mltui/drafts/s/{name}": text for name, text in (("files/train.py", "mine\n"), ("deleted/old.py", ""), ("files/x.py", "x"))
    }
    write_files(root, {**drafted, "old.py": ""})
    it = journal(root)
    staged = {"train.py": hashlib.sha256(b"mine\n").hexdigest(), "old.py": "deleted", "x.py": "another"}
    state = OwnState(root, root / ".mltui", draft=draft, mine=lambda record: here and record in it.written, staged=lambda _: staged)
    state.before()
    it.append("experiment.discarded", "ann", {"proposal_id": "P-0001"})
    shutil.rmtree(draft)
    notes = state.after()
    assert state.doubted == (set() if here else {"P-0001"})
    assert (draft / "files/x.py").exists(), "a command may have taken away what was not of the experiment"
    assert (draft / "files/train.py").exists() == (draft / "deleted/old.py").exists() == (not here)
    assert len(notes) == (1 if here else 4)
    state.close()


def test_a_forged_record_with_the_hash_of_an_own_one_is_no_own_one(own: OwnState, root: Path) -> None:
    it = journal(root)
    it.append("note", "a", {})
    state = OwnState(root, root / ".mltui", mine=lambda record: record in it.written)
    state.before()
    it.append("experiment.discarded", "ann", {"proposal_id": "P-0001"})
    path = journal(root).path
    path.write_bytes(path.read_bytes().replace(b"P-0001", b"P-0002"))
    assert any("put back" in note for note in state.after()) or state.doubted == {"P-0002"}
    assert "P-0002" not in path.read_text() or state.doubted
    state.close()


def test_a_grant_that_was_given_meanwhile_leaves_no_draft_unguarded(root: Path) -> None:
    write_files(root, {".mltui/drafts/s/files/train.py": "mine\n"})
    it = journal(root)

    def staged(proposal_id: str) -> Mapping[str, str]:
        raise ProposalError(f"There is no experiment {proposal_id}")

    state = OwnState(root, root / ".mltui", draft=root / ".mltui/drafts/s", mine=lambda record: record in it.written, staged=staged)
    state.before()
    it.append("grant.given", "ann", {"id": "G-0001"})
    (root / ".mltui/drafts/s/files/train.py").unlink()
    state.after()
    assert (root / ".mltui/drafts/s/files/train.py").read_text() == "mine\n"
    state.close()


CONFIG = "[core]\n\tbare = false\n[user]\n\tname = a\n"


@pytest.fixture
def repository(root: Path) -> Iterator[OwnState]:
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    write_files(root, {".git/config": CONFIG, ".mltui/drafts/s/files/train.py": "mine\n", ".mltui/jobs/J-1/plan.json": "{}"})
    state = OwnState(root, root / ".mltui", draft=root / ".mltui/drafts/s")
    state.before()
    yield state
    state.close()


@pytest.mark.parametrize(
    "line",
    [
        "[core]\n\thooksPath = /tmp/x",
        "[core]\n\tfsmonitor = /tmp/x",
        "[core]\n\tsshCommand = x",
        "[alias]\n\tst = !x",
        '[filter "x"]\n\tclean = x',
        '[diff "x"]\n\ttextconv = x',
        '[merge "x"]\n\tdriver = x',
        "[credential]\n\thelper = !x",
        "[gpg]\n\tprogram = x",
        "[include]\n\tpath = /tmp/x",
        '[remote "o"]\n\turl = ext::sh -c x',
        '[remote "o"]\n\tuploadpack = x',
        '[submodule "s"]\n\tupdate = !x',
        "[something]\n\tnew = x",
        "[broken",
    ],
)
def test_settings_of_git_that_may_run_something_are_put_back(repository: OwnState, root: Path, line: str) -> None:
    (root / ".git/config").write_text(CONFIG + line + "\n")
    (note,) = repository.after()
    assert "can make git run programs" in note
    assert (root / ".git/config").read_text() == CONFIG
    assert repository.after() == ()


def test_settings_of_git_that_run_nothing_stay(repository: OwnState, root: Path) -> None:
    for arguments in (["user.name", "b"], ["remote.o.url", "https://localhost/x"], ["branch.m.merge", "refs/heads/m"]):
        subprocess.run(["git", "config", *arguments], cwd=root, check=True)
    assert repository.after() == ()
    assert "localhost" in (root / ".git/config").read_text()


def test_attributes_and_ignore_rules_of_git_itself_are_put_back(repository: OwnState, root: Path) -> None:
    write_files(root, {".git/info/attributes": "* filter=x\n", ".git/info/exclude": "*\n"})
    assert len(repository.after()) == 2
    assert not (root / ".git/info/attributes").exists()


def test_drafts_and_plans_of_jobs_are_put_back_and_new_jobs_stay(repository: OwnState, root: Path) -> None:
    write_files(
        root, {".mltui/drafts/s/files/train.py": "theirs\n", ".mltui/drafts/s/files/new.py": "x", ".mltui/jobs/J-2/plan.json": "{}"}
    )
    (root / ".mltui/jobs/J-1/plan.json").write_text("{1}")
    assert len(repository.after()) == 3
    assert (root / ".mltui/drafts/s/files/train.py").read_text() == "mine\n"
    assert not (root / ".mltui/drafts/s/files/new.py").exists()
    assert (root / ".mltui/jobs/J-1/plan.json").read_text() == "{}"
    assert (root / ".mltui/jobs/J-2/plan.json").exists()


def test_a_repository_that_a_command_makes_is_no_alarm(root: Path) -> None:
    state = OwnState(root, root / ".mltui")
    state.before()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    assert state.after() == ()
    state.before()
    shutil.rmtree(root / ".git")
    state.after()
    state.close()


def test_a_draft_that_a_person_kept_meanwhile_is_not_staged_again(root: Path) -> None:
    draft = root / ".mltui/drafts/s"
    write_files(
        root, {f".mltui/drafts/s/files/{name}.py": f"{name}\n" for name in ("kept", "other")} | {".mltui/drafts/s/deleted/gone.py": ""}
    )
    own = OwnState(root, root / ".mltui", draft=draft)
    own.before()
    write_files(root, {"kept.py": "kept\n", "other.py": "otherwise\n"})
    for path in ("files/kept.py", "files/other.py", "deleted/gone.py"):
        (draft / path).unlink()
    (note,) = own.after()
    assert "other.py" in note
    assert sorted(path.name for path in draft.rglob("*.py")) == ["other.py"]
    own.close()
