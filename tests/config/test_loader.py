from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mltui.config import loader, show
from mltui.core.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def failure(project: Path, environ: dict[str, str], **kwargs: object) -> str:
    with pytest.raises(ConfigError) as caught:
        loader.load(project, environ, **kwargs)  # type: ignore[arg-type]
    return str(caught.value)


def test_nothing_set_gives_the_defaults(project: Path, environ: dict[str, str]) -> None:
    loaded = loader.load(project, environ)
    assert loaded.config.model.default == "sonnet"
    assert loaded.origins == {}
    assert loaded.warnings == ()
    assert loaded.project_root == project


def test_each_layer_wins_over_the_one_before(project: Path, home: Path, environ: dict[str, str]) -> None:
    user = write(home / "config.toml", 'persona = "a"\n[model]\ndefault = "u"\narchitect = "u"\nsmall = "u"\nfallback = ["u"]\n')
    own = write(project / ".mltui/config.toml", '[model]\ndefault = "p"\narchitect = "p"\nsmall = "p"\n')
    environ |= {"MLTUI_MODEL__DEFAULT": "e", "MLTUI_MODEL__ARCHITECT": "e"}
    loaded = loader.load(project, environ, {"model.default": "c", "persona": None})
    assert loaded.config.model.model_dump(exclude_defaults=True) == {"default": "c", "architect": "e", "small": "p", "fallback": ("u",)}
    assert loaded.config.persona == "a"
    assert loaded.origins == {
        "persona": str(user),
        "model.default": "command line",
        "model.architect": "MLTUI_MODEL__ARCHITECT",
        "model.small": str(own),
        "model.fallback": str(user),
    }


def test_overrides_may_be_nested(project: Path, environ: dict[str, str]) -> None:
    config = loader.load(project, environ, {"model": {"default": "c", "small": None}, "limits": {"max_turns": 3}}).config
    assert (config.model.default, config.model.small, config.limits.max_turns) == ("c", "haiku", 3)


def test_environment_values_take_the_type_of_the_setting(project: Path, environ: dict[str, str]) -> None:
    environ |= {
        "MLTUI_LIMITS__MAX_TURNS": "7",
        "MLTUI_LIMITS__MAX_BUDGET_USD": "1.5",
        "MLTUI_TRACKING__ENABLED": "false",
        "MLTUI_MODEL__FALLBACK": '["a", "b"]',
        "MLTUI_PERSONA": "reviewer",
        "MLTUI_RUN_DIR": "/somewhere",
    }
    config = loader.load(project, environ).config
    assert (config.limits.max_turns, config.limits.max_budget_usd, config.tracking.enabled) == (7, 1.5, False)
    assert (config.model.fallback, config.persona) == (("a", "b"), "reviewer")


def test_coding_agent_model_is_weaker_than_our_own_variable(project: Path, environ: dict[str, str]) -> None:
    environ["CODING_AGENT_MODEL"] = "opus"
    loaded = loader.load(project, environ)
    assert (loaded.config.model.default, loaded.origins["model.default"]) == ("opus", "CODING_AGENT_MODEL")
    environ["MLTUI_MODEL__DEFAULT"] = "haiku"
    assert loader.load(project, environ).config.model.default == "haiku"


def test_project_settings_come_from_the_nearest_folder_up_to_the_git_top_level(project: Path, environ: dict[str, str]) -> None:
    write(project.parent / ".mltui/config.toml", 'persona = "outside"\n')
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    assert loader.load(inner, environ).config.persona == "ml-engineer"
    write(project / "pyproject.toml", '[tool.mltui]\npersona = "root"\n')
    assert loader.load(inner, environ).config.persona == "root"
    write(project / "a/.mltui/config.toml", 'persona = "near"\n')
    assert loader.load(inner, environ).config.persona == "near"


