"""An experiment that is run again: what agrees, what is said before it starts, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Group
from tests.experiments.conftest import Project, make_project, run_processes
from tests.experiments.test_bad_runs import gone
from tests.tui.test_diff import PAINT

from mltui.core.errors import ExperimentError, ProposalError, UsageError
from mltui.core.experiment import DataVersion
from mltui.core.reproduction import Again, Reproduction, RunAgain
from mltui.experiments.agreement import line, metric_again, seed_interval, summary
from mltui.experiments.records import ReproductionFinished, ReproductionRun
from mltui.experiments.report import experiment_report
from mltui.experiments.reproducible import data_changes, machine_differences
from mltui.experiments.service import Experiments
from mltui.ui.plain.experiment_log import detail_lines
from mltui.ui.tui.log_tabs import TABS, Look

BASELINE = "B-0001"
DRIFTING = """\
import json, os, time
from pathlib import Path

project = next(folder for folder in Path.cwd().parents if (folder / "drift.bin").exists())
seed = int(os.environ["MLTUI_SEED"])
drift = json.loads((project / "drift.bin").read_text())[seed]
if drift is None:
    raise SystemExit("this machine cannot")
if drift == 9:
    Path(os.environ["MLTUI_RUN_DIR"], "pid").write_text("x")
    time.sleep(600)
Path(os.environ["MLTUI_RUN_DIR"], "metrics.json").write_text(json.dumps({"accuracy": 0.5 + seed / 100 + drift}))
"""
EVALUATE = """\
import json, sys
seed = float(open(sys.argv[1]).read())
json.dump({"accuracy": seed + len(open("labels/gold.bin").read())}, open(sys.argv[2], "w"))
"""
finite = st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-1e100, max_value=1e100)


@pytest.fixture(scope="module")
def drifting(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a measured baseline of three seeds, whose numbers move with the ignored file `drift.bin`."""
    project = make_project(tmp_path_factory.mktemp("drifting") / "project")
    project.write("train.py", DRIFTING)
    project.write("drift.bin", "[0, 0, 0]")
    project.git("commit", "-q", "-a", "-m", "Drifting")
    project.experiments.start_baseline(by="ann", seeds=(0, 1, 2))

    async def end() -> None:
        _ = [event async for event in project.experiments.follow(BASELINE, poll=0.05)]

    asyncio.run(end())
    project.write("README.md", "More.\n")
    project.git("commit", "-q", "-a", "-m", "Later")
    return project


async def again(project: Project, experiment_id: str, **wanted: object) -> Reproduction:
    found = Experiments.open(project.root, project.config).reproductions()
    await asyncio.to_thread(found.start, experiment_id, Again.model_validate(wanted), by="ben")
    return [latest async for latest in found.follow(experiment_id, poll=0.05)][-1]


@settings(deadline=None)
@given(finite, st.lists(finite, min_size=3, max_size=8))
def test_a_number_agrees_with_itself_and_nothing_that_is_no_number_does(value: float, values: list[float]) -> None:
    assert metric_again("m", value, value, values).agreement == "equal"
    assert metric_again("m", value, value * (1 + 1e-14), values).agreement in ("equal", "rounding")
    assert metric_again("m", value, math.nan, values).agreement == metric_again("m", None, value, values).agreement == "failed"
    interval = seed_interval(values)
    if interval is not None and value < interval[0] - abs(interval[0]):
        assert metric_again("m", interval[0], value, values).agreement == "differs"


def test_the_interval_is_the_prediction_interval() -> None:
    # t(0.975, 4) = 2.776445, s = 1.581139, √(1 + 1/5) = 1.095445
    assert seed_interval([1, 2, 3, 4, 5]) == pytest.approx((3 - 4.808944, 3 + 4.808944), abs=1e-5)
    assert seed_interval([1, 2]) is None and seed_interval([2, 2, 2, 2]) is None
    assert metric_again("m", 3.0, 7.8, [1, 2, 3, 4, 5]).agreement == "interval"
    assert metric_again("m", 3.0, 7.9, [1, 2, 3, 4, 5]).agreement == "differs"
    assert metric_again("m", 2.0, 2.1, [2, 2, 2]).agreement == "differs"


def test_a_run_says_in_a_line_how_it_agrees() -> None:
    assert line(_run(0.5)) == "candidate seed 3: acc 0.5, bit-equal"
    assert line(_run(0.55)).startswith("candidate seed 3: acc 0.55, recorded 0.5 (+0.05): within the interval of the seeds [0.00")
    assert line(_run(None, "exit code 1\nmore")) == "candidate seed 3: exit code 1"
    assert summary([_run(0.5), _run(0.5)], 2) == "2 of 2 runs agree (all bit-equal)"
    assert summary([_run(0.5), _run(9.0)], 3) == "1 of 3 runs agree (1 bit-equal, 1 differs)"
    assert summary([_run(0.5)], 1) == "1 of 1 run agrees (bit-equal)"


