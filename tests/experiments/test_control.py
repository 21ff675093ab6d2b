"""What is under experiment, and which commands train."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.experiments.conftest import Project, git

from mltui.config.schema import Experiments as Section
from mltui.config.schema import FloatParameter
from mltui.core.errors import ConfigError
from mltui.experiments.control import Control


@pytest.mark.parametrize(
    ("path", "kind", "reason"),
    [
        ("prompts/a/system.txt", "prompt", "default pattern prompts/**"),
        ("src/deep/answer.jinja2", "prompt", "default pattern *.jinja2"),
        ("conf/model/big.yaml", "hparam", "default pattern conf/**"),
        ("config-small.yml", "hparam", "default pattern config*.yml"),
        ("params.yaml", "hparam", "default pattern params.yaml"),
        ("train.py", "train", "default pattern train.py"),
        ("train_big.py", "train", "default pattern train_*.py"),
        ("package/train.py", "train", "default pattern */train.py"),
        ("evaluate.py", "eval", "default pattern evaluate.py"),
    ],
)
def test_defaults(tmp_path: Path, path: str, kind: str, reason: str) -> None:
    found = Control(tmp_path, Section()).explain(tmp_path / path)
    assert found is not None
    assert (found.path, found.kind, found.reason, found.change) == (path, kind, reason, "added")


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "src/model.py",
        "tests/deep/train.py",
        "sub/config.yaml",
        "../train.py",
        "trainer.py",
        ".venv/lib/train.py",
        "data/new.csv",
        ".",
    ],
)
def test_the_rest_is_free(tmp_path: Path, path: str) -> None:
    assert Control(tmp_path, Section()).explain(tmp_path / path) is None


def test_declared_patterns_are_added_and_the_graver_kind_wins(tmp_path: Path) -> None:
    section = Section(training=("src/**", "!src/docs/**"), configs=("src/conf/**",), evaluation=("src/score.py",), data=("*.parquet",))
    control = Control(tmp_path, section)

    def explain(path: str) -> tuple[str, str] | None:
        found = control.explain(Path(path))
        return (found.kind, found.reason) if found else None

    assert explain("src/model.py") == ("train", "declared in [experiments] training: src/**")
    assert explain("src/conf/a.yaml") == ("train", "declared in [experiments] training: src/**")
    assert explain("src/score.py") == ("eval", "declared in [experiments] evaluation: src/score.py")
    assert explain("deep/a.parquet") == ("data", "declared in [experiments] data: *.parquet")
    assert explain("src/docs/a.md") is None
    assert explain("train.py") == ("train", "default pattern train.py")


def test_files_named_by_the_configuration_are_under_experiment(tmp_path: Path) -> None:
    (tmp_path / "run_it.py").write_text("")
    section = Section(entrypoints=("python run_it.py",), space={"lr": FloatParameter(low=0, high=1, key="./settings.toml:optim.lr")})
    control = Control(tmp_path, section)
    found = [control.explain(Path(name)) for name in ("run_it.py", "settings.toml")]
    assert [(item.kind, item.reason) for item in found if item] == [
        ("train", "script of the entry point `python run_it.py`"),
        ("hparam", "holds the declared parameter lr"),
    ]


def test_a_parameter_without_a_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'key = "FILE:dotted.key"'):
        Control(tmp_path, Section(space={"lr": FloatParameter(low=0, high=1, key="conf.yaml")}))


def test_data_is_controlled_once_git_tracks_it(project: Project) -> None:
    control = project.experiments.control
    assert (found := control.explain(project.root / "data/rows.csv")) and found.kind == "data"
    project.write("data/scratch.csv", "1\n")
    assert control.explain(project.root / "data/scratch.csv") is None
    project.git("add", "data/scratch.csv")
    assert (found := control.explain(project.root / "data/scratch.csv")) and found.reason == "default pattern data/**"


def test_files_are_those_that_git_sees(project: Project) -> None:
    project.write("prompts/new.txt", "hi")
    project.write("prompts/ignored.bin", "hi")
    names = [path.relative_to(project.root).as_posix() for path in project.experiments.control.files()]
    assert names == ["conf/optim.yaml", "data/rows.csv", "prompts/new.txt", "train.py"]


def test_files_without_git(tmp_path: Path) -> None:
    for name in ("train.py", "node_modules/train.py", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert Control(tmp_path, Section()).files() == [tmp_path.resolve() / "train.py"]


def test_data_files_are_found_ignored_or_not(project: Project) -> None:
    for name in ("corpus/a.bin", "corpus/deep/b.bin", "other/c.bin"):
        project.write(name, "x")
    control = project.reopen(data=("corpus/**",)).control
    assert control.data_files() == ("corpus/a.bin", "corpus/deep/b.bin", "data/rows.csv")


LAUNCHES = [
    "python train.py --lr 1",
    "python3.11 -u ./train.py",
    "CUDA_VISIBLE_DEVICES=0 python -X dev train.py",
    "uv run train.py",
    "python -mtrain",
    "python -Bc 'import train'",
    "flock /tmp/x python train.py",
    "strace -f python train.py",
    "xargs python train.py",
    "python -c 'import os; os.system(\"python train.py\")'",
    "uv run --with torch python train.py",
    "python -m package.train --fast",
    "torchrun --nproc_per_node 4 train.py",
    "accelerate launch --config_file a.yaml train_sft.py",
    "python -m torch.distributed.run --nproc_per_node=2 train.py",
    "nohup nice -n 5 .venv/bin/python train.py",
    "timeout 60 python scripts/fit.py",
    "cd_is_not_here=1 make train EPOCHS=2",
    "bash -c 'python train.py'",
    "python -c 'import train; train.main()'",
    "./train.py",
    "poetry run python package/train.py",
    "srun -n 2 python {root}/train.py",
]
READS = [
    "cat train.py",
    "grep -n lr train.py",
    "git diff train.py",
    "python -m pytest tests/test_train.py",
    "python -m py_compile train.py",
    "ruff check train.py",
    "uv run pytest tests/train.py",
    "uv run ruff check train.py",
    "python evaluate.py",
    "python -c 'print(1)'",
    "make test",
    "python constrain.py",
    "ls",
    "",
    "echo 'unbalanced",
]


@pytest.mark.parametrize("command", LAUNCHES)
def test_commands_that_train(tmp_path: Path, command: str) -> None:
    section = Section(entrypoints=("python scripts/fit.py --seed {seed}", "make train"))
    assert Control(tmp_path, section).launch(command.replace("{root}", str(tmp_path.resolve()))), command


@pytest.mark.parametrize(
    "command",
    [
        "python deep/fit.py",
        "python fit.py",
        "python ../src/deep/fit.py",
        "python ../fit.py",
        "python ../../deep/fit.py",
        "python x.py a.ipynb",
        "python -P x.py nb/a.ipynb",
    ],
)
def test_a_declared_script_is_known_from_every_folder_and_a_notebook_by_who_executes_it(tmp_path: Path, command: str) -> None:
    section = Section(entrypoints=("python src/deep/fit.py", "jupyter execute nb/a.ipynb"))
    assert Control(tmp_path, section).launch(command), command
    assert Control(tmp_path, section).launch(command.replace("fit", "misfit").replace("a.ipynb", "b.ipynb")) is None


@pytest.mark.parametrize("command", READS)
def test_commands_that_do_not(tmp_path: Path, command: str) -> None:
    section = Section(entrypoints=("python scripts/fit.py --seed {seed}", "make train"))
    assert Control(tmp_path, section).launch(command) is None, command


def test_the_reason_names_the_entry_point(project: Project) -> None:
    assert project.experiments.control.launch("python3 train.py") == "runs the declared entry point `python train.py`"
    assert git(project.root, "status", "--porcelain") == ""
