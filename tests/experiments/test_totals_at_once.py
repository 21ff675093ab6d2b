"""Two sessions that decide at the same moment cannot both have the last of what was approved in advance."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from tests.experiments.conftest import Project

from mltui.core.data import JsonObject
from mltui.core.errors import ProposalError
from mltui.experiments.journal import plain
from mltui.experiments.policy import ApprovalPolicy, ApproveRule

RULE = ApproveRule(kinds=("hparam",), parameters=("lr",), max_minutes=30, max_runs=16, max_experiments=1)
SESSION = """\
import sys
from pathlib import Path
from mltui.config.schema import Config
from mltui.core.errors import ProposalError
from mltui.experiments.service import Experiments

root, config, name, by, reason, rule = sys.argv[1:]
experiments = Experiments.open(Path(root), Config.model_validate_json(config))
experiments.get(name)
import mltui.experiments.workbench, json
rule = json.loads(rule)
print("ready", flush=True)
sys.stdin.readline()
try:
    experiments.decide(name, answer="approve", by=by, reason=reason, here=False, rule=rule)
    print("approved")
except ProposalError as error:
    print(error)
"""


def by_grant(project: Project) -> tuple[str, str, JsonObject]:
    project.experiments.preapprovals().give(RULE, expires=time.time() + 600, by="ann", reason="today")
    return "grant:G-0001", "today", {}


def by_policy(project: Project) -> tuple[str, str, JsonObject]:
    return "policy:p.toml", "rule 1", plain(RULE)


@pytest.mark.parametrize("given", [by_grant, by_policy])
def test_two_processes(project: Project, given: Callable[[Project], tuple[str, str, JsonObject]]) -> None:
    names = [project.propose(lr=0.2), project.propose(lr=0.3)]
    by, reason, rule = given(project)
    preapprovals = project.experiments.preapprovals()
    policy = ApprovalPolicy(approve=(RULE,)) if rule else None
    for name in names:
        assert preapprovals.covers(project.experiments.get(name).proposal, policy, "p.toml").by == by
    said = at_once(project, names, by, reason, rule)
    assert said.count("approved") == 1
    (other,) = [line for line in said if line != "approved"]
    assert f"{by} does not approve" in other and "its 1 experiments are given" in other
    assert sorted(item.state for item in project.experiments.list()) == ["approved", "proposed"]


def at_once(project: Project, names: list[str], by: str, reason: str, rule: JsonObject) -> list[str]:
    config = project.config.model_dump_json()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SESSION, str(project.root), config, name, by, reason, json.dumps(rule)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate()[0].strip() for process in processes]


def test_a_grant_that_was_revoked_meanwhile_approves_nothing(project: Project) -> None:
    by, reason, _ = by_grant(project)
    name = project.propose(lr=0.2)
    project.experiments.preapprovals().revoke("G-0001", by="ann")
    with pytest.raises(ProposalError, match="does not approve P-0001 any more: it is revoked"):
        project.experiments.decide(name, answer="approve", by=by, reason=reason)
    with pytest.raises(ProposalError, match="there is no such grant"):
        project.experiments.decide(name, answer="approve", by="grant:G-0007", reason=reason)
    assert project.experiments.get(name).state == "proposed"
