"""`mltui promote` as a person types it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mltui.config.schema import Promotion, Tracking
from tests.experiments.promotable import PROMPT, Promotable

CONFIG = """
[experiments]
entrypoints = ["python train.py --seed {seed}"]
training = ["train.py"]
configs = ["conf/**"]
prompts = ["prompts/**"]
data = ["data/**"]
evaluation = ["evaluate.py"]
evaluate = "python evaluate.py --predictions {run}/predictions.csv --out {out}"
primary = { name = "accuracy", min_effect = 0.005 }
guardrails = [{ name = "latency_ms", margin = "5%" }, { name = "cost", margin = "5%" }]
[promotion]
prompt = "prompts/production.md"
quality = "accuracy"
latency = "latency_ms"
COST
[tracking]
enabled = false
"""


def configured(tmp_path: Path, cost: str, *, accepted: bool = True) -> Promotable:
    root = tmp_path / "digits"
    root.mkdir()
    promotion = Promotion(prompt=PROMPT, quality="accuracy", latency="latency_ms", cost="cost")
    project = Promotable.make(root, tracking=Tracking(enabled=False), promotion=promotion)
    id_ = project.compared(project.proposal(1, {PROMPT: "Answer in one line.\n"}, kind="prompt"))
    project.conclude(id_)
    if accepted:
        project.accept(id_, {})
    config = tmp_path / "home" / "config.toml"
    config.parent.mkdir()
    config.write_text(CONFIG.replace("COST", cost))
    return project


def mltui(project: Promotable, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MLTUI_HOME": str(project.root.parent / "home"), **environ}
    command = [sys.executable, "-m", "mltui", *arguments, "-C", str(project.root)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=project.root)


@pytest.mark.slow
def test_keeping_a_prompt_says_that_its_promotion_replaces_it(tmp_path: Path):
    project = configured(tmp_path, 'cost = "cost"', accepted=False)
    done = mltui(project, "experiments", "accept", "P-0001")
    stays = f"The production prompt {PROMPT} stays as it is until it is promoted: mltui promote prompt --from P-0001\n"
    assert (done.returncode, done.stderr) == (0, f"P-0001 is accepted.\n{stays}")
    assert (project.root / PROMPT).read_text() == "Answer briefly.\n"


@pytest.mark.slow
def test_a_prompt_from_the_first_look_to_the_way_back(tmp_path: Path):
    project = configured(tmp_path, 'cost = "cost"')
    looked = mltui(project, "promote", "prompt", "--from", "P-0001", "--dry-run", "--json")
    assert looked.returncode == 0, looked.stderr
    assert {clause["name"] for clause in json.loads(looked.stdout)["clauses"] if not clause["holds"]} == set()
    assert (project.root / PROMPT).read_text() == "Answer briefly.\n"
    done = mltui(project, "promote", "--from", "P-0001")
    assert (done.returncode, done.stderr) == (0, f"P-0001 is production of {PROMPT} now (promoted, version {_sha(project)}).\n")
    (project.root / PROMPT).write_text("Whatever.\n")
    assert "changed outside mltui" in mltui(project, "promote", "status").stdout
    assert "changed outside mltui" in mltui(project, "doctor").stdout.replace("\n", " ")
    assert mltui(project, "promote", "rollback").returncode == 0
    assert (project.root / PROMPT).read_text() == "Answer in one line.\n"
    assert mltui(project, "promote", "rollback").stderr.startswith("mltui: prompts/production.md is as the journal says")
    assert mltui(project, "promote", "rollback", "--previous").returncode == 0
    assert (project.root / PROMPT).read_text() == "Answer briefly.\n"


@pytest.mark.slow
def test_a_refusal_says_everything_and_an_override_needs_a_reason(tmp_path: Path):
    project = configured(tmp_path, "")
    looked = mltui(project, "promote", "--from", "P-0001", "--dry-run")
    assert (looked.returncode, looked.stderr) == (1, "")
    refused = mltui(project, "promote", "--from", "P-0001")
    assert refused.returncode == 1
    assert "NO  cost: no metric stands for cost" in refused.stdout
    assert refused.stderr.startswith("mltui: P-0001 was not promoted; missing: cost")
    assert mltui(project, "promote", "--from", "P-0001", "--override").returncode == 2
    done = mltui(project, "promote", "--from", "P-0001", "--override", "--reason", "cost is the same by contract")
    assert done.returncode == 0, done.stderr
    payload = project.journal[-1].payload
    assert (payload["outcome"], payload["reason"]) == ("overridden", "cost is the same by contract")
    assert payload["origin"]["via"] == "cli"


@pytest.mark.slow
def test_the_agents_shell_may_look_and_not_promote(tmp_path: Path):
    project = configured(tmp_path, 'cost = "cost"')
    for arguments in (["--from", "P-0001"], ["rollback"]):
        denied = mltui(project, "promote", *arguments, MLTUI_SHELL_CALL="x")
        assert denied.stderr.startswith("mltui: The agent's own shell decides nothing")
    assert mltui(project, "promote", "status", MLTUI_SHELL_CALL="x").returncode == 0
    assert (project.root / PROMPT).read_text() == "Answer briefly.\n"


def _sha(project: Promotable) -> str:
    import hashlib

    return hashlib.sha256((project.root / PROMPT).read_bytes()).hexdigest()[:12]