def test_a_folder_with_both_files_says_which_one_is_ignored(project: Path, environ: dict[str, str]) -> None:
    write(project / "pyproject.toml", '[tool.mltui]\npersona = "a"\n')
    write(project / ".mltui/config.toml", 'persona = "b"\n')
    loaded = loader.load(project, environ)
    assert loaded.config.persona == "b"
    assert "pyproject.toml: [tool.mltui] is ignored" in loaded.warnings[0]


def test_a_pyproject_that_does_not_speak_of_mltui_may_be_broken(project: Path, environ: dict[str, str]) -> None:
    write(project / "pyproject.toml", "[project\n")
    assert loader.load(project, environ).config.persona == "ml-engineer"


def test_tables_merge_and_lists_replace_but_permission_rules_add_up(project: Path, home: Path, environ: dict[str, str]) -> None:
    write(home / "config.toml", '[permissions]\ndeny = ["Read(./.env)"]\n[experiments]\nseeds = [1, 2]\nentrypoints = ["a"]\n')
    write(project / ".mltui/config.toml", "[permissions]\ndeny = []\nallow = ['Bash(ls)']\n[experiments]\nseeds = [9]\n")
    loaded = loader.load(project, environ)
    assert loaded.config.permissions.deny == ("Read(./.env)",)
    assert loaded.config.permissions.allow == ("Bash(ls)",)
    assert loaded.config.experiments.seeds == (9,)
    assert loaded.config.experiments.entrypoints == ("a",)
    assert loaded.origins["permissions.deny"] == f"{home}/config.toml + {project}/.mltui/config.toml"


UNTRUSTED = """
persona = "evil"
[model]
default = "evil"
[permissions]
mode = "auto"
allow = ["Bash(*)"]
deny = ["Write(*)"]
[experiments]
entrypoints = ["python train.py"]
unplanned_training = "record"
[tracking]
uri = "http://evil"
"""


def test_an_untrusted_project_can_only_describe_and_narrow(project: Path, environ: dict[str, str]) -> None:
    write(project / ".mltui/config.toml", UNTRUSTED)
    loaded = loader.load(project, environ, trusted=False)
    config = loaded.config
    assert (config.persona, config.model.default, config.tracking.uri) == ("ml-engineer", "sonnet", "")
    assert (config.permissions.mode, config.permissions.allow, config.permissions.deny) == ("default", (), ("Write(*)",))
    assert (config.experiments.entrypoints, config.experiments.unplanned_training) == (("python train.py",), "deny")
    (warning,) = loaded.warnings
    for name in ("persona", "model", "permissions.mode", "permissions.allow", "experiments.unplanned_training", "tracking"):
        assert f"`{name}`" in warning
    assert loader.load(project, environ, trusted=True).config.permissions.mode == "auto"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[model]\n\n# why\ndefalt = 'x'\n", 4, ["`model.defalt` is not a setting", "Did you mean `model.default`?"]),
        ("personna = 'x'\n", 1, ["Did you mean `persona`?"]),
        ("max_turns = 3\n", 1, ["Did you mean `limits.max_turns`?"]),
        ("zzz = 3\n", 1, ["Known here: ", "experiments, "]),
        ("[limits]\nmax_turns = '5'\n", 2, ['`limits.max_turns` must be a whole number, not "5"']),
        ("[limits]\nmax_turns = 0\n", 2, ["must be at least 1, not 0"]),
        ("[limits]\nmax_budget_usd = 0.0\n", 2, ["must be greater than 0"]),
        ("[tracking]\nenabled = 1\n", 2, ["must be true or false, not 1"]),
        ("model = 'opus'\n", 1, ["`model` must be a table", "model.default"]),
        ("[model]\nfallback = 'opus'\n", 2, ["must be a list"]),
        ("[permissions]\nmode = 'yolo'\n", 2, ["'plan', 'default', 'accept-edits' or 'auto'", '"yolo"']),
        ("experiments = { seeds = [1], primari = { name = 'a' } }\n", 1, ["`experiments.primari`", "`experiments.primary`"]),
        (
            "[experiments]\nguardrails = [\n  { name = 'a', margin = '5%' },\n  { name = 'b' },\n]\n",
            2,
            ["guardrails[1].margin` is missing"],
        ),
        ("[[experiments.guardrails]]\nname='a'\nmargin='1'\n[[experiments.guardrails]]\nname='b'\nmargn='2'\n", 6, ["guardrails[1].margn"]),
        ("[experiments.space]\nlr = {type='float', low=1, high=0, key='a:b'}\n", 2, ["`experiments.space.lr` low must be less than high"]),
        ("[experiments.space.lr]\ntype='float'\nlow='a'\nhigh=1\nkey='a:b'\n", 3, ["`experiments.space.lr.low` must be a number"]),
        ("[experiments.space.lr]\ntype='flot'\n", 1, ["`experiments.space.lr` has a `type` that must be one of", "'float'"]),
        ("[models.'a.b']\nid='x'\ntemprature=1\n", 3, ['`models."a.b".temprature`', '`models."a.b".temperature`']),
    ],
)
def test_a_wrong_setting_names_file_line_and_remedy(project: Path, environ: dict[str, str], text: str, line: int, words: list[str]) -> None:
    path = write(project / ".mltui/config.toml", text)
    message = failure(project, environ)
    assert message.startswith(f"{path}:{line}: ")
    for word in words:
        assert word in message
    assert "\n" not in message


