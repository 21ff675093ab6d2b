"""Training outside a proposal: what the hook sees, what the watch does about it, what is recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mltui.capabilities.shell import CommandShell
from mltui.capabilities.training_watch import ASK, TrainingWatch
from mltui.config.schema import Experiments as Section
from mltui.core.errors import ExperimentError
from mltui.experiments.gpu import gpu_processes
from mltui.experiments.journal import Journal
from mltui.experiments.orphans import Orphans
from mltui.experiments.records import UnplannedTraining
from mltui.experiments.training_log import HOOK, LOG, Evidence, hook_environment, read_log
from mltui.experiments.unplanned import Over, UnplannedWatch

TORCH_STEPS = """\
_hooks = []
def register_optimizer_step_post_hook(hook):
    _hooks.append(hook)
class SGD:
    def step(self):
        for hook in _hooks:
            hook(self, (), {})
"""
BUSY = "import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n"


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """Stand-ins with the names and the shape of the real libraries."""
    folder = tmp_path / "site-packages"
    files = {
        "torch/__init__.py": "from torch.optim.optimizer import SGD\nfrom torch.serialization import save\n",
        "torch/optim/__init__.py": "",
        "torch/optim/optimizer.py": TORCH_STEPS,
        "torch/serialization.py": "import io\ndef save(obj, f):\n    io.FileIO(f, 'w').write(b'x')\n",
        "xgboost/__init__.py": "from xgboost.training import train\n",
        "xgboost/training.py": "def train(params):\n    return params\n",
        "jax/__init__.py": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def python(code: str, log: Path, libraries: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], **hook_environment({"PYTHONPATH": str(libraries)}, log)}
    return subprocess.run([sys.executable, *options, "-c", code], env=environ, capture_output=True, text=True, check=False, cwd=log.parent)


def test_the_hook_notes_import_step_and_model(tmp_path: Path, libraries: Path) -> None:
    log = tmp_path / "log"
    done = python(
        "import torch\ntorch.SGD().step()\ntorch.SGD().step()\ntorch.save(1, 'm.pt')\nopen('n.joblib', 'w').close()\n", log, libraries
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    evidence = read_log(log)
    assert evidence.trained and evidence.libraries == ("torch",) and not evidence.tested
    assert set(evidence.models) == {str(tmp_path / "m.pt"), str(tmp_path / "n.joblib")}
    assert evidence.places[0] == "<string>:1"
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["event"] for event in events] == ["import", "trained", "model", "model", "exit"]
    assert events[-1]["cpu"] > 0


def test_the_hook_notes_a_training_function_and_leaves_it(tmp_path: Path, libraries: Path) -> None:
    log = tmp_path / "log"
    done = python("import xgboost.training as t\nprint(t.train(3), t.train(params=4), t.train.__name__)", log, libraries)
    assert done.stdout == "3 4 train\n" and read_log(log).trained


@pytest.mark.slow
def test_the_real_scikit_learn_is_seen_to_fit(tmp_path: Path) -> None:
    log = tmp_path / "log"
    scaling = "import numpy\nfrom sklearn.preprocessing import StandardScaler\nStandardScaler().fit(numpy.ones((4, 2)))\n"
    assert python(scaling, log, tmp_path).stderr == ""
    assert read_log(log) == Evidence(libraries=("sklearn",), places=("<string>:2",))
    fitting = "from sklearn.tree import DecisionTreeClassifier\nDecisionTreeClassifier().fit([[0], [1]], [0, 1])\n"
    assert python(fitting, log, tmp_path).stderr == ""
    last = [json.loads(line) for line in log.read_text().splitlines()][-2]
    assert (last["event"], last["name"], last["at"]) == ("trained", "sklearn", "<string>:2")


def test_what_trains_nothing_leaves_no_word(tmp_path: Path, libraries: Path) -> None:
    log = tmp_path / "log"
    assert python("import json, csv\nopen('a.txt', 'w').close()\nopen(__import__('os').devnull)", log, libraries).returncode == 0
    assert not log.exists()


def test_the_projects_own_sitecustomize_still_runs(tmp_path: Path, libraries: Path) -> None:
    (libraries / "sitecustomize.py").write_text("MARK = 5\nprint('mine', __name__)\n")
    done = python(
        "import sitecustomize, sys\nprint(sitecustomize.MARK, any('experiments/site' in p for p in sys.path))", tmp_path / "log", libraries
    )
    assert done.stdout == "mine sitecustomize\n5 False\n"


def test_a_log_that_cannot_be_written_breaks_nothing(tmp_path: Path, libraries: Path) -> None:
    environ = {"PATH": os.environ["PATH"], **hook_environment({"PYTHONPATH": str(libraries)}, tmp_path / "no" / "log")}
    command = [sys.executable, "-c", "import torch\ntorch.SGD().step()\nprint('done')"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_a_library_that_is_missing_is_missing_as_before(tmp_path: Path) -> None:
    done = python("try:\n    import catboost\nexcept ModuleNotFoundError as e:\n    print(e)", tmp_path / "log", tmp_path)
    assert done.stdout == "No module named 'catboost'\n"


def test_the_variables_keep_what_was_on_the_path() -> None:
    made = hook_environment({"PYTHONPATH": f"/a{os.pathsep}{HOOK}"}, Path("/l"))
    assert made == {"PYTHONPATH": f"{HOOK}{os.pathsep}/a", LOG: "/l"}


def test_nonsense_in_the_log_is_passed_over(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        b'\xff\xfe\n[1]\n{"event": "import", "name": 3}\n' + b"[" * 100_000 + b'\n{"event": "import", "name": "torch", "at": null}\n'
    )
    assert read_log(log).libraries == ("torch",)
    assert read_log(tmp_path / "none") == Evidence()


def test_gpu_processes_are_those_that_nvidia_names(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n[ \"$1\" = --query-compute-apps=pid ] && echo 41 && echo '[N/A]' && echo 42\n")
    tool.chmod(0o755)
    assert gpu_processes(tmp_path, lambda name: str(tool)) == frozenset()
    (tmp_path / "nvidia0").touch()
    assert gpu_processes(tmp_path, lambda name: str(tool)) == {41, 42}
    assert gpu_processes(tmp_path, lambda name: None) == frozenset()


class Place:
    def __init__(self, folder: Path, libraries: Path) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        self.libraries = libraries
        self.orphans = Orphans(self.root / ".mltui")
        self.watches: list[UnplannedWatch] = []

    def shell(
        self, mode: str = "deny", *, seconds: float = 60.0, minutes: float = 10.0, session: str = "s"
    ) -> tuple[CommandShell, TrainingWatch]:
        section = Section.model_validate({"unplanned_training": mode, "scratch_seconds": seconds, "scratch_minutes": minutes})
        watch = UnplannedWatch(self.orphans, session, section, self.root)
        self.watches.append(watch)
        training = TrainingWatch(watch, lambda command: "declared" if "declared.py" in command else None)
        environ = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(self.libraries)}
        return CommandShell(self.root, self.root / ".mltui" / "output", environ=environ, training=training), training

    def script(self, name: str, code: str) -> None:
        (self.root / name).write_text(code)


@pytest.fixture
def place(tmp_path: Path, libraries: Path) -> Iterator[Place]:
    made = Place(tmp_path, libraries)
    yield made
    for watch in made.watches:
        watch.close()


async def quiet(text: str) -> None:
    pass


STEPS = "import torch\nwhile True: torch.SGD().step()\n"


async def test_denied_training_is_ended_when_it_is_seen_and_recorded(place: Place) -> None:
    place.script("sneaky.py", STEPS)
    shell, _ = place.shell()
    result = await shell.run("python sneaky.py", 60, quiet)
    assert result.exit_code is not None and result.exit_code != 0
    assert "ended by mltui: it trains outside a proposal (torch at " in result.notes[0] and "sneaky.py:" in result.notes[0]
    assert "ProposeExperiment" in result.notes[0]
    (orphan,) = place.orphans.open()
    assert orphan.training.libraries == ("torch",) and orphan.training.outcome == "ended"
    assert orphan.training.command == "python sneaky.py" and orphan.training.cpu_seconds > 0
    assert orphan.training.id in result.notes[1] and "never be compared" in result.notes[1]


async def test_short_training_is_recorded_with_its_model(place: Place) -> None:
    place.script("s.py", "import torch\ntorch.SGD().step()\ntorch.save(1, 'net.pt')\n")
    shell, _ = place.shell("record")
    result = await shell.run("python s.py && touch other.gguf", 60, quiet)
    assert result.exit_code == 0
    (orphan,) = place.orphans.list()
    assert set(orphan.training.models) == {"net.pt", "other.gguf"} and orphan.training.outcome == ""
    assert orphan.training.call_sites[0].endswith("s.py:1")


async def test_beyond_the_scratch_time_of_a_command(place: Place) -> None:
    place.script("s.py", STEPS)
    shell, _ = place.shell("record", seconds=0.5)
    result = await shell.run("python s.py", 60, quiet)
    assert "used its 0.5 CPU seconds of scratch time for one command" in result.notes[0]


async def test_beyond_the_scratch_time_of_a_session_which_the_journal_remembers(place: Place) -> None:
    place.script("s.py", STEPS)
    place.orphans.record(UnplannedTraining(id="", session_id="s", command="x", cpu_seconds=59))
    shell, _ = place.shell("record", minutes=1)
    result = await shell.run("python s.py", 60, quiet)
    assert "the session used its 1 minutes of scratch time" in result.notes[0]
    other, _ = place.shell("record", minutes=1, session="t")
    place.script("q.py", "import torch\ntorch.SGD().step()\n")
    assert (await other.run("python q.py", 60, quiet)).exit_code == 0


@pytest.mark.slow
async def test_a_person_may_let_it_go_on(place: Place) -> None:
    place.script("s.py", "import torch\ntorch.SGD().step()\n" + BUSY.format(seconds=2.5) + "print('through')\n")
    shell, _ = place.shell("ask", seconds=0.2)
    asked: list[str] = []

    async def ask(reason: str) -> bool:
        asked.append(reason)
        return True

    token = ASK.set(ask)
    result = await shell.run("python s.py", 60, quiet)
    assert "through" in result.output and len(asked) == 1 and "scratch time" in asked[0]
    assert place.orphans.list()[0].training.outcome == "allowed"
    ASK.reset(token)
    assert (await shell.run("python s.py", 60, quiet)).notes[0].startswith("ended by mltui")


async def test_work_that_trains_nothing_is_left_alone(place: Place) -> None:
    shell, _ = place.shell("deny", seconds=0.1)
    place.script("work.py", BUSY.format(seconds=2) + "open('cache.pkl', 'w').close()\nprint('through')\n")
    result = await shell.run("python work.py", 60, quiet)
    assert "through" in result.output and result.notes == () and place.orphans.list() == []
    place.script("loads.py", "import torch\nprint('loaded')\n")
    result = await shell.run("python loads.py", 60, quiet)
    assert "loaded" in result.output and result.notes == () and place.orphans.list() == []


@pytest.mark.slow
async def test_tests_that_train_have_the_scratch_time(place: Place) -> None:
    busy = "".join(f"    {line}\n" for line in BUSY.format(seconds=2).splitlines())
    place.script("test_it.py", "import torch\ndef test_step():\n    torch.SGD().step()\n" + busy)
    shell, _ = place.shell("deny")
    result = await shell.run("python -m pytest -q -p no:cacheprovider -p no:xdist test_it.py", 60, quiet)
    assert result.exit_code == 0, result.output
    assert place.orphans.list()[0].training.outcome == ""


async def test_a_known_entry_point_counts_whatever_it_hides(place: Place) -> None:
    place.script("declared.py", "print('numpy would do')\n")
    shell, _ = place.shell("record")
    await shell.run("env -i /bin/sh -c 'python3 -I declared.py; true'", 60, quiet)
    assert [orphan.training.id for orphan in place.orphans.list()] == ["U-0001"]


async def test_a_gpu_in_use_is_evidence_enough(place: Place) -> None:
    section = Section(unplanned_training="deny", scratch_seconds=4)
    process = subprocess.Popen(["sleep", "61"])
    try:
        watch = UnplannedWatch(place.orphans, "s", section, place.root, gpu=lambda: frozenset({process.pid}))
        watch.start("./train_in_cuda")
        watch._next_gpu = 0.0  # pyright: ignore[reportPrivateUsage]
        assert isinstance(watch.tick(process.pid), Over)
        recorded = watch.finish()
        assert recorded is not None and recorded.gpu_seconds == 5.0
        watch.close()
    finally:
        process.kill()
        process.wait()


def test_orphans_are_settled_once_and_the_journal_verifies(tmp_path: Path) -> None:
    orphans = Orphans(tmp_path)
    first = orphans.record(UnplannedTraining(id="", session_id="s", command="a"))
    second = Orphans(tmp_path).record(UnplannedTraining(id="", session_id="s", command="b"))
    assert (first.id, second.id) == ("U-0001", "U-0002")
    assert orphans.settle("2", "discard", by="ann").settled == "discard"
    with pytest.raises(ExperimentError, match="U-0002 was settled before: discard by ann"):
        Orphans(tmp_path).settle("u-0002", "adopt", by="bob")
    with pytest.raises(ExperimentError, match="no unplanned training U-7"):
        orphans.settle("U-7", "adopt", by="bob")
    assert [orphan.training.id for orphan in orphans.open()] == ["U-0001"]
    assert Journal(tmp_path / "journal.jsonl").verify() == 3
