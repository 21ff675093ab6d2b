"""The evaluator measures, the candidate only says; and no trick of the candidate reaches the evaluator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.experiments.conftest import Project

from mltui.config.schema import Promotion
from mltui.core.experiment import Experiment, Run
from mltui.experiments.handing_over import CopyRefused, copy_plain
from mltui.experiments.kept_models import ModelMissing, keep_model, model_digest
from mltui.experiments.report import experiment_report

LABELS = "1\n0\n1\n1\n0\n"
EVALUATE = """\
import argparse, json
parser = argparse.ArgumentParser()
parser.add_argument("--predictions"), parser.add_argument("--out")
args = parser.parse_args()
labels = open("data/labels.csv").read().split()
guesses = open(args.predictions).read().split()
right = [int(a == b) for a, b in zip(labels, guesses, strict=True)]
json.dump({"accuracy": sum(right) / len(right), "per_example": right}, open(args.out, "w"))
"""
TRAIN = """\
import json, os, pathlib
run = pathlib.Path(os.environ["MLTUI_RUN_DIR"])
(run / "predictions.csv").write_text("1\\n0\\n1\\n0\\n0\\n")
(run / "metrics.json").write_text(json.dumps({"accuracy": 0.99}))
"""
COMMAND = "python evaluate.py --predictions {run}/predictions.csv --out {out}"


@pytest.fixture
def judged(project: Project) -> Project:
    project.write("train.py", TRAIN)
    project.write("evaluate.py", EVALUATE)
    project.write("data/labels.csv", LABELS)
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "Evaluate")
    project.reopen(evaluate=COMMAND, labels=("data/labels.csv",), data=("data/**",))
    return project


async def runs(project: Project, script: str, **request: object) -> tuple[Experiment, list[Run]]:
    experiment, _ = await project.finish(project.propose_script(script, seeds=(0, 1), **request))
    return experiment, [run for run in experiment.runs if run.arm == "candidate"]


async def test_the_evaluator_measures_and_the_candidate_only_says(judged: Project) -> None:
    experiment, candidates = await runs(judged, TRAIN + "print('better')\n")
    assert experiment.state == "compared", experiment.message
    run = candidates[0]
    assert run.metrics == {"accuracy": 0.8} and run.self_reported == {"accuracy": 0.99}
    record = json.loads((judged.root / run.folder / "run.json").read_text())
    assert record["command"] == "python train.py" and record["tree"] == experiment.proposal.tree
    assert len(record["evaluation"]["per_example_sha256"]) == 64 and record["sandbox"] == run.sandbox
    assert {one.evaluator for one in experiment.runs} == {record["evaluation"]["sha256"]} and len(run.evaluator) == 64
    assert f"SHA-256 `{run.evaluator[:16]}…`\n- Sandbox: {run.sandbox}" in experiment_report(experiment)
    kept = judged.root / ".mltui" / "jobs" / Path(run.folder).parts[2] / "evaluations" / "candidate-0"
    assert sorted(path.name for path in kept.iterdir()) == ["out", "per_example.json", "stderr.log", "stdout.log"]
    assert judged.git("worktree", "list").count("\n") == 1


async def test_the_labels_are_not_there_for_training(judged: Project) -> None:
    peek = (
        TRAIN
        + f"""
import subprocess
seen = {{}}
seen["checkout"] = os.path.exists("data/labels.csv")
seen["git"] = subprocess.run(["git", "show", "HEAD:data/labels.csv"], capture_output=True, text=True).stdout
try:
    seen["project"] = open({str(judged.root / "data/labels.csv")!r}).read()
except OSError:
    seen["project"] = ""
