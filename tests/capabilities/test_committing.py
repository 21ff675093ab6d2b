"""Commits with real git: the person's identity and hooks, no credentials, and exactly what was looked at."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mltui.capabilities.committing import Committing
from mltui.capabilities.guarded_shell import Found, GuardedShell
from mltui.capabilities.secret_scan import find_secrets
from mltui.capabilities.shell import CommandShell
from mltui.core.errors import ExperimentError, UsageError
from tests.capabilities.conftest import FolderDraft, write_files
from tests.capabilities.guarding import guarding

KEY = "AKIA" + "QYLPMN5HFIQR7XYA"
ME = {"GIT_AUTHOR_NAME": "Anna", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "Anna", "GIT_COMMITTER_EMAIL": "a@example.org"}


@pytest.fixture
def repository(root: Path) -> Path:
    write_files(root, {"a.py": "x = 1\n", "b.py": "y = 1\n"})
    git(root, "init", "-q", "--template=", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "start")
    return root


@pytest.fixture
def committing(repository: Path) -> Committing:
    return Committing(repository, environment(), unwatched)


@asynccontextmanager
async def unwatched() -> AsyncGenerator[Found]:
    yield Found()


def environment() -> dict[str, str]:
    return {**os.environ, **ME}


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, env=environment(), check=True, capture_output=True, text=True).stdout


async def test_what_is_staged_is_committed_alone(committing: Committing, repository: Path) -> None:
    write_files(repository, {"a.py": "x = 2\n", "b.py": "y = 2\n", "new.py": "z\n"})
    git(repository, "add", "a.py")
    pending = await committing.pending()
    assert (pending.staged, pending.paths, pending.untracked) == (True, ("a.py",), ("new.py",))
    assert "Change a" in await committing.commit(pending, "Change a\n\nIt was one.\n")
    assert git(repository, "log", "-1", "--format=%an|%B").strip() == "Anna|Change a\n\nIt was one."
    assert git(repository, "show", "--name-only", "--format=").split() == ["a.py"]
    assert await committing.recent() == "Change a\nstart"


async def test_without_anything_staged_all_tracked_changes_are(committing: Committing, repository: Path) -> None:
    write_files(repository, {"a.py": "x = 2\n", "new.py": "z\n"})
    (repository / "b.py").unlink()
    pending = await committing.pending()
    assert (pending.staged, pending.paths) == (False, ("a.py", "b.py"))
    await committing.commit(pending, "Both")
    assert git(repository, "status", "--porcelain") == "?? new.py\n"


async def test_hooks_run_and_a_refusal_is_shown(committing: Committing, repository: Path) -> None:
    hook = repository / ".git/hooks/pre-commit"
    write_files(repository, {"a.py": "x = 2\n", ".git/hooks/pre-commit": "#!/bin/sh\necho no trailing spaces please; exit 1\n"})
    hook.chmod(0o755)
    pending = await committing.pending()
    with pytest.raises(ExperimentError, match="no trailing spaces please"):
        await committing.commit(pending, "x")
    assert git(repository, "log", "--format=%s").split() == ["start"]


async def test_what_changed_since_it_was_looked_at_is_not_committed(committing: Committing, repository: Path) -> None:
    write_files(repository, {"a.py": "x = 2\n"})
    pending = await committing.pending()
    write_files(repository, {"a.py": "x = 3\n"})
    with pytest.raises(UsageError, match="not what you looked at"):
        await committing.commit(pending, "x")


async def test_a_credential_is_refused_and_named_where_it_stands(committing: Committing, repository: Path) -> None:
    write_files(repository, {"a.py": f"x = 1\ny = 2\nkey = '{KEY}'\n"})
    with pytest.raises(UsageError, match=r"a\.py:3 looks like a credential \(AWS Access Key\)"):
        await committing.pending()
    write_files(repository, {"a.py": f"x = 1\ny = 2\nkey = '{KEY}'  # pragma: allowlist secret\n"})
    git(repository, "commit", "-qam", "known")
    write_files(repository, {"a.py": f"x = 5\ny = 2\nkey = '{KEY}'  # pragma: allowlist secret\n"})
    assert (await committing.pending()).paths == ("a.py",)


async def test_what_cannot_be_committed_says_why(committing: Committing, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is staged"):
        await committing.pending()
    write_files(repository, {".mltui/drafts/s/files/a.py": "x\n"})
    git(repository, "add", "-f", ".mltui")
    with pytest.raises(UsageError, match="belongs to mltui"):
        await committing.pending()
    git(repository, "rm", "-q", "--cached", "-r", ".mltui")
    git(repository, "checkout", "-q", "-b", "other")
    write_files(repository, {"a.py": "x = 2\n"})
    git(repository, "commit", "-qam", "other")
    git(repository, "checkout", "-q", "main")
    write_files(repository, {"a.py": "x = 3\n"})
    git(repository, "commit", "-qam", "mine")
    subprocess.run(["git", "merge", "-q", "other"], cwd=repository, env=environment(), check=False, capture_output=True)
    with pytest.raises(UsageError, match=r"a\.py has conflicts"):
        await committing.pending()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="is no git repository"):
        await Committing(tmp_path / "empty", {**environment(), "GIT_CEILING_DIRECTORIES": str(tmp_path)}, unwatched).pending()


async def test_the_first_commit(root: Path) -> None:
    write_files(root, {"ü b.py": "x\n"})
    git(root, "init", "-q", "--template=", "-b", "main")
    git(root, "add", "-A")
    committing = Committing(root, environment(), unwatched)
    pending = await committing.pending()
    assert pending.paths == ("ü b.py",)
    await committing.commit(pending, "Start")
    assert git(root, "log", "--format=%s").split() == ["Start"]


def test_secrets_are_found_and_what_looks_like_them_is_not() -> None:
    found = find_secrets(
        {
            "a.py": "ok = 1\nkey = 'sk-ant-api03-" + "A" * 30 + "'\n",
            "b.py": "hf = 'hf_" + "b" * 34 + "'\npad_token = '<pad>'\ndigest = '3f786850e387550fdab836ed7e6dc881de23001b'\n",
            "c.pem": "-----BEGIN RSA PRIVATE KEY-----\n",
            "d.py": "password = os.environ['PW']\nmask_token = tokenizer.mask_token\n",
        }
    )
    assert [(item.path, item.line) for item in found] == [("a.py", 2), ("b.py", 1), ("c.pem", 1)]


async def test_a_hook_of_the_repository_changes_nothing_under_experiment(repository: Path, draft: FolderDraft) -> None:
    write_files(repository, {"train.py": "lr = 0.1\n", "hooks/pre-commit": "#!/bin/sh\necho 'lr = 9' > train.py; echo 'x = 3' > b.py\n"})
    (repository / "hooks/pre-commit").chmod(0o755)
    git(repository, "add", "-A")
    git(repository, "config", "core.hooksPath", "hooks")
    with guarding(repository, draft) as guard:
        shell = GuardedShell(CommandShell(repository, repository / ".mltui/tmp"), guard)
        committing = Committing(repository, environment(), shell.acting)
        said = await committing.commit(await committing.pending(), "One")
    assert "train.py is under experiment" in said
    assert (repository / "train.py").read_text() == "lr = 0.1\n"
    assert draft.read(repository / "train.py") == b"lr = 9\n"
    assert (repository / "b.py").read_text() == "x = 3\n"
