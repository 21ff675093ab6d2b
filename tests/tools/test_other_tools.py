from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.data import JsonObject
from mltui.core.errors import DeniedError, InvalidArgumentsError, ToolError
from mltui.core.experiment import ProposalRequest
from mltui.tools.base import Todo, Tool, spec
from mltui.tools.catalog import catalog
from mltui.tools.interactive import interactive
from mltui.tools.validation import validate
from tests.tools.conftest import Agent

TOOLS = {tool.name: tool for tool in catalog()}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


def test_the_catalogue_is_stable() -> None:
    assert list(TOOLS) == [
        "Read",
        "Write",
        "Edit",
        "NotebookEdit",
        "Glob",
        "Grep",
        "Bash",
        "TodoWrite",
        "AskUserQuestion",
        "ProposeExperiment",
        "ExperimentStatus",
        "ConcludeExperiment",
        "Promote",
        "CheckData",
        "Task",
        "WebFetch",
        "WebSearch",
        "Skill",
        "BashOutput",
        "KillShell",
        "NotebookRun",
        "ProposeSweep",
    ]


@pytest.mark.parametrize("tool", catalog(), ids=lambda tool: tool.name)
def test_a_tool_is_declared_as_a_valid_schema_without_noise(tool: Tool) -> None:
    declared = spec(tool)
    jsonschema.Draft202012Validator.check_schema(declared.parameters)
    assert declared.parameters["type"] == "object"
    assert declared.parameters["additionalProperties"] is False
    assert len(declared.description) > 40
    text = json.dumps(declared.parameters)
    assert "null" not in text
    assert '"title":' not in text.replace('"title": {', "")


def test_arguments_are_named_as_models_know_them() -> None:
    named = {name: list(spec(tool).parameters["properties"]) for name, tool in TOOLS.items()}  # type: ignore[arg-type]
    assert named["Read"] == ["file_path", "offset", "limit", "pages"]
    assert named["Edit"] == ["file_path", "old_string", "new_string", "replace_all", "edits"]
    assert named["Grep"] == ["pattern", "path", "glob", "type", "output_mode", "-i", "-n", "-A", "-B", "-C", "head_limit", "multiline"]
    assert named["Bash"] == ["command", "description", "timeout", "run_in_background"]
    assert named["ExperimentStatus"] == ["experiment_id", "wait_seconds"]
    assert named["ConcludeExperiment"] == ["experiment_id", "interpretation", "recommendation"]


def test_sloppy_arguments_are_understood() -> None:
    args = validate(TOOLS["Grep"], {"pattern": 5, "-i": "true", "-A": "3", "-n": None, "head_limit": "10", "path": None})
    assert args.model_dump() == {
        **validate(TOOLS["Grep"], {"pattern": "5"}).model_dump(),
        "ignore_case": True,
        "after": 3,
        "head_limit": 10,
    }
    todos = validate(TOOLS["TodoWrite"], {"todos": '[{"content": "a", "status": "pending", "id": "1"}]'})
    assert todos == validate(TOOLS["TodoWrite"], {"todos": [{"content": "a", "status": "pending"}]})
    assert validate(
        TOOLS["ProposeExperiment"], {"title": "t", "hypothesis": "h", "changes": '{"lr": 0.5}', "seeds": ["1", 2]}
    ).model_dump()["changes"] == {"lr": 0.5}


@pytest.mark.parametrize(
    ("tool", "arguments", "lines"),
    [
        (
            "Read",
            {"path": "x"},
            ["Read: the argument 'file_path' is missing", "Read: there is no argument 'path'; did you mean 'file_path'?"],
        ),
        (
            "Read",
            {"file_path": "x", "limit": "many"},
            ["Read: the argument 'limit' should be a valid integer, unable to parse string as an integer, not \"many\""],
        ),
        (
            "Grep",
            {"pattern": "x", "output_mode": "files"},
            ["Grep: the argument 'output_mode' should be 'content', 'files_with_matches' or 'count', not \"files\""],
        ),
        (
            "Edit",
            {"file_path": "x", "old_string": "a", "new_string": None},
            ["Edit: the argument 'new_string' is missing"],
        ),
        ("TodoWrite", {"todos": [{"status": "pending"}]}, ["TodoWrite: the argument 'todos.0.content' is missing"]),
    ],
)
def test_bad_arguments_get_a_line_each(tool: str, arguments: JsonObject, lines: list[str]) -> None:
    with pytest.raises(InvalidArgumentsError) as caught:
        validate(TOOLS[tool], arguments)
    assert str(caught.value).splitlines() == lines