def test_a_line_in_pyproject_counts_from_its_top(project: Path, environ: dict[str, str]) -> None:
    path = write(project / "pyproject.toml", '[project]\nname = "x"\nkeywords = [\n "mltui",\n]\n\n[tool.mltui.limits]\nmax_turn = 1\n')
    assert failure(project, environ).startswith(f"{path}:8: `limits.max_turn`")


@pytest.mark.parametrize(("text", "place"), [("a = \n", "1:5"), ("a = 1\nb = [1,\n", "3"), ("a = 1\na = 2\n", "2:6")])
def test_broken_toml_names_line_and_column(project: Path, environ: dict[str, str], text: str, place: str) -> None:
    path = write(project / ".mltui/config.toml", text)
    assert failure(project, environ).startswith(f"{path}:{place}: is not TOML: ")


def test_bytes_folders_and_depth_are_no_crash(project: Path, environ: dict[str, str]) -> None:
    path = project / ".mltui/config.toml"
    path.write_bytes(b'persona = "a"\n\xff')
    assert failure(project, environ).startswith(f"{path}:2: is not UTF-8")
    path.write_text("a = " + "[" * 100_000)
    assert "nested too deeply" in failure(project, environ)
    path.unlink()
    path.mkdir()
    assert "cannot be read" in failure(project, environ)


def test_a_wrong_variable_is_named(project: Path, environ: dict[str, str]) -> None:
    assert failure(project, environ | {"MLTUI_LIMITS__MAX_TURNS": "many"}).startswith("MLTUI_LIMITS__MAX_TURNS: `limits.max_turns` must be")
    assert "Did you mean `model.default`?" in failure(project, environ | {"MLTUI_MODEL__DEFALT": "x"})
    assert "model.default" in failure(project, environ | {"MLTUI_MODEL": "opus"})
    assert failure(project, environ | {"MLTUI_MODEL__FALLBACK": "[a"}).startswith("MLTUI_MODEL__FALLBACK: is not a TOML value")
    assert failure(project, environ, overrides={"limits.max_turns": 0}).startswith("command line: `limits.max_turns` must be at least 1")


def test_a_mistake_is_reported_also_where_a_stronger_layer_hides_it(project: Path, home: Path, environ: dict[str, str]) -> None:
    write(home / "config.toml", "[limits]\nmax_turns = 'x'\n")
    write(project / ".mltui/config.toml", "[limits]\nmax_turns = 3\n")
    assert failure(project, environ).startswith(f"{home}/config.toml:2: ")


