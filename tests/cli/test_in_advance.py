"""`mltui experiments policy | grant | list | verify | export`, as processes."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from mltui.core.experiment import Approval, Origin
from mltui.experiments.ledger import Ledger
from mltui.experiments.records import ProposalCreated, ProposalDecided
from tests.experiments.test_policy import plan

CONFIG = """
[experiments]
entrypoints = ["python train.py"]
seeds = [0, 1, 2]
primary = { name = "accuracy" }
policy = "policy.toml"
[experiments.space]
lr = { type = "float", low = 0.001, high = 1.0, key = "conf/optim.yaml:lr" }
"""
POLICY = "[[approve]]\nkinds = ['hparam']\nparameters = ['lr']\nmax_minutes = 30\nmax_runs = 16\ntotal_runs = 20\n"


@dataclass
class Done:
    code: int
    out: str
    err: str


@dataclass
class Place:
    root: Path
    home: Path

    def mltui(self, *arguments: str, **environ: str) -> Done:
        env = {**os.environ, "MLTUI_HOME": str(self.home), **environ}
        command = [str(Path(sys.executable).with_name("mltui")), "experiments", *arguments]
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.root / ".mltui")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path / "project", tmp_path / "home")
    monkeypatch.setenv("MLTUI_HOME", str(made.home))
    subprocess.run(["git", "init", "-q", str(made.root)], check=True)
    made.home.mkdir()
    (made.home / "config.toml").write_text(CONFIG)
    (made.root / "policy.toml").write_text(POLICY)
    return made


def propose(place: Place, name: str = "P-0001", **changes: object) -> None:
    made = plan().model_copy(update={"id": name, "created": time.time(), **changes})
    place.ledger.record(ProposalCreated(proposal=made), "model:test")


def test_a_new_policy_is_made_of_the_declared_space_and_never_overwrites(place: Place) -> None:
    done = place.mltui("policy", "new")
    assert done.code == 0, done.err
    text = (place.root / ".mltui" / "policy.toml").read_text()
    assert '"lr" = { low = 0.001, high = 1.0 }' in text
    assert place.mltui("policy", "check", ".mltui/policy.toml").code == 0
    again = place.mltui("policy", "new")
    assert again.code == 2 and "is there already" in again.err
    assert (place.root / ".mltui" / "policy.toml").read_text() == text


def test_checking_says_what_would_be_approved_and_why_not(place: Place) -> None:
    propose(place)
    propose(place, "P-0002", kind="train")
    done = place.mltui("policy", "check", "policy.toml")
    assert done.code == 0, done.err
    assert "rule 1 approves hparam changes without asking" in done.out
    assert "P-0001 would be approved by rule 1" in done.out
    assert "P-0002 would wait: rule 1: kind train is not among hparam" in done.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[approve]]\nkinds = ['eval']\nmax_minutes = 1\nmax_runs = 1\n", "approves the kind 'eval'"),
        (POLICY.replace("'lr'", "'typo'"), "names typo (rule 1), which is no parameter — Declared are: lr"),
        ("\0", "not valid TOML"),
    ],
)
def test_a_wrong_policy_ends_with_52(place: Place, text: str, said: str) -> None:
    (place.root / "policy.toml").write_text(text)
    done = place.mltui("policy", "check", "policy.toml")
    assert done.code == 52 and said in done.err and done.err.count("\n") == 1


@pytest.mark.slow
def test_a_grant_is_given_shown_and_revoked(place: Place) -> None:
    done = place.mltui(
        "grant", "--parameters", "lr", "--range", "lr=0.01..0.5", "--minutes", "15", "--runs", "20", "--until", "2h", "--reason", "tuning"
    )
    assert done.code == 0 and "G-0001 is given until" in done.err, done.err
    propose(place)
    made = place.ledger.get("P-0001").proposal
    approval = Approval(proposal_id="P-0001", proposal_hash=made.hash, answer="approve", by="grant:G-0001", at=0.0, reason="tuning")
    place.ledger.record(ProposalDecided(approval=approval), "grant:G-0001")
    shown = place.mltui("policy", "show").out
    assert "G-0001 active" in shown and "tuning" in shown and "given so far: 4 of 20 runs" in shown and "lr: from 0.01 to 0.5" in shown
    (listed,) = json.loads(place.mltui("grant", "list", "--json").out)
    assert listed["origin"]["via"] == "cli" and listed["spent"]["runs"] == 4
    assert place.mltui("grant", "revoke", "G-0001").code == 0
    assert "G-0001 revoked" in place.mltui("grant", "list").out
    assert place.mltui("grant", "revoke", "G-0001").code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "needs a scope and an end"),
        (("--parameters", "lr", "--minutes", "5", "--runs", "2", "--until", "soon"), "--until soon: no time"),
        (("--parameters", "lr", "--minutes", "5", "--runs", "2", "--until", "2020-01-01"), "is over already"),
        (("--parameters", "typo", "--minutes", "5", "--runs", "2", "--until", "2h"), "typo: no such parameter"),
        (("--parameters", "lr", "--kinds", "eval", "--minutes", "5", "--runs", "2", "--until", "2h"), "never approved in advance"),
        (("--parameters", "lr", "--kinds", "nonsense", "--minutes", "5", "--runs", "2", "--until", "2h"), "kinds"),
        (("--files", "../x", "--minutes", "5", "--runs", "2", "--until", "2h"), "no pattern of files below the project"),
        (("--parameters", "lr", "--range", "lr=a..b", "--minutes", "5", "--runs", "2", "--until", "2h"), "not NAME=LOW..HIGH"),
    ],
)
def test_a_grant_without_scope_or_end_is_refused(place: Place, arguments: tuple[str, ...], said: str) -> None:
    done = place.mltui("grant", *arguments)
    assert done.code in (1, 2) and said in done.err
    assert not (place.root / ".mltui" / "journal.jsonl").exists()


def test_the_agents_shell_gives_and_writes_nothing(place: Place) -> None:
    grant = ("grant", "--parameters", "lr", "--minutes", "5", "--runs", "2", "--until", "2h")
    for command in (grant, ("grant", "revoke", "G-0001"), ("policy", "new"), ("verify", "--accept-loss", "--reason", "x")):
        done = place.mltui(*command, MLTUI_SHELL_CALL="1")
        assert done.code != 0 and "decides nothing" in done.err
    assert not (place.root / ".mltui").exists()


def test_lists_are_filtered(place: Place) -> None:
    propose(place)
    propose(place, "P-0002", kind="train", created=1000.0)
    assert [row["id"] for row in json.loads(place.mltui("list", "--json").out)] == ["P-0001", "P-0002"]
    assert [row["id"] for row in json.loads(place.mltui("list", "--json", "--kind", "train").out)] == ["P-0002"]
    assert [row["id"] for row in json.loads(place.mltui("list", "--json", "--since", "1h").out)] == ["P-0001"]
    assert [row["id"] for row in json.loads(place.mltui("list", "--json", "--limit", "1").out)] == ["P-0002"]
    assert "No experiment is like that" in place.mltui("list", "--state", "accepted").err
    assert place.mltui("list", "--since", "whenever").code == 2


def test_verifying_and_going_on_after_a_loss(place: Place) -> None:
    propose(place)
    propose(place, "P-0002")
    assert "The journal is whole: 2 records." in place.mltui("verify").err
    journal = place.root / ".mltui" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    done = place.mltui("verify")
    assert done.code == 1 and "record 2 (proposal.created of P-0002" in done.err and "is missing" in done.err
    assert place.mltui("verify", "--accept-loss").code == 2
    assert place.mltui("verify", "--accept-loss", "--reason", "restored").code == 0
    assert json.loads(place.mltui("verify", "--json").out)["records"] == 2


def test_the_audit_trail_says_who_from_where_on_which_hash(place: Place) -> None:
    propose(place)
    made = place.ledger.get("P-0001").proposal
    origin = Origin(os_user="ann", identity="Ann <ann@example.org>", host="desk", via="cli")
    approval = Approval(
        proposal_id="P-0001", proposal_hash=made.hash, answer="reject", by="ann", at=0.0, reason="=HYPERLINK(1)", origin=origin
    )
    place.ledger.record(ProposalDecided(approval=approval), "ann")
    created, decided = json.loads(place.mltui("export").out)
    assert created["subject"] == "P-0001" and created["by"] == "model" and created["proposal_hash"] == made.hash
    assert decided["by"] == "ann" and decided["what"] == "reject" and decided["proposal_hash"] == made.hash
    assert {name: decided[name] for name in ("os_user", "identity", "host", "via")} == origin.model_dump()
    rows = list(csv.DictReader(io.StringIO(place.mltui("export", "--csv").out)))
    assert len(rows) == 2 and rows[1]["reason"] == "'=HYPERLINK(1)" and rows[1]["record_hash"] == decided["record_hash"]
    assert place.mltui("export", "--csv", "--json").code == 2