@pytest.mark.slow
async def test_the_same_runs_give_the_same_numbers_and_change_nothing(project: Project) -> None:
    project.write("train.py", "import os\nopen(os.environ['MLTUI_RUN_DIR'] + '/p.txt', 'w').write(os.environ['MLTUI_SEED'])\n")
    project.write("evaluate.py", EVALUATE)
    project.write("labels/gold.bin", "abc")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "Evaluator")
    project.reopen(evaluate="python evaluate.py {run}/p.txt {out}", labels=("labels/**",), data=("data/**", "labels/**"))
    before, _ = await project.finish(project.propose(seeds=(0, 1)))
    before = project.experiments.accept(before.id, by="ann")
    project.git("commit", "-q", "-a", "-m", "Kept")
    # Settings that were changed since do not matter: the recorded ones are used.
    project.reopen(evaluate="", metrics=project.config.experiments.metrics.model_copy(update={"file": None, "stdout": "json"}))
    found = await again(project, before.id)
    assert (found.state, found.message, found.by) == ("agrees", "4 of 4 runs agree (all bit-equal)", "ben")
    assert [(run.arm, run.seed, run.metric.agreement) for run in found.runs] == [
        (arm, seed, "equal") for seed in (0, 1) for arm in ("baseline", "candidate")
    ]
    assert found.environment == before.proposal.environment and not found.differences and found.machine["host"]
    after = Experiments.open(project.root, project.config).get(before.id)
    assert after == before.model_copy(update={"reproductions": (found,)})
    assert project.git("worktree", "list").count("\n") == 1 and project.git("status", "--porcelain") == ""
    assert "## Run again" in experiment_report(after) and "bit-equal" in experiment_report(after)
    shown = "\n".join(detail_lines(after, project.experiments.looking))
    assert "Run again by ben, agrees: 4 of 4 runs agree (all bit-equal)" in shown and "candidate seed 1: accuracy " in shown
    look = Look(after, project.experiments.looking)
    for tab in (TABS.index("Result"), TABS.index("Runs")):
        strips = PAINT.strips(Group(*look.parts(tab, 20)), 120)
        assert "agrees: 4 of 4 runs agree (all bit-equal)" in "\n".join(strip.text for strip in strips)
    # Runs that were made again stand in for nothing.
    assert {run.folder for run in found.runs}.isdisjoint({entry.run.folder for entry in project.experiments.ledger.finished_runs()})
    project.experiments.verify()
    project.write("labels/gold.bin", "abcd")
    with pytest.raises(ExperimentError, match=r"data labels/gold\.bin changed"):
        await again(project, before.id)


async def test_other_numbers_are_within_the_seeds_interval_or_differ(drifting: Project) -> None:
    drifting.write("drift.bin", "[0.001, 0.001, 0.001]")
    near = await asyncio.to_thread(_command, drifting, "run", BASELINE, "--again")
    assert (near.exit_code, near.stdout) == (0, f"{BASELINE}: 3 of 3 runs agree (all within the interval of the seeds)\n")
    drifting.write("drift.bin", "[0, 0.3, null]")
    far = await asyncio.to_thread(_command, drifting, "run", BASELINE, "--again", "--seed", "1", "--seed", "2", "--json")
    told = json.loads(far.stdout)
    assert (far.exit_code, told["state"], told["message"]) == (1, "differs", "0 of 2 runs agree (1 differs, 1 not measured)")
    assert "this machine cannot" in told["runs"][1]["message"]


