"""One command: its environment, its output, its metrics."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.config.schema import MetricsSource
from mltui.experiments.metrics import MetricsFileError, missing, read_metrics_file, read_stdout
from mltui.experiments.run_environment import RunEnvironment, RunPlace, search_path
from mltui.experiments.runner import Runner
from mltui.experiments.tracking import spool


def test_the_environment_of_a_run(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    (root / "lib").mkdir()
    worktree = tmp_path / "worktree"
    (worktree / "src").mkdir(parents=True)
    inherited = {
        "PATH": os.environ["PATH"],
        "HOME": "/home/ann",
        "HF_TOKEN": "kept",
        "ANTHROPIC_API_KEY": "secret",
        "OPENAI_BASE_URL": "x",
        "MY_MODEL_KEY": "secret",
        "MLFLOW_TRACKING_URI": "http://server",
        "MLFLOW_TRACKING_TOKEN": "secret",
        "GIT_DIR": "elsewhere",
        "PYTHONPATH": f"{root / 'lib'}:/opt/lib",
    }
    environment = RunEnvironment(root, "P-0001", ["MY_MODEL_KEY"], inherited)
    variables = environment.variables(RunPlace(worktree, tmp_path / "run", seed=7))
    assert "secret" not in variables.values() and "GIT_DIR" not in variables and "OPENAI_BASE_URL" not in variables
    assert (variables["HOME"], variables["HF_TOKEN"]) == ("/home/ann", "kept")
    assert (variables["MLTUI_SEED"], variables["PYTHONHASHSEED"], variables["MLTUI_PROPOSAL_ID"]) == ("7", "7", "P-0001")
    assert variables["MLTUI_RUN_DIR"] == str(tmp_path / "run")
    assert variables["MLFLOW_TRACKING_URI"] == (tmp_path / "run" / "mlflow").as_uri()
    assert variables["PATH"].split(":")[0] == str(root / ".venv" / "bin")
    assert variables["PYTHONPATH"].split(":") == [str(worktree / "src"), str(worktree / "lib"), "/opt/lib"]
    assert environment.probe.version.startswith(sys.version.split()[0])
    assert RunEnvironment(root.parent, "P", [], {"PATH": "/nowhere"}).probe.path != environment.probe.path


def test_the_own_interpreter_is_the_last_resort(tmp_path: Path) -> None:
    own = Path("/opt/mltui/bin")
    assert search_path("/usr/bin:/bin", None, own) == "/usr/bin:/bin:/opt/mltui/bin"
    assert search_path("/opt/mltui/bin:/usr/bin", None, own) == "/opt/mltui/bin:/usr/bin"
    assert search_path("/usr/bin", tmp_path, own) == f"{tmp_path}/bin:/usr/bin:/opt/mltui/bin"


def run(command: str, folder: Path, seconds: float = 30.0, runner: Runner | None = None):
    return (runner or Runner()).run(command, cwd=folder, env={"PATH": os.environ["PATH"]}, folder=folder, seconds=seconds)


def test_output_and_exit_code(tmp_path: Path) -> None:
    outcome = run("echo out; echo err >&2; exit 3", tmp_path)
    assert (outcome.ended, outcome.exit_code, outcome.stdout, outcome.stderr) == ("exit", 3, "out\n", "err\n")
    assert (tmp_path / "stdout.log").read_text() == "out\n" and (tmp_path / "stderr.log").read_text() == "err\n"
    assert run("no-such-command", tmp_path).exit_code == 127
    assert run("cat", tmp_path).stdout == ""


def test_a_child_left_behind_neither_lives_on_nor_delays(tmp_path: Path) -> None:
    outcome = run("sleep 600 & echo $!", tmp_path)
    assert outcome.ended == "exit"
    pid = int(outcome.stdout)
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]


def test_a_run_that_ignores_the_request_to_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mltui.experiments.runner.GRACE", 0.2)
    outcome = run("trap '' TERM; while :; do sleep 0.05; done", tmp_path, seconds=0.3)
    assert (outcome.ended, outcome.exit_code) == ("timeout", -signal.SIGKILL)


def test_stop_ends_what_runs_and_what_would(tmp_path: Path) -> None:
    seen: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    runner = Runner(on_change=lambda groups, brands: seen.append((groups, brands)))
    threading.Timer(0.3, runner.stop).start()
    assert run("sleep 600", tmp_path, runner=runner).ended == "killed"
    assert run("sleep 600", tmp_path, runner=runner).ended == "killed"
    assert [(len(groups), len(brands)) for groups, brands in seen] == [(0, 1), (1, 1), (1, 0), (0, 0)] * 2, "known before anything starts"


def test_metrics_files(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text('{"accuracy": 0.5, "val": {"loss": 1, "ok": true}, "name": "x"}')
    assert read_metrics_file(path) == {"accuracy": 0.5, "val/loss": 1.0}
    path.write_text('{"loss": 3}\n\n{"loss": 2, "epoch": 1}\n')
    assert read_metrics_file(path) == {"loss": 2.0, "epoch": 1.0}
    path.write_text('{"loss": 3}\nnonsense\n')
    with pytest.raises(MetricsFileError, match="line 2 is no JSON"):
        read_metrics_file(path)
    path.write_text("[1]")
    with pytest.raises(MetricsFileError):
        read_metrics_file(path)


def test_metrics_on_stdout() -> None:
    text = 'epoch 1 loss=2.5\nnoise 12:30\nloss=1e-3, val_acc: 0.5 f1 = nan\nversion=1.2.3\n{"a": 1}\n{broken\n'
    assert read_stdout(text, "json") == {"a": 1.0}
    found = read_stdout(text, "key=value")
    assert found["loss"] == 0.001 and found["val_acc"] == 0.5 and found["f1"] != found["f1"] and "version" not in found
    assert read_stdout("", "json") == read_stdout("", "key=value") == {}


@given(st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_/]{0,8}", fullmatch=True), st.floats(allow_nan=False), max_size=4))
def test_printed_numbers_are_read_back(values: dict[str, float]) -> None:
    text = " ".join(f"{name}={value!r}" for name, value in values.items())
    assert read_stdout(text, "key=value") == values
    assert read_stdout(json.dumps(values), "json") == values


def test_what_is_missing_is_said_with_the_way_to_log_it() -> None:
    source = MetricsSource(file="m.json", stdout="key=value", mlflow=True)
    assert missing({"a": 1.0}, ["a"], source) is None
    said = missing({}, ["a"], source) or ""
    assert (
        "it logged nothing" in said
        and 'write {"a": ...} to m.json' in said
        and "print a=..." in said
        and 'mlflow.log_metric("a", ...)' in said
    )
    assert said.endswith("or correct `primary` in [experiments].")
    for guardrail in (missing({"a": 1.0}, ["a", "b"], source), missing({"a": 1.0}, ["a", "b"], source, evaluator=True)):
        assert guardrail and "'b'" in guardrail and "or correct `guardrails`" in guardrail and "primary" not in guardrail
    assert "is nan: the training diverged" in (missing({"a": float("nan")}, ["a"], source) or "")
    assert missing({}, ["a"], MetricsSource()) and "Set `metrics`" in (missing({}, ["a"], MetricsSource()) or "")


def test_the_spool_is_read_without_mlflow(tmp_path: Path) -> None:
    metrics = tmp_path / "mlflow" / "123" / "abc" / "metrics"
    (metrics / "val").mkdir(parents=True)
    (metrics.parent / "meta.yaml").write_text("")
    (metrics / "val" / "acc").write_text("1000 0.5 0\n1002 0.7 2\n1001 0.6 1\n")
    (metrics / "loss").write_text("1000 nan 0\nbroken\n")
    found = spool.read_metrics(tmp_path)
    assert found["val/acc"] == 0.7 and found["loss"] != found["loss"]
    assert spool.read_metrics(tmp_path / "none") == {}


@pytest.mark.slow
def test_what_mlflow_itself_writes_is_read(tmp_path: Path) -> None:
    script = (
        "import mlflow\nwith mlflow.start_run():\n  [mlflow.log_metric('val/acc', a, step=s) for s, a in ((0, .1), (2, .3), (1, .2))]\n"
    )
    env = {"PATH": os.environ["PATH"], **spool.spool_environment(tmp_path, "project")}
    outcome = Runner().run(f'{sys.executable} -c "{script}"', cwd=tmp_path, env=env, folder=tmp_path, seconds=100)
    assert outcome.exit_code == 0, outcome.stderr
    assert spool.read_metrics(tmp_path) == {"val/acc": 0.3}
