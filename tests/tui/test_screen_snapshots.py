"""How the screens over the conversation look, in both themes. After a wanted change: `--snapshot-update`, and look at them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mltui.agent import library
from mltui.experiments.gpu import Gpu, GpuProcess
from mltui.models.local.gguf import GGUFInfo
from mltui.models.local.memory import Device
from mltui.models.roles import ModelOption
from mltui.personas.loader import Persona, Personas, Problem
from mltui.tools.base import Workspace
from mltui.ui import jobs, model_facts
from mltui.ui.commands import settings
from mltui.ui.tui import personas_screen, settings_screen
from mltui.ui.tui.sessions_screen import SessionsScreen
from mltui.ui.tui.theme import DARK, LIGHT

from .driving import app_with, fake, idle, running, screen_text, until
from .fake_session import FakeExperiments, FakeSession
from .test_snapshots import CHAT, LOG

SIZES = {"usual": (80, 24), "wide": (120, 40)}
THEMES = {"dark": DARK.name, "light": LIGHT.name}
EVERY = [(theme, size) for theme in THEMES for size in SIZES]
IDS = [f"{theme}-{size}" for theme, size in EVERY]
MACHINE = jobs.Machine(
    312.0,
    16,
    9.4,
    (41_000_000_000, 128_000_000_000),
    (700_000_000_000, 2_000_000_000_000),
    (
        Gpu(0, "NVIDIA H100 80GB HBM3", 97, 61_204, 81_559, 64, (GpuProcess(4242, 60_900),)),
        Gpu(1, "NVIDIA H100 80GB HBM3", 0, 3, 81_559, 31),
    ),
)
RUNNING = [
    jobs.Running(
        "experiment",
        "P-0007-a1b2c3",
        "running",
        "P-0007 Halve the learning rate",
        True,
        "P-0007",
        912.0,
        388.0,
        9_400_000_000,
        ("candidate-3",),
    ),
    jobs.Running("command", "bash_1", "running", "python -m http.server 8000", True),
    jobs.Running("experiment", "P-0006-0f0f0f", "failed", "P-0006 A cosine schedule with warm-up", False, "P-0006", 74.0),
]
OUTPUT = [f"epoch {number}/40  loss 0.{4_112 - 70 * number}  accuracy 0.93{number % 10}" for number in (11, 12, 13)]
SET = {"limits.max_budget_usd": "5.0", "permissions.mode": '"accept-edits"'}


def every(test: Any) -> Any:
    return pytest.mark.parametrize(("theme", "size"), EVERY, ids=IDS)(test)


def look(snap_compare: Any, theme: str, size: str, keys: Sequence[str], shows: str, prepare: Any = None) -> None:
    async def wait(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.session is not None and "What I found" in screen_text(pilot.app))
        await idle(pilot)
        pilot.app.theme = THEMES[theme]
        if prepare is not None:
            prepare(pilot.app)
        for key in keys:
            await pilot.press(key)
        await until(pilot, lambda: shows in screen_text(pilot.app))
        await pilot.pause(0.3)

    app = app_with(CHAT, prompt="Make the classifier better", experiments=FakeExperiments(*LOG))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=wait)


@every
def test_keys_of_the_conversation(theme: str, size: str, snap_compare: Any) -> None:
    look(snap_compare, theme, size, ["tab"], "Esc back")


@every
def test_help(theme: str, size: str, snap_compare: Any) -> None:
    look(snap_compare, theme, size, ["f1"], "Experiment log")


@every
def test_palette(theme: str, size: str, snap_compare: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path))
    look(snap_compare, theme, size, ["ctrl+p", "e", "x", "p"], "experiments.entrypoints")


@every
def test_jobs(theme: str, size: str, snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.Watch, "jobs", lambda self: RUNNING)
    monkeypatch.setattr(jobs.Watch, "machine", lambda self: MACHINE)
    monkeypatch.setattr(jobs.Watch, "output", lambda self, job, lines: OUTPUT[-lines:])
    monkeypatch.setattr(jobs, "_name", lambda pid: "python")
    look(snap_compare, theme, size, ["f6"], "epoch 13")


@every
def test_settings(theme: str, size: str, snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = settings.shown

    def shown(_: Path) -> list[settings.Shown]:
        return [
            settings.Shown(one.key, SET[one.key], "~/.config/mltui/config.toml", one.what, one.takes) if one.key in SET else one
            for one in real(Path("/nowhere"))
            if one.key.partition(".")[0] in ("limits", "permissions", "sessions", "local")
        ]

    monkeypatch.setenv("MLTUI_HOME", "/nowhere")
    monkeypatch.setattr(settings_screen, "shown", shown)
    look(snap_compare, theme, size, [], "accept-edits", lambda app: app.run_named("settings", "m"))


@every
def test_sessions(theme: str, size: str, snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000.0
    rows = [
        library.SessionRow(
            "3f2a9c11", Path("/x"), now - 600, model="anthropic/claude-sonnet-4-5", title="learning rate sweep", turns=12, cost_usd=0.42
        ),
        library.SessionRow("77ab01ce", Path("/x"), now - 90_000, model="local", first="why does test_loss fail since yesterday?", turns=1),
    ]
    monkeypatch.setattr(library, "listed", lambda folder: library.Listed(tuple(rows), ()))
    monkeypatch.setattr(library, "preview", lambda path: "> halve it\n\n  It **settles** now.\n\n● Read train.py")
    monkeypatch.setattr("time.time", lambda: now)
    look(snap_compare, theme, size, [], "It **settles** now", lambda app: app.push_screen(SessionsScreen(Path("/x"))))


QWEN = GGUFInfo(
    path=Path("/models/Qwen3-8B-Q4_K_M.gguf"),
    version=3,
    architecture="qwen3",
    name="Qwen3 8B",
    parameters=8_190_000_000,
    tensor_count=399,
    tensor_bytes=5_020_000_000,
    block_bytes=(125_000_000,) * 36,
    output_bytes=510_000_000,
    shared_bytes=0,
    context_length=40_960,
    chat_template=None,
    metadata={
        "qwen3.attention.head_count": 32,
        "qwen3.attention.head_count_kv": 8,
        "qwen3.attention.key_length": 128,
        "qwen3.attention.value_length": 128,
        "qwen3.embedding_length": 4096,
        "qwen3.vocab_size": 151_936,
    },
)
PLACE = model_facts.Machine(48 << 30, (Device("NVIDIA RTX 4070", 9 << 30, 12 << 30),))


def with_models(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Models of a provider and of this machine, on which a part of the layers fits the GPU."""
    local = ModelOption("local:Qwen3-8B-Q4_K_M", str(QWEN.path), 32_768)
    more = ModelOption("gpt-5-mini", "openai/gpt-5-mini", 272_000, 0.25, 2.0, "no key", sees=True)
    usual = FakeSession.model_options
    monkeypatch.setenv("MLTUI_HOME", str(folder))
    monkeypatch.setattr(FakeSession, "model_options", lambda self: (local, *usual(self), more))
    monkeypatch.setattr(model_facts.gguf, "inspect", lambda path: QWEN)
    monkeypatch.setattr(model_facts, "machine", lambda: PLACE)