seen["state"] = os.path.exists({str(judged.root / ".mltui/journal.jsonl")!r})
(run / "seen.json").write_text(json.dumps(seen))
"""
    )
    experiment, candidates = await runs(judged, peek)
    assert experiment.state == "compared", experiment.message
    seen = json.loads((judged.root / candidates[0].folder / "seen.json").read_text())
    assert not seen["checkout"]
    # Without a sandbox nothing hides the project's own files, and the run says so.
    hidden = candidates[0].sandbox != "none"
    assert (seen["git"], seen["project"], seen["state"]) == (("", "", False) if hidden else (LABELS, LABELS, True))


TRICKS = {
    "nothing": ("(run / 'predictions.csv').unlink()", "the run left no predictions.csv in its folder $MLTUI_RUN_DIR"),
    "link": (
        "(run / 'predictions.csv').unlink(); (run / 'predictions.csv').symlink_to('/srv/data/labels.csv')",
        "predictions.csv is a link, or cannot be opened",
    ),
    "pipe": ("(run / 'predictions.csv').unlink(); os.mkfifo(run / 'predictions.csv')", "neither a file nor a folder"),
    "huge": ("os.truncate(run / 'predictions.csv', 10**13)", "too large to be handed over (10,000.0 GB)"),
    "short": ("(run / 'predictions.csv').write_text('1')", "the evaluator failed: exit code 1"),
}


@pytest.mark.parametrize("trick", TRICKS)
async def test_predictions_that_are_none(judged: Project, trick: str) -> None:
    code, message = TRICKS[trick]
    experiment, candidates = await runs(judged, TRAIN + code + "\n")
    assert experiment.state == "failed"
    assert candidates[0].status == "failed" and message in candidates[0].message
    assert candidates[0].metrics == {} and candidates[0].self_reported == {"accuracy": 0.99}


async def test_what_the_candidate_leaves_does_not_reach_the_evaluator(judged: Project) -> None:
    lie = """
fake = "import json, sys; json.dump({'accuracy': 1.0}, open(sys.argv[-1], 'w')); raise SystemExit"
for folder in (run, pathlib.Path(".")):
    for name in ("evaluate.py", "sitecustomize.py", "usercustomize.py", "argparse.py", "json.py", "x.pth"):
        if not (folder / name).is_dir():
            (folder / name).write_text(fake)
