from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from mltui.config.trust import is_trusted, trust, what_needs_trust
from mltui.core.errors import ConfigError


def test_trust_holds_for_the_whole_project_and_nothing_else(project: Path, home: Path, environ: dict[str, str]) -> None:
    inner = project / "src"
    nested = project / "vendored"
    (nested / ".git").mkdir(parents=True)
    inner.mkdir()
    assert not is_trusted(project, environ)
    trust(inner, environ)
    assert is_trusted(project, environ)
    assert is_trusted(inner, environ)
    assert not is_trusted(nested, environ)
    assert not is_trusted(project.parent, environ)
    assert stat.S_IMODE((home / "trusted.json").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["trusted.json"]


def test_trust_through_a_link_is_trust_in_what_it_leads_to(project: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    link = tmp_path / "link"
    link.symlink_to(project)
    trust(link, environ)
    assert is_trusted(project, environ)
    (tmp_path / "other" / ".git").mkdir(parents=True)
    link.unlink()
    link.symlink_to(tmp_path / "other")
    assert not is_trusted(link, environ)


@pytest.mark.parametrize("content", ["{", "[]", '{"folders": "x"}', '{"folders": [1]}'])
def test_a_broken_list_trusts_nothing_and_says_so(project: Path, home: Path, environ: dict[str, str], content: str) -> None:
    (home / "trusted.json").write_text(content)
    with pytest.raises(ConfigError, match=r"trusted.json: is not a list of trusted folders.*Delete it"):
        is_trusted(project, environ)
    with pytest.raises(ConfigError):
        trust(project, environ)
    assert (home / "trusted.json").read_text() == content


def test_trusting_twice_keeps_both(project: Path, home: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    for folder in (project, tmp_path / "other", project):
        folder.mkdir(exist_ok=True)
        trust(folder, environ)
    assert json.loads((home / "trusted.json").read_text())["folders"] == sorted([str(project), str(tmp_path / "other")])


def test_what_needs_trust_names_what_would_be_obeyed(project: Path) -> None:
    assert what_needs_trust(project) == []
    inner = project / "pkg"
    (inner / ".mltui" / "personas").mkdir(parents=True)
    (inner / "CLAUDE.md").write_text("x")
    (project / "AGENTS.md").symlink_to("missing")
    (project / ".mcp.json").write_text("{}")
    (project / ".claude" / "agents").mkdir(parents=True)
    (project / ".claude" / "agents" / "a.md").write_text("x")
    (project / "pyproject.toml").write_text("[tool.mltui]\n")
    assert what_needs_trust(inner) == ["AGENTS.md", ".mcp.json", ".claude/agents", "pyproject.toml", "pkg/CLAUDE.md"]