@given(name=st.sampled_from(sorted(TOOLS)), noise=st.dictionaries(st.text(max_size=12), json_values, max_size=3), data=st.data())
def test_validation_accepts_or_explains(name: str, noise: JsonObject, data: st.DataObject) -> None:
    known: list[str] = list(spec(TOOLS[name]).parameters["properties"])  # type: ignore[arg-type]
    arguments = {**{key: data.draw(json_values) for key in known}, **noise}
    try:
        args = validate(TOOLS[name], arguments)
    except InvalidArgumentsError as error:
        assert all(line.startswith(f"{name}: ") for line in str(error).splitlines())
    else:
        assert validate(TOOLS[name], args.model_dump(by_alias=True)) == args


async def test_glob_and_grep(agent: Agent) -> None:
    for number in range(3):
        (agent.root / f"{number}.py").write_text("x\n" * 200)
    assert sorted((await agent.call("Glob", pattern="*.py")).content.split()) == ["0.py", "1.py", "2.py"]
    assert (await agent.call("Glob", pattern=f"{agent.root}/*.py")).content == (await agent.call("Glob", pattern="*.py")).content
    assert "no file below" in (await agent.call("Glob", pattern="*.rs")).content
    result = await agent.call("Grep", pattern="x", output_mode="content", head_limit=2)
    assert result.content == "0.py:1:x\n0.py:2:x\n[598 more left out: narrow pattern, path or glob, or raise head_limit]"
    assert (await agent.call("Grep", pattern="y")).content.startswith("no match for y")
    assert (await agent.call("Grep", pattern="x", output_mode="content", path="1.py", head_limit=1, **{"-n": False})).content.startswith(
        "1.py:x"
    )


async def test_glob_states_the_folder_that_it_searches(agent: Agent) -> None:
    glob = TOOLS["Glob"]
    for pattern, folder in {
        "*.py": agent.root,
        "/etc/**/*.conf": "/etc",
        "/etc/hosts": "/etc",
        "../x/*.py": agent.root.parent / "x",
    }.items():
        (effect,) = glob.effects(validate(glob, {"pattern": pattern}), agent.workspace)
        assert effect.target == str(folder)


async def test_bash_says_how_it_ended(agent: Agent) -> None:
    assert (await agent.call("Bash", command="echo hi")).content == "hi"
    assert agent.output == ["hi\n"]
    assert (await agent.call("Bash", command="true")).content == "(no output)"
    failed = await agent.call("Bash", command="echo no; exit 2")
    assert failed.is_error
    assert failed.content == "no\n[Exit code 2]"
    assert failed.details["exit_code"] == 2
    over = (await agent.call("Bash", command="sleep 9", timeout=1000)).content
    assert "[Ended by the time-out after 1 s. Give it longer with `timeout`, up to 600000 ms; or run it with run_in_background" in over
    assert "[Ended by signal 15]" in (await agent.call("Bash", command="kill $$")).content
    long = await agent.call("Bash", command="seq 20000")
    assert f"[The whole output is in {long.details['spill']}: Read or Grep it]" in long.content


def test_bash_time_outs_are_milliseconds_unless_they_cannot_be() -> None:
    bash = TOOLS["Bash"]
    assert validate(bash, {"command": "x", "timeout": "30000"}).model_dump()["timeout"] == 30_000
    assert validate(bash, {"command": "x", "timeout": 30}).model_dump()["timeout"] == 30_000
    with pytest.raises(InvalidArgumentsError, match="600000"):
        validate(bash, {"command": "x", "timeout": 600_001})