(run / "out").mkdir()
(run / "out" / "metrics.json").write_text('{"accuracy": 1.0}')
"""
    # The checkout's own evaluate.py is a tracked file: to change it fails the run; so only what is new is left.
    lie = lie.replace('(run, pathlib.Path("."))', "(run,)")
    experiment, candidates = await runs(judged, TRAIN + lie)
    assert experiment.state == "compared", experiment.message
    assert candidates[0].metrics == {"accuracy": 0.8}


async def test_labels_that_git_does_not_track_are_lent_to_the_evaluator_alone(judged: Project) -> None:
    judged.write("secret/labels.csv", LABELS)
    judged.write(".gitignore", ".venv/\n/secret/\n")
    judged.write("evaluate.py", EVALUATE.replace("data/labels.csv", "secret/labels.csv"))
    judged.git("commit", "-q", "-a", "-m", "Secret")
    judged.reopen(labels=("secret/**",))
    peek = TRAIN + "(run / 'seen.json').write_text(json.dumps(os.path.exists('secret')))\n"
    experiment, candidates = await runs(judged, peek)
    assert experiment.state == "compared", experiment.message
    assert candidates[0].metrics == {"accuracy": 0.8}
    assert "secret/labels.csv" in {item.name for item in experiment.proposal.data}
    assert json.loads((judged.root / candidates[0].folder / "seen.json").read_text()) is False


async def test_a_run_that_changes_its_code_fails(judged: Project) -> None:
    experiment, candidates = await runs(judged, TRAIN + "open('evaluate.py', 'a').write('# mine')\n")
    assert experiment.state == "failed"
    assert "the run changed the code that it ran: evaluate.py" in candidates[0].message


async def test_a_change_of_the_evaluation_judges_both_arms(judged: Project) -> None:
    stricter = EVALUATE.replace("sum(right) / len(right)", "sum(right) / len(right) - 0.5")
    judged.experiments.draft("s").write(Path("evaluate.py"), stricter.encode())
    experiment, candidates = await runs(judged, TRAIN + "print('x')\n", evaluation_reason="the old one was wrong")
    assert experiment.proposal.kind == "eval"
    assert {round(run.metrics["accuracy"], 3) for run in experiment.runs} == {0.3} and candidates


@pytest.mark.slow
@pytest.mark.parametrize(
    ("evaluator", "message"),
    [
        ("import time; time.sleep(60)", "the evaluator was ended after 2 seconds, the time limit"),
        ("print('no file')", "the evaluator wrote no metrics: let it write a JSON object to {out}"),
        ("import sys; open(sys.argv[-1], 'w').write('[1]')", "the evaluator's metrics cannot be read: not a JSON object"),
        ("import sys; open(sys.argv[-1], 'w').write('{\"loss\": 1}')", "The evaluator wrote no 'accuracy' (it wrote loss)"),
        ("import sys, os; os.symlink('/etc/passwd', sys.argv[-1])", "the evaluator wrote no metrics"),
    ],
)
async def test_an_evaluator_that_fails(judged: Project, evaluator: str, message: str) -> None:
    judged.write("evaluate.py", evaluator + "\n")
    judged.git("commit", "-q", "-a", "-m", "Broken")
    judged.reopen(run_timeout_minutes=2 / 60)
    experiment, _ = await judged.finish(judged.propose_script(TRAIN + "print('x')\n", seeds=(0, 1)))
    assert experiment.state == "failed" and message in experiment.runs[0].message


async def test_the_model_is_kept_with_its_digest(judged: Project) -> None:
    judged.config = judged.config.model_copy(update={"promotion": Promotion(artifact="out/model.bin")})
    judged.reopen()
    script = TRAIN + "os.makedirs('out'); open('out/model.bin', 'w').write('weights')\n"
    experiment, candidates = await runs(judged, script)
    model = candidates[0].model
    assert (judged.root / model["path"]).read_text() == "weights"
    assert model_digest(judged.root / model["path"]) == model["sha256"]
    baseline = next(run for run in experiment.runs if run.arm == "baseline")
    assert baseline.model == {} and baseline.status == "finished"


def test_models_that_cannot_be_kept(tmp_path: Path) -> None:
    run, kept = tmp_path / "run", tmp_path / "kept"
    (run / "m").mkdir(parents=True)
    for artifact, why in (("../x", "inside the run's folder"), ("m", "an empty folder"), ("none", "the run left no none")):
        with pytest.raises(ModelMissing, match=why):
            keep_model(artifact, (run,), kept)
    (run / "away").symlink_to("/etc/passwd")
    with pytest.raises(ModelMissing, match="a link to a place outside"):
        keep_model("away", (run,), kept)
    (run / "m" / "a.bin").write_bytes(b"a")
    (run / "last").symlink_to("m")
    path, digest = keep_model("last", (run,), kept)
    assert (path / "a.bin").read_bytes() == b"a" and model_digest(path) == digest


def test_only_plain_files_are_handed_over(tmp_path: Path) -> None:
    run, given = tmp_path / "run", tmp_path / "given"
    (run / "a" / "b").mkdir(parents=True)
    given.mkdir()
    (run / "a" / "b" / "x").write_text("x")
    (run / "a" / "link").symlink_to("/etc/passwd")
    copy_plain(run, "a", given)
    assert sorted(path.name for path in given.rglob("*")) == ["a", "b", "x"]
    (run / "c").symlink_to("a")
    with pytest.raises(CopyRefused, match="is a link"):
        copy_plain(run, "c/b/x", given)
    with pytest.raises(CopyRefused, match="outside the run's folder"):
        copy_plain(run, "../x", given)
    with pytest.raises(CopyRefused, match="too large"):
        copy_plain(run, "a", given, limit=0)
