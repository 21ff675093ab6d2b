"""What goes wrong around a headless run: each case one clear line, the right exit code, one result object, nothing lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from .project import Project


def script(project: Project, *steps: Any) -> str:
    path = project.root.parent / "script.json"
    path.write_text(json.dumps(steps))
    return f"scripted:{path}"


def headless(project: Project, *steps: Any, args: tuple[str, ...] = (), prompt: str = "go", **kwargs: Any) -> Any:
    model = script(project, *steps)
    return project.mltui("--headless", prompt, "--model", model, "--trust", "--output-format", "json", *args, **kwargs)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def test_text_is_the_answer_and_nothing_else(project: Project) -> None:
    done = project.mltui("-p", "go", "--model", script(project, "Hello — ü"), "--trust")

    assert (done.code, done.out) == (0, "Hello — ü\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "args", "code", "subtype"),
    [
        (({"calls": [call("Bash", command="touch x")]}, "ok"), (), 3, "error_permission_denied"),
        (({"calls": [call("Bash", command="touch x")]}, "ok"), ("--denied-ok",), 0, "success"),
        (({"calls": [call("Read", file_path="train.py")]},) * 2, ("--max-turns", "1"), 53, "error_max_turns"),
        (({"error": "auth"},), (), 41, "error_auth"),
        (({"error": "unavailable"},), (), 75, "error_model"),
        (({"error": "request"},), (), 1, "error_model"),
        (({"text": "slow", "delay": 30},), ("--timeout", "0.5"), 53, "error_timeout"),
        (("not json",), ("--json-schema", '{"type":"object"}'), 1, "error_structured_output"),
    ],
)
def test_endings(project: Project, steps: tuple[Any, ...], args: tuple[str, ...], code: int, subtype: str) -> None:
    done = headless(project, *steps, args=args)

    assert (done.code, done.result["subtype"]) == (code, subtype), done.err
    assert done.result["is_error"] is (code != 0)
    assert len(done.lines) == 1
    assert "Traceback" not in done.err


def test_structured_output_is_asked_for_again_and_returned(project: Project) -> None:
    schema = '{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}'
    done = headless(project, '{"n": "x"}', '```json\n{"n": 3}\n```', args=("--json-schema", schema))

    assert done.code == 0
    assert done.result["structured_output"] == {"n": 3}


def test_a_model_that_misbehaves_is_told_and_the_task_goes_on(project: Project) -> None:
    done = headless(
        project,
        {
            "calls": [
                call("ReadFile", path="x"),
                {"name": "Read", "raw": '{"file_path": '},
                call("Read", path="train.py"),
                call("Read", file_path="nope.py"),
            ]
        },
        "fine",
    )

    assert done.code == 0, done.err
    assert done.result["result"] == "fine"


def test_training_by_bash_is_refused_whatever_the_mode(project: Project) -> None:
    steps = [
        {"calls": [call("Bash", command="cd . && python train.py --seed 1")]},
        {"calls": [call("Bash", command="timeout 60 python3 ./train.py")]},
        "x",
    ]
    done = headless(project, *steps, args=("--permission-mode", "auto", "--denied-ok"))

    assert done.code == 0
    assert len(done.result["permission_denials"]) == 2
    assert all("ProposeExperiment" in denial["reason"] for denial in done.result["permission_denials"])
    assert not (project.root / "metrics.json").exists()


def test_a_bash_command_that_changes_a_controlled_file_finds_it_put_back(project: Project) -> None:
    before = project.read("train.py")
    steps = [{"calls": [call("Bash", command="sed -i s/0.8/0.9/ train.py; echo x > conf/new.yaml; rm prompts/judge.md")]}, "x"]
    done = headless(project, *steps, args=("--permission-mode", "auto"))

    assert done.code == 0, done.err
    assert project.read("train.py") == before
    assert not (project.root / "conf/new.yaml").exists()
    assert project.read("prompts/judge.md") == "Be strict.\n"


@pytest.mark.parametrize(
    ("files", "args", "code", "words"),
    [
        ({".mltui/config.toml": "[experiments]\nseed = [1]\n"}, (), 52, "seeds"),
        ({".mltui/config.toml": "= nonsense"}, (), 52, "config.toml:1"),
        ({".mltui/personas/x.md": "---\nname: [\n---\nhi\n"}, ("--persona", "x"), 52, "x.md"),
        ({}, ("--persona", "nobody"), 52, "nobody"),
        (
            {"policy.toml": "[[approve]]\nkinds = ['eval']\nmax_minutes = 1\nmax_runs = 1\n"},
            ("--approval-policy", "policy.toml"),
            52,
            "person",
        ),
        ({}, ("--approval-policy", "nowhere.toml"), 52, "nowhere.toml"),
        ({}, ("--resume", "zzz"), 1, "no session zzz"),
        ({}, ("--model", "no/such/file.gguf"), 2, "file.gguf"),
        ({"bad.gguf": "GGUFnope"}, ("--model", "bad.gguf"), 52, "bad.gguf"),
        ({}, ("--json-schema", "{"), 2, "JSON schema"),
        ({}, ("--allowed-tools", "Nope(x)"), 52, "Nope"),
        ({}, ("--allowed-tools", "Bash(git *"), 52, "Bash(git *"),
        ({}, ("--disallowed-tools", "Bahs"), 52, "Bahs"),
        ({"servers.json": "{bad"}, ("--mcp-config", "servers.json"), 52, "servers.json:1"),
        ({}, ("--architect-model", "nonesuch"), 2, "unknown model nonesuch"),
        ({}, ("--fallback-model", "nonesuch"), 2, "unknown model nonesuch"),
        ({}, ("--fork-session",), 2, "--resume ID"),
    ],
)
def test_wrong_settings_are_one_clear_line(project: Project, files: dict[str, str], args: tuple[str, ...], code: int, words: str) -> None:
    for name, content in files.items():
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    done = headless(project, "x", args=args)

    assert done.code == code, (done.out, done.err)
    assert words in done.err
    assert "Traceback" not in done.err


def test_a_folder_that_is_not_trusted_is_refused_with_what_it_would_obey(project: Project) -> None:
    done = project.mltui("--headless", "go", "--model", script(project, "x"))

    assert done.code == 55
    assert "AGENTS.md" in done.err


def test_no_prompt_no_command_no_terminal(project: Project) -> None:
    assert project.mltui("--headless", "--trust").code == 2
    assert "neither a folder nor a command" in project.mltui("experimnts").err
    assert "no terminal" in project.mltui().err
    assert project.mltui("--nonsense").code == 2


@pytest.mark.parametrize("name", ["../../x", "a b", "-x", "é", "x" * 300])
def test_what_is_no_session_id_is_wrong_usage(project: Project, name: str) -> None:
    done = headless(project, "Done.", args=(f"--session-id={name}",))

    assert (done.code, done.result["num_turns"]) == (2, 0)
    assert "is no session id" in done.err


@pytest.mark.parametrize("args", [("--continue",), ("--resume", "x")])
def test_a_session_that_goes_on_takes_no_other_id(project: Project, args: tuple[str, ...]) -> None:
    done = project.mltui("-p", "go", "--session-id", "mine", *args)

    assert done.code == 2
    assert "--session-id names a new session" in done.err


def test_piped_text_is_appended_to_the_prompt(project: Project) -> None:
    done = headless(project, {"text": "saw it", "expect": "<stdin>\nhello pipe"}, prompt="summarise", stdin="hello pipe")

    assert done.result["result"] == "saw it"


@pytest.mark.slow
def test_several_turns_from_stdin(project: Project) -> None:
    lines = "".join(json.dumps({"type": "user", "message": {"role": "user", "content": text}}) + "\n" for text in ("one", "two"))
    done = headless(
        project,
        {"text": "1", "expect": "one"},
        {"text": "2", "expect": "two"},
        prompt="",
        args=("--input-format", "stream-json"),
        stdin=lines,
    )

    assert (done.code, done.result["result"], done.result["num_turns"]) == (0, "2", 2), done.err
    message = '{"type":"user","message":{"role":"user","content":%s}}\n'
    for bad in ("nonsense\n", "[]\n", message % "7", message % "[1]", message % "null"):
        assert headless(project, "x", prompt="", args=("--input-format", "stream-json"), stdin=bad).code == 2


@pytest.mark.slow
def test_a_session_whose_experiment_still_waits_is_not_told_that_it_was_decided(project: Project) -> None:
    proposal = call("ProposeExperiment", title="Larger steps", hypothesis="A larger rate raises accuracy by 0.01", changes={"lr": 0.02})
    first = headless(project, {"calls": [proposal]}, "Proposed.")
    assert first.code == 4
    again = project.mltui("-p", "--continue", "--model", script(project, "Decided!"), "--output-format", "json")
    assert (again.code, again.result["num_turns"], again.result["result"]) == (4, 0, "")


@pytest.mark.slow
def test_a_turn_that_fails_does_not_answer_with_the_one_before(project: Project) -> None:
    headless(project, "The old answer.")
    done = headless(project, {"error": "auth"}, args=("--continue", "-o", "answer.txt"))

    assert (done.code, done.result["result"]) == (41, "")
    assert project.read("answer.txt") == ""
    text = project.mltui("-p", "go", "--continue", "--model", script(project, {"error": "auth"}))
    assert (text.code, text.out) == (41, "")


@pytest.mark.slow
def test_a_command_of_the_project_becomes_its_text(project: Project) -> None:
    (project.root / ".mltui" / "commands").mkdir(parents=True)
    (project.root / ".mltui" / "commands" / "fix.md").write_text("Fix $1 in @src/util.py please.")
    (project.root / ".mltui" / "commands" / "empty.md").write_text("---\ndescription: x\n---\n")
    for prompt, sent in (("/fix  it now", "Fix it in "), ("/fixes it", "/fixes it"), ("/", "/")):
        done = headless(project, "Done.", prompt=prompt)
        exported = project.mltui("sessions", "export", done.result["session_id"], "--format", "json")
        said = json.loads(exported.out)["events"]
        assert [event["text"][: len(sent)] for event in said if event["type"] == "turn.started"] == [sent], exported.out
    empty = headless(project, "Done.", prompt="/empty")
    assert empty.code == 2 and "/empty has no text" in empty.err


def test_an_answer_that_cannot_be_written_where_it_should_go_is_still_the_result(project: Project) -> None:
    (project.root / "out").mkdir()
    steps = {"calls": [call("Bash", command="rmdir out")]}, "hi"
    done = headless(project, *steps, args=("-o", "out/x", "--permission-mode", "auto"))

    assert (done.code, done.result["result"], done.result["is_error"]) == (1, "hi", True)
    assert "out/x" in done.err


@pytest.mark.parametrize("place", ["no/such/folder/x", "AGENTS.md/x"])
def test_where_the_answer_cannot_go_is_known_before_it_is_asked_for(project: Project, place: str) -> None:
    done = headless(project, "hi", args=("-o", place))

    assert (done.code, done.result["num_turns"]) == (2, 0)
    assert f"The answer cannot be written to {place}" in done.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_tool_and_still_writes_the_result(project: Project, number: signal.Signals) -> None:
    marker = project.root / "pid"
    model = script(project, {"calls": [call("Bash", command=f"echo $$ > {marker}; sleep 300.{number:d}7")]})
    args = [sys.executable, "-m", "mltui", "-p", "go", "--model", model, "--trust", "--permission-mode", "auto", "--output-format", "json"]
    process = subprocess.Popen(args, cwd=project.root, env=project.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (marker.exists() and marker.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)

    assert process.returncode == 128 + number, err
    assert json.loads(out)["subtype"] == "cancelled"
    # By what it runs: its number inside a sandbox is not that outside.
    assert not [p for p in psutil.process_iter(["cmdline"]) if f"300.{number:d}7" in " ".join(p.info["cmdline"] or ())]


def test_a_killed_session_goes_on_where_it_was(project: Project) -> None:
    model = script(project, {"text": "first"}, {"calls": [call("Bash", command="sleep 300")]})
    args = [sys.executable, "-m", "mltui", "-p", "go", "--model", model, "--trust", "--permission-mode", "auto", "--session-id", "abc"]
    process = subprocess.Popen(
        [*args, "--input-format", "stream-json"], cwd=project.root, env=project.environ(), stdin=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    for text in ("one", "two"):
        process.stdin.write(json.dumps({"type": "user", "message": {"role": "user", "content": text}}) + "\n")
        process.stdin.flush()
    deadline = time.monotonic() + 30
    while "tool.started" not in "".join(path.read_text() for path in project.home.rglob("abc.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()

    done = headless(project, {"text": "healed", "expect": "again"}, prompt="again", args=("--resume", "abc"))

    assert (done.code, done.result["result"]) == (0, "healed"), done.err