def test_a_table_may_be_completed_by_another_layer_but_not_by_none(project: Path, home: Path, environ: dict[str, str]) -> None:
    write(home / "config.toml", "[models.fast]\nid = 'openai/x'\n")
    own = write(project / ".mltui/config.toml", "[models.fast]\ntemperature = 0.5\n")
    fast = loader.load(project, environ).config.models["fast"]
    assert (fast.id, fast.temperature) == ("openai/x", 0.5)
    (home / "config.toml").unlink()
    assert failure(project, environ).startswith(f"{own}:1: `models.fast.id` is missing")


def test_check_lists_every_problem(project: Path, environ: dict[str, str]) -> None:
    write(project / ".mltui/config.toml", "a = 1\nb = 2\n[limits]\nmax_turns = 'x'\n")
    assert len(loader.check(project, environ)) == 3
    assert "2 more: `mltui config check` lists them" in failure(project, environ)
    write(project / ".mltui/config.toml", "broken")
    assert len(loader.check(project, environ)) == 1
    write(project / ".mltui/config.toml", "")
    assert loader.check(project, environ) == []


SECRET = '[models.a]\nid = "x"\napi_base = "https://me:hunter2@host/v1"\n[models.a.extra.headers]\nx-api-key = "hunter2"\n'


def test_a_project_file_cannot_hold_a_credential(project: Path, environ: dict[str, str]) -> None:
    write(project / ".mltui/config.toml", SECRET)
    message = failure(project, environ)
    assert "`models.a.extra.headers.x-api-key` is a credential" in message
    assert "hunter2" not in message


def test_the_persons_file_may_hold_one_if_nobody_else_can_read_it(project: Path, home: Path, environ: dict[str, str]) -> None:
    path = write(home / "config.toml", SECRET)
    path.chmod(0o644)
    assert "chmod 600" in failure(project, environ)
    path.chmod(0o600)
    loaded = loader.load(project, environ)
    assert loaded.config.models["a"].extra["headers"]["x-api-key"] == "hunter2"
    shown = show.rows(loaded)
    assert not any("hunter2" in row.value for row in shown)
    assert {row.key: row.value for row in shown}["models.a.api_base"] == '"https://***@host/v1"'


def test_show_lists_every_setting_with_its_origin(project: Path, environ: dict[str, str]) -> None:
    path = write(
        project / ".mltui/config.toml", "[experiments.space.lr]\ntype='float'\nlow=0.1\nhigh=1\nkey='a:b'\n[experiments]\nseeds=[1]\n"
    )
    rows = {row.key: row for row in show.rows(loader.load(project, environ))}
    assert (rows["persona"].value, rows["persona"].origin) == ('"ml-engineer"', "default")
    assert (rows["experiments.seeds"].value, rows["experiments.seeds"].origin) == ("[1]", str(path))
    assert (rows["experiments.space.lr.low"].value, rows["experiments.space.lr.key"].value) == ("0.1", '"a:b"')
    assert rows["experiments.space.lr.log"].origin == "default"
    assert rows["limits.max_turns"].value == ""


def test_loading_imports_nothing_heavy(project: Path) -> None:
    write(project / ".mltui/config.toml", "[limits]\nmax_turns = 3\n")
    code = (
        "import sys, mltui.core.experiment; before = set(sys.modules)\n"
        "from pathlib import Path\nfrom mltui.config.loader import load\n"
        f"load(Path({str(project)!r}), {{'MLTUI_HOME': '/nonexistent'}})\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "litellm",
        "mlflow",
        "platformdirs",
        "ruamel",
        "difflib",
        "prompt_toolkit",
        "textual",
        "git",
        "subprocess",
        "importlib.metadata",
    }
    assert not heavy & set(run.stdout.split())


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ('[experiments]\nunplanned_training = "record"\n', "experiments.unplanned_training"),
    ],
)
def test_a_setting_without_effect_is_said_to_have_none(project: Path, environ: dict[str, str], setting: str, key: str) -> None:
    write(project / ".mltui/config.toml", setting)

    (warning,) = loader.load(project, environ).warnings

    assert f"`{key}` has no effect in this version" in warning
    assert "config.toml" in warning
