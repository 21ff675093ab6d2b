"""Changing one setting in a file: the rest of the file stays, and what does not fit changes nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mltui.config import edit, loader
from mltui.core.errors import ConfigError, UsageError

TEXT = """# what I like
persona = "ml-engineer"   # the usual

[limits]
# not too long
max_turns = 10  # turns

[models.mine]
id = "openai/x"
api_base = "http://localhost"
"""


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(TEXT)
    return project, {"MLTUI_HOME": str(home)}


def test_a_value_is_set_in_place_and_its_comments_stay(place: tuple[Path, dict[str, str]]) -> None:
    cwd, environ = place
    path = edit.put("limits.max_turns", "40", "user", cwd, environ)
    assert path.read_text() == TEXT.replace("max_turns = 10  # turns", "max_turns = 40  # turns")
    edit.put("ui.theme", "mltui-light", "user", cwd, environ)
    assert tomllib.loads(path.read_text())["ui"] == {"theme": "mltui-light"}
    edit.put("ui.theme", None, "user", cwd, environ)
    edit.put("limits.max_turns", "10", "user", cwd, environ)
    assert path.read_text().startswith(TEXT)
    assert loader.load(cwd, environ).config.limits.max_turns == 10


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("limits.max_turns", "many", "`limits.max_turns` must be a whole number"),
        ("limits.max_turns", "0", "must be at least 1"),
        ("ui.themes", "x", "`ui.themes` is not a setting"),
        ("permissions.mode", "always", "must be one of"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_file_is_as_it_was(
    place: tuple[Path, dict[str, str]], key: str, text: str, words: str
) -> None:
    cwd, environ = place
    with pytest.raises(ConfigError, match=words):
        edit.put(key, text, "user", cwd, environ)
    assert (Path(environ["MLTUI_HOME"]) / "config.toml").read_text() == TEXT


def test_a_credential_does_not_go_into_a_project_file(place: tuple[Path, dict[str, str]]) -> None:
    cwd, environ = place
    with pytest.raises(ConfigError, match="credential"):
        edit.put("models.mine.extra.api_key", "sk-1", "project", cwd, environ)
    assert not (cwd / ".mltui" / "config.toml").exists()


def test_a_project_setting_goes_where_the_project_has_its_settings(place: tuple[Path, dict[str, str]]) -> None:
    cwd, environ = place
    assert edit.put("experiments.seeds", "[1, 2]", "project", cwd, environ) == cwd / ".mltui" / "config.toml"
    assert (cwd / ".mltui" / ".gitignore").read_text() == "*\n"
    (cwd / ".mltui" / "config.toml").unlink()
    pyproject = cwd / "pyproject.toml"
    pyproject.write_text('[project]\nname = "x"\n\n[tool.mltui.limits]\nmax_turns = 3\n')
    assert edit.put("experiments.seeds", "[1, 2]", "project", cwd, environ) == pyproject
    assert loader.load(cwd, environ).config.experiments.seeds == (1, 2)
    assert tomllib.loads(pyproject.read_text())["project"] == {"name": "x"}


def test_what_is_not_there_cannot_be_taken_out(place: tuple[Path, dict[str, str]]) -> None:
    cwd, environ = place
    with pytest.raises(UsageError, match=r"ui\.theme is not set in"):
        edit.put("ui.theme", None, "user", cwd, environ)


def test_a_link_stays_a_link_and_a_new_file_is_the_persons_own(place: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    cwd, environ = place
    path, real = Path(environ["MLTUI_HOME"]) / "config.toml", tmp_path / "dotfiles.toml"
    path.rename(real)
    path.symlink_to(real)
    edit.put("persona", "data-scientist", "user", cwd, environ)
    assert path.is_symlink()
    assert 'persona = "data-scientist"   # the usual' in real.read_text()
    real.unlink()
    path.unlink()
    assert edit.put("persona", "x", "user", cwd, environ).stat().st_mode & 0o777 == 0o600


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30))
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_and_nothing_else_changes(place: tuple[Path, dict[str, str]], text: str) -> None:
    cwd, environ = place
    path = Path(environ["MLTUI_HOME"]) / "config.toml"
    path.write_text(TEXT)
    try:
        edit.put("tracking.experiment", text, "user", cwd, environ)
    except ConfigError:
        assert path.read_text() == TEXT  # it read as a list or a number, and the text of it is none either
        return
    after = tomllib.loads(path.read_text())
    assert after.pop("tracking") in ({"experiment": text}, {"experiment": after.get("x", text.strip().strip("\"'"))})
    assert after == tomllib.loads(TEXT)


@pytest.mark.parametrize(
    ("broken", "words"), [("x = [", "is not TOML"), ("[a]\nb = 1\nb = 2\n", ":3:6: is not TOML"), ("x = '\0'", "is not TOML")]
)
def test_a_broken_file_is_a_line_and_stays(place: tuple[Path, dict[str, str]], broken: str, words: str) -> None:
    cwd, environ = place
    path = Path(environ["MLTUI_HOME"]) / "config.toml"
    path.write_text(broken)
    for value in ("40", None):
        with pytest.raises(ConfigError, match=words):
            edit.put("limits.max_turns", value, "user", cwd, environ)
    assert path.read_text() == broken
