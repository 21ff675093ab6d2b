"""The parts of the terminal that need none: answers, calls, reports, tmux, latency."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.events import TurnCompleted
from mltui.core.messages import Usage
from mltui.ui.terminal import examine, reports, tmux
from mltui.ui.terminal.profile import Latency, profile_of, under_mosh
from mltui.ui.terminal.replies import Replies, Reply
from mltui.ui.terminal.streams import KEPT, MOST, Streams
from mltui.ui.terminal.telling import notification, one_line, title
from mltui.ui.tui import attention
from mltui.ui.tui.attention import Attention

# ── answers ──────────────────────────────────────────────────────────────────────

ANSWER = "\x1b]11;rgb:ffff/8080/0000\x1b\\\x1b[?62;22c"


@given(st.text(st.characters(blacklist_characters="\x1b"), max_size=20), st.text(st.sampled_from("abc\r"), max_size=9), st.data())
def test_an_answer_is_taken_out_whatever_pieces_it_comes_in(before: str, after: str, data: st.DataObject) -> None:
    replies, text = Replies(), before + ANSWER + after
    replies.awaited = 1
    at, typed = 0, ""
    found: list[Reply] = []
    while at < len(text):
        size = data.draw(st.integers(1, 9))
        rest, some = replies.feed(text[at : at + size])
        typed, at = typed + rest, at + size
        found += some
    typed += replies.give_up()
    # A lone Esc is a key, and not held back: an answer cut right behind its first Esc is the one that is not known.
    if [reply.kind for reply in found] == ["background", "kind"]:
        assert typed == before + after
        assert found[0].rgb == pytest.approx((1, 0x8080 / 0xFFFF, 0))  # pyright: ignore[reportUnknownMemberType]
        assert replies.feed(ANSWER) == (ANSWER, [])


def test_what_nobody_asked_for_is_typed() -> None:
    replies = Replies()
    assert replies.feed(ANSWER) == (ANSWER, [])
    replies.awaited = 1
    assert replies.feed("\x1b") == ("\x1b", [])
    assert replies.feed("\x1b[?6") == ("", [])
    assert replies.give_up() == "\x1b[?6"


# ── links ────────────────────────────────────────────────────────────────────────


def test_the_shortest_of_three_answers_decides_whether_a_link_is_slow() -> None:
    latency = Latency()
    for slow in (0.4, 0.3):
        latency.asked(0.0)
        latency.answered(slow)
        assert not latency.decided
    latency.asked(0.0)
    latency.answered(0.02)
    assert latency.decided and latency.best == 0.02
    latency.answered(9.0)  # nobody asked
    assert latency.best == 0.02


def test_what_was_said_of_the_link_holds() -> None:
    assert profile_of({}).undecided and not profile_of({}).low_bandwidth
    assert profile_of({"MLTUI_LOW_BANDWIDTH": "1"}).frames == 4
    off = profile_of({"MLTUI_LOW_BANDWIDTH": "on"}, "off")
    assert not off.low_bandwidth and not off.undecided and off.frames == 15
    assert profile_of({}, reduced_motion=True).still and not profile_of({}).still


def test_mosh_is_seen_among_the_processes_above(tmp_path: Path) -> None:
    for number, name, above in ((30, "python) x (", 20), (20, "bash", 10), (10, "mosh-server", 1), (1, "init", 0)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_text(f"{number} ({name}) S {above} 1 1")
    assert under_mosh(tmp_path, 30)
    (tmp_path / "10" / "stat").write_text("10 (sshd) S 1 1 1")
    assert not under_mosh(tmp_path, 30)
    assert not under_mosh(tmp_path / "none", 30)


# ── calls ────────────────────────────────────────────────────────────────────────


@given(st.text())
def test_no_text_gets_out_of_a_notification_or_a_title(text: str) -> None:
    assert one_line(text).isprintable()
    for environ in ({"TERM": "xterm-kitty"}, {"TERM": "foot"}, {"TERM_PROGRAM": "iTerm.app"}):
        plain = notification("", environ)
        assert sorted(set(notification(text, environ)) & {"\x1b", "\x07", "\n"}) == sorted(set(plain) & {"\x1b", "\x07", "\n"})
        assert notification(text, environ).count("\x1b") == plain.count("\x1b")
    assert title(text, {"TERM": "xterm"}).count("\x1b") == 1


@pytest.mark.parametrize(
    ("environ", "way", "sequence"),
    [
        ({"TERM": "xterm-kitty"}, "auto", "\x1b]99;i=mltui:d=0;mltui\x1b\\\x1b]99;i=mltui:p=body;it; waits\x1b\\"),
        ({"TERM_PROGRAM": "ghostty"}, "auto", "\x1b]9;mltui: it; waits\x1b\\"),
        ({"VTE_VERSION": "7600"}, "auto", "\x1b]777;notify;mltui;it, waits\x1b\\"),
        ({"TERM": "xterm"}, "auto", "\x07"),
        ({"TERM": "xterm"}, "osc", "\x1b]9;mltui: it; waits\x1b\\"),
        ({"TERM": "xterm-kitty"}, "bell", "\x07"),
        ({"TERM": "xterm-kitty"}, "off", ""),
        ({"TERM": "tmux", "TMUX": "x", "LC_TERMINAL": "iTerm2"}, "auto", "\x1bPtmux;\x1b\x1b]9;mltui: it; waits\x1b\x1b\\\x1b\\\x07"),
        ({"TERM": "screen", "STY": "x", "LC_TERMINAL": "iTerm2"}, "osc", "\x1bP\x1b]9;mltui: it; waits\x07\x1b\\"),
        ({"TERM": "tmux", "TMUX": "x"}, "auto", "\x07"),
    ],
)
def test_each_terminal_is_told_in_its_own_way(environ: dict[str, str], way: attention.Way, sequence: str) -> None:
    assert notification("it; waits", environ, way) == sequence


def test_a_person_is_called_only_where_they_do_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    written: list[str] = []
    one = Attention(written.append)
    one.titled = False
    turn = TurnCompleted(turn=1, outcome="completed", usage=Usage(), steps=1, seconds=60)
    one.needs("a question")
    one.saw(turn)
    assert written == []  # a key was pressed a moment ago, and nothing is known of the window
    monkeypatch.setattr(attention, "AWAY", -1.0)
    one.saw(turn)
    assert len(written) == 1
    one.focus(front=True)
    one.saw(turn)
    assert len(written) == 1
    one.focus(front=False)
    one.saw(turn.model_copy(update={"seconds": 1.0}))  # they hardly left
    one.saw(turn.model_copy(update={"outcome": "interrupted"}))
    assert len(written) == 1
    one.needs("a question")
    assert len(written) == 2 and "a question" in written[1]


# ── reports and logs ─────────────────────────────────────────────────────────────


def test_a_report_holds_the_traceback_and_only_so_many_are_kept(tmp_path: Path) -> None:
    environ = {"MLTUI_HOME": str(tmp_path), "ANTHROPIC_API_KEY": "hidden"}
    path = None
    for _ in range(reports.KEPT + 5):
        try:
            raise ValueError("no\x1b[31m")
        except ValueError as error:
            path = reports.write(error, "here", environ)
    assert path is not None and path.stat().st_mode & 0o077 == 0
    text = path.read_text()
    assert "in here" in text and "test_a_report_holds" in text and "hidden" not in text
    assert len(list(path.parent.iterdir())) == reports.KEPT


def test_a_report_that_cannot_be_written_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "reports").write_text("a file")
    assert reports.write(ValueError("no"), "here", {"MLTUI_HOME": str(tmp_path)}) is None
    assert "ValueError: no" in capsys.readouterr().err


DIVERT = """
import os, sys
from pathlib import Path
from mltui.ui.terminal.streams import Streams
streams = Streams(Path(sys.argv[1]))
os.write(1, b"before ")
streams.divert(); streams.divert()
os.write(1, b"one "); os.write(2, b"two "); streams.write("three")
os.write(streams.terminal, b"screen ")
streams.restore(); streams.restore()
streams.write("nothing")
os.write(1, b"after"); os.write(2, b"error")
"""


def test_streams_go_to_the_file_and_come_back(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "output.log"
    log.parent.mkdir()
    log.write_bytes(b"old " * (MOST // 4 + 1))
    done = subprocess.run([sys.executable, "-c", DIVERT, str(log)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("before screen after", "error")
    text = log.read_text()
    assert text.endswith("one two three") and KEPT <= len(text) < KEPT + 200


def test_a_log_that_cannot_be_written_loses_the_noise(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    done = subprocess.run([sys.executable, "-c", DIVERT, str(tmp_path / "logs" / "x.log")], capture_output=True, text=True, check=True)
    assert done.stdout == "before screen after"


def test_the_terminal_of_the_app_is_not_given_to_programs(tmp_path: Path) -> None:
    streams = Streams(tmp_path / "x.log")
    try:
        assert not os.get_inheritable(streams.terminal)
    finally:
        os.close(streams.terminal)


# ── tmux ─────────────────────────────────────────────────────────────────────────


def settings_of(**settings: str) -> tmux.Ask:
    def ask(arguments: Sequence[str]) -> str:
        match arguments:
            case ["-V"]:
                return "tmux 3.3a"
            case ["show-options", "-sqv" | "-gqv", name]:
                return settings.get(name.replace("-", "_"), "")
            case _:
                return settings.get("client", "")

    return ask


GOOD = {
    "set_clipboard": "external",
    "allow_passthrough": "on",
    "focus_events": "on",
    "escape_time": "10",
    "extended_keys": "on",
    "default_terminal": "tmux-256color",
    "client": "xterm-256color 256,RGB,clipboard",
}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"set_clipboard": "off"}, "set -s set-clipboard on"),
        ({"allow_passthrough": "off"}, "set -g allow-passthrough on"),
        ({"focus_events": "off"}, "set -s focus-events on"),
        ({"escape_time": "500"}, "set -s escape-time 10"),
        ({"extended_keys": "off"}, "set -s extended-keys on"),
        ({"default_terminal": "screen"}, "set -s default-terminal tmux-256color"),
        ({"client": "xterm-256color 256,clipboard"}, "set -as terminal-features ',xterm-256color:RGB'"),
    ],
)
def test_each_setting_of_tmux_that_stands_in_the_way_is_named_with_its_line(change: dict[str, str], line: str) -> None:
    assert tmux.missing(settings_of(**GOOD)) == []
    assert [found for _, found in tmux.missing(settings_of(**GOOD | change))] == [line]


def test_without_a_terminal_the_doctor_asks_nothing_and_names_the_log(tmp_path: Path) -> None:
    found = examine.examine({"MLTUI_HOME": str(tmp_path)})
    assert [one.name for one in found] == ["output log"]
    assert str(tmp_path) in found[0].text
