"""Skills as people write them: those that load, and what is said of those that do not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.extensions.skills import load_skills, shipped_folder, skill_folders


def skill(folder: Path, name: str, text: str) -> Path:
    path = folder / name / "SKILL.md"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_a_skill_loads_with_its_name_and_description_alone(tmp_path: Path) -> None:
    skill(tmp_path, "tidy-up", "---\nname: tidy-up\ndescription: Tidies\nallowed-tools: Bash\nlicense: MIT\n---\nThe body.\n")
    found = load_skills([tmp_path])
    assert not found.problems
    assert found.listing().endswith("- tidy-up: Tidies")
    assert "The body." not in found.listing()
    assert found.skills["tidy-up"].body() == "The body."


def test_the_nearest_of_a_name_wins(tmp_path: Path) -> None:
    skill(tmp_path / "far", "x", "---\nname: x\ndescription: far\n---\n")
    skill(tmp_path / "near", "x", "---\nname: x\ndescription: near\n---\n")
    assert load_skills([tmp_path / "far", tmp_path / "near"]).skills["x"].description == "near"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front matter", "no front matter"),
        ("---\nname: x\n---\n", "no `description`"),
        ("---\nname: Not Fit\ndescription: d\n---\n", "lower-case words"),
        ("---\nname: [\n---\n", "not YAML"),
        ("---\nname: x\n", "no end"),
        ("---\nname: x\ndescription: 3\n---\n", "no `description`"),
    ],
)
def test_a_bad_skill_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = skill(tmp_path, "x", text)
    found = load_skills([tmp_path])
    assert not found.skills
    (problem,) = found.problems
    assert str(problem).startswith(f"{path}:")
    assert said in str(problem)


def test_another_name_than_the_folders_is_a_warning(tmp_path: Path) -> None:
    skill(tmp_path, "y", "---\nname: x\ndescription: d\n---\n")
    found = load_skills([tmp_path])
    assert set(found.skills) == {"x"}
    assert [problem.level for problem in found.problems] == ["warning"]


def test_flags_say_who_may_use_it(tmp_path: Path) -> None:
    skill(tmp_path, "a", "---\nname: a\ndescription: d\ndisable-model-invocation: true\n---\n")
    skill(tmp_path, "b", "---\nname: b\ndescription: d\nuser-invocable: false\n---\n")
    found = load_skills([tmp_path])
    assert "- a" not in found.listing()
    assert "- b" in found.listing()
    assert [skill.name for skill in found.skills.values() if skill.command] == ["a"]


def test_many_skills_keep_the_prompt_bounded(tmp_path: Path) -> None:
    for number in range(60):
        skill(tmp_path, f"s{number}", f"---\nname: s{number}\ndescription: {'long ' * 100}\n---\n")
    listing = load_skills([tmp_path]).listing()
    assert len(listing) < 14_000
    assert all(f"- s{number}" in listing for number in range(60))


def test_a_projects_skills_need_trust(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path / "user"), "MLTUI_HOME": str(tmp_path / "home")}
    assert not [folder for folder in skill_folders(tmp_path / "p", environ, False) if folder.is_relative_to(tmp_path / "p")]
    assert [folder for folder in skill_folders(tmp_path / "p", environ, True) if folder.is_relative_to(tmp_path / "p")]


def test_what_is_shipped_loads_without_a_word() -> None:
    shipped = load_skills([shipped_folder()])
    assert not shipped.problems
    assert shipped.skills["notebook-to-module"].offered


@given(st.binary(max_size=300))
def test_no_file_stops_the_loading(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x" / "SKILL.md"
        path.parent.mkdir()
        path.write_bytes(b"---\n" + data)
        os.utime(path)
        load_skills([Path(folder)])
