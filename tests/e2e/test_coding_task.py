"""A whole coding task over both real wire protocols: read, search, edit, test, answer; what is under experiment waits for a person."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.servers.provider import Provider

from .project import FILES, Project


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


SCRIPT: list[Any] = [
    {
        "text": "Let me look.",
        "thinking": "hm",
        "signature": "sig",
        "calls": [call("Grep", pattern="def add"), call("Read", file_path="src/util.py")],
    },
    {"calls": [call("Bash", command="python -m pytest -q tests")]},
    {"calls": [call("Edit", file_path="src/util.py", old_string="a - b", new_string="a + b")]},
    {"calls": [call("Bash", command="python -m pytest -q tests")]},
    {"calls": [call("Read", file_path="train.py"), call("Read", file_path="prompts/judge.md")]},
    {"calls": [call("Edit", file_path="train.py", old_string="BONUS = 0.0", new_string="BONUS = 0.1")]},
    {"calls": [call("Write", file_path="prompts/judge.md", content="Be kind.\n")]},
    {"calls": [call("Grep", pattern="BONUS = 0.1", output_mode="content"), call("Bash", command="cat train.py")]},
    {"calls": [call("ProposeExperiment", title="A bonus", hypothesis="A bonus raises accuracy", methodology="six seeds, paired")]},
    "All done: house rule.",
]

PROTOCOLS = {
    "anthropic": {"model": "anthropic/claude-sonnet-4-5", "ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_API_KEY": "k"},
    "openai": {"model": "openai/some-model", "OPENAI_BASE_URL": "{url}/v1", "OPENAI_API_KEY": "k"},
}


def run(project: Project, provider: Provider, protocol: str, *args: str, prompt: str = "Fix add, then try a bonus") -> Any:
    env = {name: value.format(url=provider.url) for name, value in PROTOCOLS[protocol].items()}
    model = env.pop("model")
    base = ["--headless", *([prompt] if prompt else []), "--model", model, "--trust", "--output-format", "stream-json"]
    return project.mltui(*base, "--allowed-tools", "Bash(python -m pytest *),Edit", *args, **env)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_tree_gets_the_fix_and_the_experiment_waits(project: Project, protocol: str) -> None:
    with Provider(SCRIPT) as provider:
        done = run(project, provider, protocol)
        bodies = provider.bodies

    assert done.code == 4, done.err
    result = done.result
    assert (result["subtype"], result["result"]) == ("error_approval_pending", "All done: house rule.")
    assert result["experiments"] == [{"id": "P-0001", "state": "held"}]
    assert result["num_turns"] == len(SCRIPT)
    assert [line for line in done.lines if line["type"] == "result"] == [result]
    assert "a + b" in project.read("src/util.py")
    for controlled in ("train.py", "prompts/judge.md"):
        assert project.read(controlled) == FILES[controlled]
    assert project.git("status", "--porcelain").split() == ["M", "src/util.py"]

    results = {r["tool_use_id"]: r for line in done.lines if line["type"] == "user" for r in line["message"]["content"]}
    texts = [r["content"] for r in results.values()]
    assert "1 failed" in texts[2]
    assert "1 passed" in texts[4]
    assert any("draft" in text for text in texts)
    assert "train.py" in texts[9]
    assert "BONUS = 0.1" in texts[9]
    assert "BONUS = 0.0" in texts[10]
    assert "house rule" in str(bodies[0].get("system", bodies[0]["messages"][0]))


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_request_only_appends_to_the_one_before(project: Project, protocol: str) -> None:
    with Provider(SCRIPT) as provider:
        run(project, provider, protocol)
        bodies = provider.bodies

    def bare(value: Any) -> Any:
        """Without the moving cache markers, which are no part of the prompt."""
        if isinstance(value, dict):
            return {key: bare(inner) for key, inner in value.items() if key != "cache_control"}
        return [bare(inner) for inner in value] if isinstance(value, list) else value

    assert len(bodies) == len(SCRIPT)
    for earlier, later in itertools.pairwise(bodies):
        assert bare(later.get("system")) == bare(earlier.get("system"))
        assert bare(later["tools"]) == bare(earlier["tools"])
        assert bare(later["messages"])[: len(earlier["messages"])] == bare(earlier["messages"])


@pytest.mark.slow
def test_approved_on_the_command_line_run_compared_and_kept(project: Project) -> None:
    with Provider(SCRIPT) as provider:
        run(project, provider, "anthropic")
    shown = project.mltui("experiments", "show", "P-0001")
    assert "A bonus raises accuracy" in shown.out
    assert "+BONUS = 0.1" in shown.out

    approved = project.mltui("experiments", "approve", "P-0001", "--run", "--reason", "fair")
    assert approved.code == 0, approved.err
    assert "better" in approved.out
    assert project.read("train.py") == FILES["train.py"]
    assert project.mltui("experiments", "accept", "P-0001").code == 0
    assert "BONUS = 0.1" in project.read("train.py")
    assert project.read("prompts/judge.md") == "Be kind.\n"
    assert project.mltui("experiments", "verify").code == 0


@pytest.mark.slow
def test_resumed_after_the_decision_the_agent_learns_of_it(project: Project) -> None:
    with Provider(SCRIPT) as provider:
        first = run(project, provider, "openai")
        project.mltui("experiments", "reject", "P-0001", "--reason", "too bold")
        provider.set_script(["I see."])
        again = run(project, provider, "openai", "--resume", first.result["session_id"], prompt="")
        last = provider.bodies[-1]["messages"]
        earlier = provider.bodies[len(SCRIPT) - 1]["messages"]

    assert again.code == 0, again.err
    assert "P-0001 is now: rejected" in str(last[-1])
    assert last[: len(earlier)] == earlier


@pytest.mark.slow
def test_a_policy_file_decides_within_its_bounds_and_keeps_what_is_better(project: Project) -> None:
    script = [
        {
            "calls": [
                call(
                    "ProposeExperiment",
                    title="Faster",
                    hypothesis="a higher rate helps",
                    methodology="paired",
                    changes={"lr": 0.1},
                    minutes=5,
                )
            ]
        },
        {"calls": [call("ConcludeExperiment", experiment_id="P-0001", interpretation="It is better.", recommendation="accept")]},
        "Kept.",
    ]
    with Provider(script) as provider:
        done = run(project, provider, "openai", "--approval-policy", "policy.toml", prompt="Tune")

    assert done.code == 0, done.err
    assert done.result["experiments"] == [{"id": "P-0001", "state": "accepted"}]
    assert project.read("conf/train.yaml") == "# the learning rate\nlr: 0.1\n"
    subtypes = [line.get("subtype") for line in done.lines if line["type"] == "system"]
    for subtype in ("init", "experiment_proposed", "approval_required", "experiment_decided", "job_started", "job_finished"):
        assert subtype in subtypes
