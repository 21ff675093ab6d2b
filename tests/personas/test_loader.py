from __future__ import annotations

from pathlib import Path

import pytest

from mltui.core.errors import PersonaError
from mltui.personas import loader


def write(folder: Path, file: str, name: str, body: str = "Body") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file
    path.write_text(f"---\nname: {name}\ndescription: b\n---\n{body}")
    return path


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    return [tmp_path / "far", tmp_path / "near"]


def test_the_nearest_of_a_name_wins_and_that_is_reported(places: list[Path]) -> None:
    far = write(places[0], "a.md", "a", "far")
    near = write(places[1], "other.md", "a", "near")
    loaded = loader.load_all(places, {})
    assert loaded.personas["a"].body == "near"
    assert [str(problem) for problem in loaded.problems] == [f"{far}:1: persona 'a' is hidden by {near}"]
    assert loader.find("a", places, {}).path == near


def test_a_bad_file_is_a_problem_and_hides_nothing_else(places: list[Path]) -> None:
    write(places[0], "a.md", "a")
    bad = places[0] / "bad.md"
    bad.write_text("---\nname: a: b\n---\nBody")
    loaded = loader.load_all([*places, Path("/nonexistent")], {})
    assert list(loaded.personas) == ["a"]
    (problem,) = loaded.problems
    assert (problem.path, problem.line, problem.level) == (bad, 2, "error")
    assert "not YAML" in problem.text


def test_asking_for_a_broken_one_gives_its_error_even_where_a_farther_one_is_whole(places: list[Path]) -> None:
    write(places[0], "a.md", "a")
    places[1].mkdir()
    (places[1] / "a.md").write_text("nothing")
    with pytest.raises(PersonaError, match=r"near/a.md:1: is no persona"):
        loader.find("a", places, {})
    (places[1] / "a.md").unlink()
    (places[0] / "b.md").write_text("nothing")
    with pytest.raises(PersonaError, match=r"far/b.md:1: is no persona"):
        loader.find("b", places, {})


def test_an_unknown_name_gets_the_nearest(places: list[Path]) -> None:
    write(places[0], "a.md", "trainer")
    with pytest.raises(PersonaError, match="Did you mean 'trainer'"):
        loader.find("trianer", places, {})
    with pytest.raises(PersonaError, match="There are: trainer"):
        loader.find("zzz", places, {})


def test_project_folders_count_only_when_trusted(tmp_path: Path) -> None:
    root, user = tmp_path / "root", tmp_path / "user"
    trusted = loader.folders(root, user)
    assert trusted == [loader.shipped_folder(), user / "personas", root / ".claude/agents", root / ".mltui/personas"]
    assert loader.folders(root, user, trusted=False) == trusted[:2]


def test_tools_of_other_agents_are_kept_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text("---\nname: a\ndescription: b\ntools: Read, WebFetch, mcp__a__b\n---\nBody")
    assert loader.load(path, {}).tools == ("Read", "WebFetch", "mcp__a__b")
    problems = loader.check([path], {}, available={"Read", "Bash"})
    assert [(problem.level, problem.text) for problem in problems] == [("info", "not available in this version: WebFetch")]
    assert loader.check([path], {}) == []


def test_check_takes_files_and_folders_and_names_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, "good.md", "good")
    (tmp_path / "bad.md").write_text("---\nname: a\ntools: 1\n---\nBody")
    (tmp_path / "notes.txt").write_text("no persona")
    found = [str(problem).split(": ")[0] for problem in loader.check([tmp_path, tmp_path / "none.md"], {})]
    assert found == [f"{tmp_path}/bad.md:3", f"{tmp_path}/none.md:1"]