@pytest.mark.parametrize(
    "command",
    [
        "vim a.py",
        "cd x && nano y",
        "git rebase -i HEAD~3",
        "git add -p",
        "git commit",
        "git commit -a",
        "git -C sub rebase -i HEAD~2",
        "git -c a.b=c commit",
        "ssh host",
        "ssh -p 22 host",
        "htop",
    ],
)
async def test_what_waits_for_a_person_is_refused_with_advice(agent: Agent, command: str) -> None:
    with pytest.raises(InvalidArgumentsError, match="terminal"):
        await agent.call("Bash", command=command)


@pytest.mark.parametrize(
    "command",
    [
        "vim --version",
        "git commit -am x",
        "git commit --no-edit",
        "git commit -F f",
        "git rebase main",
        "ssh -p 22 host ls",
        "top -b -n 1",
        "GIT_SEQUENCE_EDITOR='sed -i s/pick/drop/' git rebase -i HEAD~2",
        "yes | git add -p x",
        "ed f <<E\nw\nE",
        "emacs --script a.el",
        "git -C sub log -p",
    ],
)
async def test_what_does_not_wait_is_not_refused(command: str) -> None:
    assert interactive(command) is None


async def test_bash_refuses_what_is_no_command(agent: Agent) -> None:
    with pytest.raises(InvalidArgumentsError, match="empty"):
        await agent.call("Bash", command=" \n")
    with pytest.raises(InvalidArgumentsError, match="NUL"):
        await agent.call("Bash", command="echo \0")


async def test_the_todo_list(agent: Agent) -> None:
    result = await agent.call("TodoWrite", todos=[{"content": "a", "status": "completed", "activeForm": "doing a"}, {"content": "b"}])
    assert agent.person.todos == (Todo("a", "completed"), Todo("b", "pending"))
    assert "1 of 2 done" in result.content
    with pytest.raises(ToolError, match="one at a time"):
        await agent.call("TodoWrite", todos=[{"content": "a", "status": "in_progress"}] * 2)


async def test_questions(agent: Agent) -> None:
    question: JsonObject = {
        "question": "Which?",
        "header": "H",
        "multiSelect": False,
        "options": [{"label": "a", "description": "d"}, {"label": "b"}],
    }
    with pytest.raises(DeniedError):
        await agent.call("AskUserQuestion", questions=[question])
    agent.person.answers = {"Which?": "b"}
    assert (await agent.call("AskUserQuestion", questions=[question])).content == "Which?: b"


async def test_experiments(agent: Agent) -> None:
    await agent.call(
        "ProposeExperiment", title="Try", hypothesis="Better", changes={"lr": 0.5, "layers": None}, seeds=["1", 2], minutes="5"
    )
    assert agent.person.proposals == [
        ProposalRequest(title="Try", hypothesis="Better", changes={"lr": 0.5, "layers": None}, seeds=(1, 2), minutes=5)
    ]
    await agent.call("ExperimentStatus")
    await agent.call("ExperimentStatus", experiment_id="P-0001", wait_seconds="30")
    assert agent.person.waited == [(None, 0), ("P-0001", 30)]
    await agent.call("ConcludeExperiment", experiment_id="P-0001", interpretation="It is.", recommendation="inconclusive")
    assert agent.person.concluded == [("P-0001", "It is.", "inconclusive")]
    with pytest.raises(InvalidArgumentsError, match="recommendation"):
        await agent.call("ConcludeExperiment", experiment_id="P-0001", interpretation="It is.", recommendation="maybe")


def test_the_catalogue_is_light() -> None:
    heavy = ("tree_sitter", "textual", "litellm", "mlflow", "numpy")
    code = f"import sys, mltui.tools.catalog; print([name for name in sys.modules if name.split('.')[0] in {heavy!r}])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
