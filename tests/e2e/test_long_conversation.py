"""A conversation that outgrows the model's window, over both real wire protocols: it is summed up once and the task goes on."""

from __future__ import annotations

from typing import Any

import pytest

from mltui.agent import library, store
from mltui.agent.transcript import Transcript
from mltui.core.events import ContextCompacted, UsageAdded
from tests.servers.provider import Provider

from .project import Project
from .test_coding_task import PROTOCOLS, call, run

READS = [{"calls": [call("Read", file_path=f"notes/{number}.txt")]} for number in range(6)]


def prepared(project: Project) -> Project:
    (project.root / "notes").mkdir(exist_ok=True)
    for number in range(6):
        (project.root / f"notes/{number}.txt").write_text(f"note {number}: the loss went down and then stayed\n" * 400)
    return project


def folded(project: Project) -> Transcript:
    paths = library.files(project.home / "sessions")
    assert len(paths) == 1
    return Transcript.fold(store.load(paths[0]).events)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refused_request_is_sent_again_shorter(project: Project, protocol: str) -> None:
    prepared(project)
    with Provider([*READS, {"error": "context"}, "All read."]) as provider:
        done = run(project, provider, protocol, prompt="Read the notes")
        bodies: list[dict[str, Any]] = provider.bodies

    assert done.code == 0, done.err + done.out[-2_000:]
    assert done.result["result"] == "All read."
    boundaries = [line for line in done.lines if line.get("subtype") == "compact_boundary"]
    assert [line["compact_metadata"]["trigger"] for line in boundaries] == ["auto"]
    refused, again = (body for body in bodies[-3:] if body.get("tools"))
    assert len(str(again)) < len(str(refused))
    assert "Read the notes" in str(again["messages"])
    transcript = folded(project)
    events = transcript.events
    assert sum(isinstance(event, ContextCompacted) for event in events) == 1
    used = [event for event in events if isinstance(event, UsageAdded)]
    assert [event.source for event in used] == ["compaction"]
    assert done.result["usage"]["output_tokens"] >= used[0].usage.output_tokens


@pytest.mark.slow
def test_a_window_of_the_configuration_is_kept_to(project: Project) -> None:
    prepared(project)
    config = project.root / ".mltui/config.toml"
    config.write_text(
        config.read_text() + '\n[models.short]\nid = "openai/some-model"\nmax_input_tokens = 40000\nmax_output_tokens = 4000\n'
    )
    steps = [{**step, "usage": {"input_tokens": 4_000 + 6_000 * number, "output_tokens": 50}} for number, step in enumerate(READS)]
    with Provider([*steps, "All read."]) as provider:
        done = run(project, provider, "openai", "--model", "short", prompt="Read the notes")

    assert done.code == 0, done.err
    transcript = folded(project)
    compactions = [event for event in transcript.events if isinstance(event, ContextCompacted)]
    assert [event.trigger for event in compactions] == ["full"]
    assert compactions[0].tokens_before <= 40_000
    assert transcript.compacted
