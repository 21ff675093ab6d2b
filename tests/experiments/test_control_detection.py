"""What is under experiment without being declared: by content, by what imports and reads it, before and after a change."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.experiments.conftest import git

from mltui.config.schema import Experiments as Section
from mltui.experiments.control import Control
from mltui.experiments.detection import cache, detector
from mltui.experiments.detection.analysis import look, look_closely

TRAINS = b"from sklearn.svm import SVC\n\nSVC().fit(X, y)\n"
FREE = b"def add(a, b):\n    return a + b\n"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is believed because it was so a moment ago; mltui's own key lies in a folder of the test."""
    monkeypatch.setattr(detector, "FRESH", -1e9)
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def _write(root: Path, name: str, content: bytes | str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _kind(control: Control, name: str) -> str | None:
    found = control.explain(Path(name))
    return found.kind if found else None


def test_a_file_is_what_it_holds_now(root: Path) -> None:
    control = Control(root, Section())
    _write(root, "fit_it.py", FREE)
    assert _kind(control, "fit_it.py") is None
    _write(root, "fit_it.py", TRAINS)
    found = control.explain(root / "fit_it.py")
    assert found and (found.kind, found.reason, found.change) == ("train", "trains: line 3: SVC().fit(X, y)", "modified")
    assert [finding.line for finding in control.evidence(root / "fit_it.py")] == [3]
    assert control.files() == [root / "fit_it.py"]
    _write(root, "fit_it.py", FREE)
    assert control.files() == []


def test_without_detection_patterns_decide(root: Path) -> None:
    _write(root, "fit_it.py", TRAINS)
    control = Control(root, Section(detect=False))
    assert control.explain(root / "fit_it.py") is None
    assert control.files() == []
    assert control.explain_change(root / "fit_it.py", None, TRAINS) is None
    assert "detect is false" in control.why_not(root / "fit_it.py")


def test_a_change_counts_before_and_after(root: Path) -> None:
    control, path = Control(root, Section()), root / "job.py"
    cases = {(TRAINS, FREE): "modified", (FREE, TRAINS): "modified", (None, TRAINS): "added", (TRAINS, None): "deleted"}
    for (before, after), change in cases.items():
        found = control.explain_change(path, before, after)
        assert found and (found.kind, found.change) == ("train", change)
    assert control.explain_change(path, FREE, FREE + b"#\n") is None
    assert control.explain_change(path, None, None) is None
    assert control.explain_content(path, TRAINS) and control.explain_content(path, FREE) is None


def test_harmless(root: Path) -> None:
    control = Control(root, Section(evaluation=("gold.json",)))
    assert control.harmless(root / "job.py", TRAINS, TRAINS + b"# note\n")
    assert control.harmless(root / "job.py", TRAINS, TRAINS.replace(b"()", b"(C=2)")) is None
    assert control.harmless(root / "job.py", FREE, FREE + b"#\n") is None
    assert control.harmless(root / "job.py", None, TRAINS) is None
    assert control.harmless(root / "conf/a.yaml", b"a: 1\n", b"a: 1 # b\n")
    assert control.harmless(root / "prompts/a.yaml", b"a: 1\n", b"a: 1 # b\n") is None
    assert control.harmless(root / "gold.json", b"[1]", b"[ 1]") is None


def test_what_training_reads_and_imports(root: Path) -> None:
    _write(root, "jobs/fit.py", "import yaml\nfrom parts import net, clock\nyaml.safe_load(open('opts/a.yaml'))\n" + TRAINS.decode())
    _write(root, "jobs/parts/__init__.py", "")
    _write(root, "jobs/parts/net.py", "from torch import nn\nclass Net(nn.Module):\n    pass\n")
    _write(root, "jobs/parts/clock.py", "import time\ndef now():\n    return time.time()\n")
    _write(root, "opts/a.yaml", "a: 1\n")
    _write(root, "opts/b.yaml", "a: 1\n")
    control = Control(root, Section())
    kinds = {path.relative_to(root).as_posix(): _kind(control, str(path)) for path in control.files()}
    assert kinds == {"jobs/fit.py": "train", "jobs/parts/net.py": "train", "opts/a.yaml": "hparam"}
    found = control.explain(root / "opts/a.yaml")
    assert found and found.reason == "read by jobs/fit.py, line 3: opts/a.yaml"
    (root / "opts/a.yaml").unlink()
    assert _kind(control, "opts/a.yaml") == "hparam"
    _write(root, "jobs/fit.py", FREE)
    assert control.files() == []


def test_an_entry_point_takes_all_its_imports_along(root: Path) -> None:
    _write(root, "go.py", "import parts.clock\n")
    _write(root, "parts/clock.py", "import time\n")
    _write(root, "parts/other.py", "import time\n")
    control = Control(root, Section(entrypoints=("python go.py --config run/x.yaml",)))
    found = control.explain(root / "parts/clock.py")
    assert found and found.reason == "imported by the entry point go.py"
    assert _kind(control, "parts/other.py") is None
    assert _kind(control, "run/x.yaml") == "hparam"


def test_a_person_takes_back(root: Path) -> None:
    _write(root, "old/fit.py", TRAINS)
    _write(root, "new/fit.py", TRAINS)
    control = Control(root, Section(training=("!old/**",)))
    assert control.files() == [root / "new/fit.py"]
    assert control.why_not(root / "old/fit.py") == "taken back in [experiments] training: !old/**"


@pytest.mark.parametrize("name", ["TRAIN.PY", "Train.py", "CONF/a.yaml", "Prompts/x.txt"])
def test_case_does_not_let_a_name_slip(root: Path, name: str) -> None:
    assert Control(root, Section()).explain(root / name)


def test_links_to_what_is_under_experiment(root: Path) -> None:
    _write(root, "conf/a.yaml", "a: 1\n")
    _write(root, "fit_it.py", TRAINS)
    (root / "here.yaml").symlink_to("conf/a.yaml")
    (root / "same.py").symlink_to("fit_it.py")
    (root / "folder").symlink_to("conf")
    control = Control(root, Section())
    assert [_kind(control, name) for name in ("here.yaml", "same.py", "folder/a.yaml")] == ["hparam", "train", "hparam"]
    found = control.explain(root / "here.yaml")
    assert found and found.reason == "a link to conf/a.yaml: default pattern conf/**"


def test_odd_names_and_things(root: Path) -> None:
    names = ["a\nb.py", "é.py", os.fsdecode(b"\xff.py")]
    for name in names:
        _write(root, name, TRAINS)
    os.mkfifo(root / "pipe.py")
    (root / "folder.py").mkdir()
    (root / "gone.py").symlink_to("nowhere")
    control = Control(root, Section())
    assert sorted(control.files()) == sorted(root / name for name in names)
    for name in ("pipe.py", "folder.py", "gone.py", "../out.py", "."):
        assert control.explain(Path(name)) is None
        assert control.why_not(Path(name))


def test_submodules_and_repositories_below(root: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    _write(inner, "fit_it.py", TRAINS)
    for folder in (inner, root):
        git(folder, "init", "-q")
    git(inner, "add", "-A")
    git(inner, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "libs/inner")
    git(tmp_path, "clone", "-q", str(inner), str(root / "other"))
    control = Control(root, Section())
    assert control.files() == [root / "libs/inner/fit_it.py", root / "other/fit_it.py"]


HOSTILE = {
    "nested": b"import torch\nloss.backward()\nx = " + b"-" * 100_000 + b"1\n",
    "chain": b"import torch\nloss.backward()\nx = 1" + b"+1" * 200_000,
    "attributes": b"import torch\nloss.backward()\nx" + b".a" * 100_000,
    "nul": b"loss.backward()\0",
    "syntax": b"import torch\nloss.backward()\nprint 'python 2'\n",
    "latin": "import torch\nloss.backward()\nx = 'é'\n".encode("latin-1"),
    "utf-16": "import torch\nloss.backward()\n".encode("utf-16"),
    "huge": b"import torch\nloss.backward()\n" + b"x = 1\n" * 400_000,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_parsed_is_searched(root: Path, content: bytes) -> None:
    control = Control(root, Section())
    for name in ("x.py", "x.ipynb"):
        found = control.explain_content(root / name, content)
        assert found and found.kind == "train" and "searched as text" in found.reason


def test_a_notebook_with_escapes(root: Path) -> None:
    cell = {"cell_type": "code", "source": ["import torch\n", "%time 1\n", "loss.backward()"]}
    text = json.dumps({"cells": [cell]}).replace("backward", "b\\u0061ckward").replace("torch", "t\\u006frch").encode()
    found = Control(root, Section()).explain_content(root / "a.ipynb", text)
    assert found and found.reason == "trains: line 3: loss.backward()"


@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass"))),
    st.sampled_from(["a.py", "a.ipynb"]),
)
def test_no_content_breaks_detection(content: bytes, name: str) -> None:
    look(name, b"import torch  # prompt\n" + content)
    look_closely(name, content)


def test_what_was_found_is_kept_and_a_forgery_is_not_believed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "WORTH_KEEPING", -1.0)
    _write(root, "fit_it.py", TRAINS)
    assert Control(root, Section()).files() == [root / "fit_it.py"]
    kept = root / ".mltui" / cache.NAME
    key = cache.key_of("fit_it.py", TRAINS)
    assert cache.load(root / ".mltui")[key].findings
    seal, _, body = kept.read_bytes().partition(b"\n")
    document = json.loads(body)
    document["found"][key] = [[], "", False]
    for forged in (seal + b"\n" + json.dumps(document).encode(), b"", b"\xff\n{}", seal + b"\n" + b"[" * 100_000, body):
        kept.write_bytes(forged)
        assert cache.load(root / ".mltui") == {}
        assert Control(root, Section()).files() == [root / "fit_it.py"]


def test_why_not(root: Path) -> None:
    _write(root, "tests/test_fit.py", TRAINS)
    _write(root, "add.py", FREE)
    _write(root, "a.csv", "1\n")
    control = Control(root, Section())
    reasons = {
        "tests/test_fit.py": "it is a test",
        "add.py": "it shows no training",
        "a.csv": "neither Python",
        "b.yaml": "nothing under experiment reads it",
        ".venv/x.py": "nothing in a folder .venv is",
        "../x.py": "outside the project",
        "train.py": "default pattern train.py",
    }
    for name, part in reasons.items():
        assert part in control.why_not(Path(name)), name
