"""The conversation as a process of its own, behind a pipe and behind real pseudo-terminals."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.typed_terminal import Terminal

COMMAND = [sys.executable, "-m", "tests.plain.fake_session"]
CHECKOUT = Path(__file__).parent.parent.parent


def piped(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONIOENCODING": "utf-8"}
    return subprocess.run([*COMMAND, *arguments], input=text, capture_output=True, text=True, cwd=CHECKOUT, env=environ, timeout=60)


def test_a_pipe_is_a_conversation_line_by_line_and_answers_read_the_next_line() -> None:
    run = piped("permission\ny\n\nexperiment\nreject too dear\nquestion\n2\nkeep\n", "first")
    assert run.returncode == 0, run.stderr
    assert "heard=['first', 'permission', 'experiment', 'question', 'keep']" in run.stderr
    assert "closed=True" in run.stderr
    positions = [
        run.stdout.index(words)
        for words in (
            "It only plays a part.",
            "A notice.",
            "* Read train.py",
            "you said first",
            "[1 step, 1.5 s, 1,200 tokens in, 34 out, $0.0125]",
            "> permission",
            "Allow? yes, always (Edit(src/**)), no REASON: y",
            "decided approve",
            "decided reject reason='too dear'",
            "'Which metric?': 'F1'",
            "decided hold reason='no answer: the input ended'",
            "mltui -r session-1",
        )
    ]
    assert positions == sorted(positions)
    assert "\x1b" not in run.stdout


def test_a_failed_turn_is_told_and_the_conversation_goes_on() -> None:
    run = piped("fail\nhello\n")
    assert run.returncode == 75
    assert re.search("error: The provider is overloaded.*Try again later", run.stdout)
    assert "you said hello" in run.stdout


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CHECKOUT) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.write(b"hello\n")
        process.stdin.close()
        errors = process.stderr.read().decode()
    assert "Traceback" not in errors
    assert process.returncode == 0


@pytest.fixture
def go(tmp_path: Path) -> Path:
    return tmp_path / "go"


@pytest.fixture(params=["dumb", "no-color", "xterm"])
def terminal(request: pytest.FixtureRequest, go: Path) -> Iterator[Terminal]:
    environ = {"dumb": {"TERM": "dumb"}, "no-color": {"TERM": "xterm-256color", "NO_COLOR": "1"}, "xterm": {"TERM": "xterm-256color"}}
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    opened = Terminal(COMMAND, kept | environ[request.param] | {"FAKE_GO": str(go)}, CHECKOUT)
    opened.plain = request.param != "xterm"  # type: ignore[attr-defined]
    yield opened
    opened.close()


@pytest.mark.parametrize("terminal", ["xterm"], indirect=True)
def test_files_are_completed_and_earlier_prompts_come_back(terminal: Terminal) -> None:
    terminal.expect(">")
    terminal.type("see @no\t")
    terminal.expect("tes[.]txt")
    terminal.type(" now\r")
    terminal.expect("you said see @notes[.]txt now")
    terminal.expect(">")
    terminal.type("!ls -l\r")
    terminal.expect("Bash")
    terminal.expect(">")
    terminal.type("/vim\r")
    terminal.expect("vi's keys are on")
    terminal.expect(">")
    terminal.type("/vim\r")
    terminal.expect("vi's keys are off")
    terminal.expect(">")
    terminal.type("\x12notes\r\r")
    terminal.expect("you said see @notes[.]txt now")
    terminal.expect(">")
    terminal.type("\x04")
    terminal.expect(r"ran=\['ls -l'\]")


def test_what_is_piped_is_never_a_command_for_the_shell() -> None:
    run = subprocess.run(COMMAND, input="!ls\n", capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert "heard=['!ls'] ran=[]" in run.stderr


def test_a_whole_conversation_on_a_terminal(terminal: Terminal) -> None:
    terminal.expect(">")
    terminal.type("hello\r")
    terminal.expect("you said hello")
    terminal.expect(">")
    terminal.type("permission\r")
    terminal.expect("no REASON:")
    terminal.type("no not this one\r")
    terminal.expect("decided reject reason='not this one'")
    terminal.expect(">")
    terminal.type("slow\r")
    terminal.expect("working")
    terminal.type("\x03")
    terminal.expect("! interrupted")
    terminal.expect(">")
    terminal.type("stuck\r")
    terminal.expect("working")
    terminal.type("\x03")
    terminal.expect("! stopping")
    terminal.type("\x03")
    terminal.expect("! interrupted")
    terminal.expect(">")
    terminal.type("experiment\r")
    terminal.expect("hold:")
    terminal.type("\x03")
    terminal.expect("P-0001 waits: mltui experiments approve\\|reject P-0001")
    terminal.expect("decided hold reason='Ctrl-C'")
    terminal.expect(">")
    terminal.type("\x03")
    terminal.expect("once more leaves")
    terminal.expect(">")
    terminal.type("\x03")
    terminal.expect("mltui -r session-1")
    assert terminal.wait() == 0
    assert "closed=True" in terminal.seen
    if terminal.plain:  # type: ignore[attr-defined]
        assert "\x1b" not in terminal.seen
    else:
        # prompt_toolkit may style its own prompts; nothing of the session's text can.
        assert not re.search(r"\x1b\[2J|\x1b\]0;|\x1b\[31m", terminal.seen)


def test_ctrl_d_leaves(terminal: Terminal) -> None:
    terminal.expect(">")
    terminal.type("\x04")
    terminal.expect("mltui -r session-1")
    assert terminal.wait() == 0


def test_what_was_typed_before_a_question_does_not_answer_it(terminal: Terminal, go: Path) -> None:
    terminal.expect(">")
    terminal.type("late\r")
    terminal.expect("working")
    terminal.type("y\r")
    terminal.expect("y\n")  # the terminal has it, and shows it
    go.touch()
    terminal.expect("no REASON:")
    terminal.type("n\r")
    terminal.expect("decided reject")