async def test_what_is_not_there_any_more_is_said_before_anything_runs(
    drifting: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drifting.write("drift.bin", "[0, 0, 0]")
    records = drifting.experiments.ledger.journal.path.read_bytes()
    with pytest.raises(UsageError, match="has no finished run with seed 7 — It has: 0, 1, 2"):
        await again(drifting, BASELINE, seeds=(7,))
    with pytest.raises(UsageError, match="has no candidate runs"):
        await again(drifting, BASELINE, arms=("candidate",))
    alone = await asyncio.to_thread(_command, drifting, "run", BASELINE, "--seed", "1")
    assert "belong to --again" in str(alone.exception)
    with monkeypatch.context() as patch:
        patch.setenv("MLTUI_SHELL_CALL", "1")
        refused = await asyncio.to_thread(_command, drifting, "run", BASELINE, "--again")
        assert refused.exit_code == 1 and "The agent's own shell decides nothing" in str(refused.exception)
    drifting.write("data/rows.csv", "other\n")
    with pytest.raises(ExperimentError, match=r"data/rows\.csv changed \(SHA-256 [0-9a-f]{12}…, recorded [0-9a-f]{12}…\)"):
        await again(drifting, BASELINE, here=True)
    drifting.git("checkout", "-q", "data/rows.csv")

    commit = drifting.experiments.get(BASELINE).proposal.base_commit
    stored = drifting.root / ".git" / "objects" / commit[:2] / commit[2:]
    stored.rename(tmp_path / "away")
    with pytest.raises(ExperimentError, match=f"the baseline commit {commit[:12]} is gone"):
        await again(drifting, BASELINE)
    (tmp_path / "away").rename(stored)

    site = tmp_path / "extra-1.0.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ExperimentError, match=r"ran in: extra \(none\) → 1\.0 — Restore it, or add --here"):
        await again(drifting, BASELINE)
    assert drifting.experiments.ledger.journal.path.read_bytes() == records
    elsewhere = await again(drifting, BASELINE, here=True, seeds=(0,))
    assert (elsewhere.state, elsewhere.here, elsewhere.differences) == ("agrees", True, ("extra (none) → 1.0",))


async def test_a_killed_or_stopped_repetition_ends_and_can_be_started_anew(drifting: Project) -> None:
    drifting.write("drift.bin", "[0, 9, 9]")
    found = Experiments.open(drifting.root, drifting.config).reproductions()

    async def sleeping() -> tuple[Reproduction, int]:
        begun = await asyncio.to_thread(found.start, BASELINE, Again(seeds=(1, 2)), by="ann")
        folder = drifting.root / ".mltui" / "jobs" / begun.job
        while not list(folder.glob("runs/*/pid")):
            await asyncio.sleep(0.05)
        return begun, int(json.loads((folder / "process.json").read_text())["pid"])

    begun, supervisor = await sleeping()
    with pytest.raises(ProposalError, match="is being run again already"):
        found.start(BASELINE, Again(), by="ann")
    for entry in (
        ReproductionRun(proposal_id=BASELINE, job="other", run=_run(1.0)),
        ReproductionFinished(proposal_id=BASELINE, job="other", outcome="agrees", message="", ended=0),
    ):
        with pytest.raises(ProposalError, match="is not being run again by other"):
            drifting.experiments.ledger.record(entry, "ann")
    os.kill(supervisor, signal.SIGKILL)
    ended = [latest async for latest in found.follow(BASELINE, poll=0.05)][-1]
    assert (ended.job, ended.state) == (begun.job, "failed") and "the supervisor died" in ended.message
    assert run_processes(drifting.root) == []

    _, supervisor = await sleeping()
    assert (await asyncio.to_thread(_command, drifting, "stop", BASELINE)).exit_code == 0
    assert drifting.experiments.get(BASELINE).reproductions[-1].message == "stopped; 0 of 2 runs agree (not measured)"
    while not gone(supervisor):
        await asyncio.sleep(0.02)
    assert (drifting.experiments.get(BASELINE).state, run_processes(drifting.root)) == ("measured", [])
    with pytest.raises(ProposalError, match="is not being run again"):
        found.stop(BASELINE)


def test_data_that_is_gone_or_new_is_named() -> None:
    one, two = (DataVersion(name=name, digest=digest * 64, size=1) for name, digest in (("a", "0"), ("b", "1")))
    assert data_changes((one,), (two,)) == ["data a is gone (it was SHA-256 000000000000…)", "data b is new"]
    assert data_changes((one, two), (two, one)) == []


def test_machines_are_compared_by_what_their_runs_wrote_down(tmp_path: Path) -> None:
    then, now = tmp_path / "then", tmp_path / "now"
    for folder, driver in ((then, "550.1"), (now, "560.2")):
        folder.mkdir()
        (folder / "environment.json").write_text(
            json.dumps({"cpu": "Xeon", "packages": [driver], "gpus": [{"name": "H100", "driver": driver}]})
        )
    assert machine_differences(then, now) == ("gpus 1 driver: 550.1 → 560.2",)
    (now / "environment.json").write_text("{")
    assert machine_differences(then, now) == machine_differences(tmp_path / "none", now) == ()


def _run(now: float | None, message: str = "") -> RunAgain:
    metric = metric_again("acc", 0.5, now, [0.4, 0.5, 0.6])
    return RunAgain(arm="candidate", seed=3, metric=metric, message=message, started=0, ended=1)


def _command(project: Project, *arguments: str) -> Result:
    from mltui.cli.experiments import experiments

    config = project.config.experiments
    project.write(
        ".mltui/config.toml",
        '[tracking]\nenabled = false\n[experiments]\nentrypoints = ["python train.py"]\n'
        f'primary = {{ name = "accuracy", min_effect = 0.01 }}\nrun_timeout_minutes = {config.run_timeout_minutes}\n',
    )
    return CliRunner().invoke(experiments, [*arguments, "-C", str(project.root)])