@every
def test_models(theme: str, size: str, snap_compare: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_models(monkeypatch, tmp_path)
    look(snap_compare, theme, size, [], "layers", lambda app: app.action_model())


@every
def test_personas(theme: str, size: str, snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    persona = Persona(
        "checker",
        "Checks what an experiment can detect and what its numbers mean.",
        "You check statistics.",
        Path("/home/anna/digits/.mltui/personas/checker.md"),
        tools=("Read", "Grep", "ListExperiments", "ShowExperiment"),
        model="opus",
        permission_mode="plan",
    )
    engineer = Persona("ml-engineer", "Improves models by experiments.", "You improve.", Path("/usr/share/mltui/personas/ml-engineer.md"))
    problems = (
        Problem(persona.path, 8, "warning", "`weight` is no key of a persona"),
        Problem(Path("/home/anna/digits/.claude/agents/old.md"), 1, "error", "the front matter has no end"),
    )
    found = Personas({one.name: one for one in (engineer, persona)}, problems)
    monkeypatch.setattr(personas_screen, "load_personas", lambda cwd: found)
    look(snap_compare, theme, size, [], "weight", lambda app: app.run_named("personas"))


async def test_models_and_personas_fit_sixty_columns_and_are_kept_for_new_sessions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_models(monkeypatch, tmp_path / "home")
    app = app_with(CHAT, prompt="go")
    async with running(app, (60, 20)) as pilot:
        fake(app).workspace = Workspace(cwd=tmp_path, roots=(tmp_path,))
        await pilot.press("f4")
        await until(pilot, lambda: "layers" in screen_text(app))
        await pilot.press("down", "down")
        await until(pilot, lambda: "opus" in screen_text(app) and "no key: mltui auth login" in screen_text(app))
        assert all(len(line) == 60 for line in screen_text(app).split("\n"))
        assert "architect opus" in screen_text(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "for this project" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: 'model.default = "opus"' in screen_text(app))
        assert 'default = "opus"' in (tmp_path / "home" / "config.toml").read_text()
        await pilot.press("escape")
        app.run_named("personas", "review")
        await until(pilot, lambda: "tools" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "persona = " in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: 'persona = "reviewer"' in screen_text(app))
        assert 'persona = "reviewer"' in (tmp_path / "home" / "config.toml").read_text()


async def test_every_screen_fits_twenty_columns_and_five_lines() -> None:
    app = app_with(CHAT, prompt="go")
    async with running(app, (20, 5)) as pilot:
        for keys in (["f1"], ["ctrl+p"], ["f6"]):
            for key in keys:
                await pilot.press(key)
            await pilot.pause(0.05)
            await pilot.resize_terminal(60, 20)
            await pilot.pause(0.05)
            await pilot.resize_terminal(20, 5)
            await pilot.press("escape")
            assert len(app.screen_stack) == 1
