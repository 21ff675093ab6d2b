"""Scripts that know nothing of tracking, or track in their own way, under the environment of a run."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mltui.config.schema import MetricsSource
from mltui.experiments.autologging import read_notes
from mltui.experiments.capture import Place, capture
from mltui.experiments.run_environment import RunEnvironment, RunPlace
from mltui.experiments.run_records import read_record
from mltui.experiments.tracking import spool
from mltui.experiments.tracking.logged import TRACES, logged_texts

BARE = str(Path(sys.executable).resolve())
"""Knows no packages."""


def run(script: str, folder: Path, *, python: str = sys.executable, modules: Path | None = None) -> str:
    """Returns: what a script prints that runs as one of an experiment's does."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = RunEnvironment(folder, "P-0001", inherited=inherited, autolog=True)
    env = environment.variables(RunPlace(folder, folder, seed=0))
    env["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    if modules:
        env["PYTHONPATH"] += f"{os.pathsep}{modules}"
    done = subprocess.run([python, "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def metrics(folder: Path) -> dict[str, float]:
    return capture(Place(folder, folder, {}), {}, MetricsSource(mlflow=True, wandb=True)).metrics


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A library that trains, as its own module name and class are."""
    folder = tmp_path / "modules"
    (folder / "xgboost").mkdir(parents=True)
    (folder / "xgboost" / "__init__.py").write_text("from xgboost.core import DMatrix\n")
    (folder / "xgboost" / "core.py").write_text("class DMatrix:\n    def __init__(self, rows):\n        self.rows = rows\n")
    return folder


def fake_mlflow(modules: Path, autolog: str) -> None:
    (modules / "mlflow").mkdir()
    (modules / "mlflow" / "__init__.py").write_text("")
    (modules / "mlflow" / "xgboost.py").write_text(f"def autolog(log_models=True, silent=False):\n    {autolog}\n")


USE = "import sys, xgboost; {}; print('mlflow' in sys.modules)"


def test_mlflow_is_loaded_at_the_first_use_and_logs_no_models(tmp_path: Path, modules: Path) -> None:
    fake_mlflow(modules, "print(log_models, silent)")
    assert run(USE.format("pass"), tmp_path, python=BARE, modules=modules) == "False\n"
    said = run(USE.format("[xgboost.DMatrix([1]) for _ in range(2)]"), tmp_path, python=BARE, modules=modules)
    assert said == "False True\nTrue\n" and read_notes(tmp_path) == ()


def test_a_child_of_what_logs_does_not_log_again(tmp_path: Path, modules: Path) -> None:
    fake_mlflow(modules, "print('on', flush=True)")
    use = "import xgboost; xgboost.DMatrix([1])"
    script = f"{use}\nimport subprocess, sys\nsubprocess.run([sys.executable, '-c', {use!r}])"
    assert run(script, tmp_path, python=BARE, modules=modules) == "on\n"


def test_what_cannot_be_logged_is_said_and_the_script_goes_on(tmp_path: Path, modules: Path) -> None:
    script = USE.format("print(xgboost.DMatrix([1]).rows)")
    assert run(script, tmp_path, python=BARE, modules=modules) == "[1]\nFalse\n"
    fake_mlflow(modules, "raise RuntimeError('of another\\nversion')")
    assert run(script, tmp_path, python=BARE, modules=modules) == "[1]\nTrue\n"
    assert read_notes(tmp_path) == (
        "xgboost trained without being logged: mlflow is not installed in the run's environment",
        "autologging of xgboost failed: RuntimeError: of another version",
    )


def test_the_projects_own_sitecustomize_runs_too(tmp_path: Path, modules: Path) -> None:
    (modules / "sitecustomize.py").write_text("print('own')\n")
    assert run("pass", tmp_path, python=BARE, modules=modules) == "own\n"


SCIKIT_LEARN = """
import pickle
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC
X, y = load_iris(return_X_y=True)
search = GridSearchCV(SVC(), {"C": [0.1, 1]}, scoring=make_scorer(accuracy_score), cv=2, n_jobs=2).fit(X, y)
print(accuracy_score(y, search.predict(X)))
pickle.loads(pickle.dumps(accuracy_score))
"""

SLOW_FILES = """
import os, time
there, asked = os.path.exists, []
def exists(path):
    found = there(path)
    if os.path.basename(os.path.dirname(path)) == "datasets" and not found:
        asked.append(path)
        time.sleep(0.3 * len(asked))
    return found
os.path.exists = exists
"""
"""Who looks for a dataset that another is about to write finds none either, and writes it later."""

SEARCHES = """
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv
from sklearn.model_selection import HalvingGridSearchCV, RandomizedSearchCV
from sklearn.svm import SVC
X, y = load_iris(return_X_y=True)
space = {"C": [0.1, 1, 2, 3, 4, 5, 6, 7, 8]}
RandomizedSearchCV(SVC(), space, n_iter=8, cv=2, random_state=0).fit(X, y)
search = HalvingGridSearchCV(SVC(), space, cv=2, random_state=0).fit(X, y)
print(search.best_score_, len(search.cv_results_["params"]))
"""

BOOSTERS = """
import numpy as np
import lightgbm, statsmodels.api, xgboost
random = np.random.default_rng(0)
X = random.normal(size=(200, 3))
y = (X[:, 0] > 0).astype(int)
d = xgboost.DMatrix(X, y)
xgboost.train({"objective": "binary:logistic", "eval_metric": "logloss"}, d, 4, evals=[(d, "valid")], verbose_eval=False)
xgboost.XGBClassifier(n_estimators=3, eval_metric="auc").fit(X, y, eval_set=[(X, y)], verbose=False)
data = lightgbm.Dataset(X, y)
lightgbm.train({"objective": "binary", "metric": "binary_logloss", "verbose": -1}, data, 4, valid_sets=[data], valid_names=["seen"])
statsmodels.api.OLS(X[:, 0], X[:, 1:]).fit()
"""

OWN_TRACKING = """
import mlflow
mlflow.set_tracking_uri("http://ann:secret@127.0.0.1:9")
mlflow.set_experiment("another")
with mlflow.start_run():
    for step in (0, 1, 2):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    with mlflow.start_run(nested=True):
        mlflow.log_metric("loss", 9)
    mlflow.log_param("optimizer", "adam")
mlflow.end_run()
mlflow.end_run()
with mlflow.start_run():
    mlflow.log_metric("accuracy", 0.9)
print(mlflow.MlflowClient(tracking_uri="http://127.0.0.1:9").tracking_uri)
"""


@pytest.mark.slow
def test_scikit_learn(tmp_path: Path) -> None:
    score = float(run(SCIKIT_LEARN, tmp_path))
    found = metrics(tmp_path)
    assert found["accuracy_score_X"] == score and 0.8 < found["best_cv_score"] <= 1.0 and read_notes(tmp_path) == ()
    # The workers of the search logged nothing themselves: the search, and what it tried.
    assert len(spool.runs_in(tmp_path)) == 3
    assert not list((tmp_path / spool.SPOOL).rglob("MLmodel"))


@pytest.mark.slow
def test_the_runs_of_a_search_do_not_stumble_over_each_other(tmp_path: Path) -> None:
    run(SLOW_FILES + SCIKIT_LEARN, tmp_path)
    finished = "status: 3"
    assert "accuracy_score_X" in metrics(tmp_path)
    assert all(finished in (place / "meta.yaml").read_text() for place in spool.runs_in(tmp_path))


@pytest.mark.slow
def test_a_search_in_the_script_is_one_run_with_all_that_it_tried(tmp_path: Path) -> None:
    best, tried = run(SEARCHES, tmp_path).split()
    assert metrics(tmp_path)["best_cv_score"] == float(best) and read_notes(tmp_path) == ()
    # Two searches, and of each the five best as nested runs.
    assert len(spool.runs_in(tmp_path)) == 12
    table = list(csv.DictReader(logged_texts(tmp_path)["cv_results.csv"].splitlines()))
    assert len(table) == int(tried) > 9 and max(float(row["mean_test_score"]) for row in table) >= float(best)


@pytest.mark.slow
def test_xgboost_lightgbm_and_statsmodels(tmp_path: Path) -> None:
    run(BOOSTERS, tmp_path)
    assert {"valid-logloss", "validation_0-auc", "seen-binary_logloss", "rsquared"} <= metrics(tmp_path).keys()
    series = read_record("candidate", 0, tmp_path).series
    assert [len(series[name].steps) for name in ("valid-logloss", "validation_0-auc", "seen-binary_logloss")] == [4, 3, 4]
    assert "OLS Regression Results" in logged_texts(tmp_path)["model_summary.txt"] and read_notes(tmp_path) == ()


INLINE = """
import lightgbm, numpy, xgboost
X = numpy.random.default_rng(0).normal(size=(60, 2))
y = (X[:, 0] > 0).astype(int)
objective = {"objective": "binary:logistic", "eval_metric": "logloss"}
xgboost.train(objective, xgboost.DMatrix(X, y), 4, evals=[(xgboost.DMatrix(X, y), "valid")], verbose_eval=False)
data = {"valid_sets": [lightgbm.Dataset(X, y)], "valid_names": ["seen"]}
lightgbm.train({"objective": "binary", "metric": "binary_logloss", "verbose": -1}, lightgbm.Dataset(X, y), 4, **data)
xgboost.XGBClassifier(n_estimators=3, eval_metric="auc").fit(X, y, eval_set=[(X, y)], verbose=False)
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["", "data", "xgboost"])
def test_data_that_is_made_where_it_is_trained_on(tmp_path: Path, first: str) -> None:
    before = {"": "", "data": "lightgbm.Dataset(X, y)\n", "xgboost": "xgboost.DMatrix(X, y)\n"}[first]
    run(INLINE.replace("objective =", f"{before}objective =", 1), tmp_path)
    assert {"valid-logloss", "validation_0-auc", "seen-binary_logloss"} <= metrics(tmp_path).keys()
    # Each training is logged once.
    assert len(spool.runs_in(tmp_path)) == 3 and read_notes(tmp_path) == ()


@pytest.mark.slow
def test_a_script_that_tracks_elsewhere_ends_in_the_same_run(tmp_path: Path) -> None:
    spooled = (tmp_path / spool.SPOOL).as_uri()
    assert run(OWN_TRACKING, tmp_path).strip() == spooled
    found = metrics(tmp_path)
    assert found == {"loss": pytest.approx(1 / 3), "accuracy": 0.9} and spool.read_params(tmp_path) == {"optimizer": "adam"}
    assert len(read_record("candidate", 0, tmp_path).series["loss"].steps) == 3
    notes = read_notes(tmp_path)
    assert len(notes) == 2 and "recorded with this run instead" in notes[0] and "secret" not in notes[0]


class Answers(BaseHTTPRequestHandler):
    """What a provider of language models answers to a chat."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        body = json.dumps(
            {"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [choice], "usage": usage}
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


ASKS = """
from litellm import completion
from openai import OpenAI
asked = [{{"role": "user", "content": "hi"}}]
completion(model="openai/x", api_base="{0}", api_key="k", messages=asked)
print(OpenAI(base_url="{0}", api_key="k").chat.completions.create(model="x", messages=asked).choices[0].message.content)
"""


@pytest.mark.slow
def test_questions_to_language_models_leave_traces(tmp_path: Path, provider: str) -> None:
    assert run(ASKS.format(provider), tmp_path) == "hello\n"
    traces = [json.loads(line) for line in logged_texts(tmp_path)[TRACES].splitlines()]
    assert traces and all(trace["spans"] for trace in traces) and read_notes(tmp_path) == ()
    assert "hello" in json.dumps(traces)


@pytest.mark.slow
def test_wandb_stays_offline_and_ends_in_the_run(tmp_path: Path) -> None:
    logging = "[run.log({'loss': 1 / (i + 1)}) for i in range(40)]"
    run(f"import wandb\nwith wandb.init(project='p', config={{'lr': .1}}) as run:\n  {logging}\n", tmp_path)
    assert metrics(tmp_path)["loss"] == 1 / 40 and len(read_record("candidate", 0, tmp_path).series["loss"].steps) == 40
