"""The app on real pseudo-terminals: what it writes, what it is told, and how it leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import termios
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mltui.ui.terminal.restore import LEAVE

from .terminals import PtyApp, mltui, modern, silent

READY = "scripted"
"""Is on screen when the session is open."""


@contextmanager
def app_on(folder: Path, *script: Any, arguments: tuple[str, ...] = (), code: str = "", **kinds: Any) -> Generator[PtyApp]:
    """The app in a folder of its own, with its session open. Args: code: Python that runs before it starts."""
    project = folder / "project"
    project.mkdir(exist_ok=True)
    command = mltui(list(script) or ["hello"], folder, *arguments)
    if code:
        start = f"{code}\nimport sys\nfrom mltui.__main__ import main\nsys.argv[0] = 'mltui'\nsys.exit(main())"
        command = ["-c", start, *command[2:]]
    environ = {"MLTUI_HOME": str(folder / "home"), **kinds.pop("environ", {})}
    with PtyApp(command, project, environ, **kinds) as app:
        app.until_text(READY)
        yield app


def quit_app(app: PtyApp) -> int:
    app.type("\x03\x03")
    return app.wait()


def left_as_it_was(app: PtyApp) -> bool:
    """Whether the modes are taken back in what was written last, and the line discipline is what it was."""
    app.settle()
    end = bytes(app.output).rpartition(b"\x1b[?1049h")[2].decode("utf-8", "replace")
    modes = ("\x1b[?1049l", "\x1b[?25h", "\x1b[?1000l", "\x1b[?1003l", "\x1b[?1006l", "\x1b[?2004l", "\x1b[?1004l", "\x1b[?7h", "\x1b[<u")
    missing = [mode for mode in modes if mode not in end]
    assert not missing, f"not taken back: {missing!r}"
    assert termios.tcgetattr(app.outer)[:4] == app.attributes[:4]
    return True


def turns_of(folder: Path) -> list[str]:
    """The prompts in the session files."""
    files = sorted((folder / "home" / "sessions").rglob("*.jsonl"))
    events = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [event["text"] for event in events if event.get("type") == "turn.started"]


# ── how much is written ──────────────────────────────────────────────────────────


def test_nothing_is_written_and_nothing_runs_while_nobody_does_anything(tmp_path: Path) -> None:
    with app_on(tmp_path) as app:
        quiet = 0
        for _ in range(60):  # starting takes what it takes
            written, ticks = len(app.output), app.cpu_ticks()
            time.sleep(0.5)
            quiet = quiet + 1 if (len(app.output), app.cpu_ticks()) == (written, ticks) else 0
            if quiet == 2:
                break
        assert quiet == 2


@pytest.mark.slow
def test_an_answer_of_5000_tokens_costs_less_than_100_kB_and_few_frames(tmp_path: Path) -> None:
    text = "\n\n".join(" ".join(f"word{line % 7} and some more of it" for line in range(40)) for _ in range(21))
    with app_on(tmp_path, {"text": f"{text}\n\nTHE END", "pause": 0.002}) as app:
        before, started = len(app.output), time.monotonic()
        app.type("go\r")
        app.until(lambda: b"THE END" in app.output[before:])
        assert len(app.output) - before < 100_000
        assert app.frames(before) <= 15 * (time.monotonic() - started) + 5


def test_low_bandwidth_writes_four_frames_a_second_and_asks_for_no_mouse_moves(tmp_path: Path) -> None:
    step = {"text": "word " * 200 + "THE END", "pause": 0.02}
    with app_on(tmp_path, step, arguments=("--low-bandwidth",)) as app:
        assert b"\x1b[?1003l" in app.output
        before, started = len(app.output), time.monotonic()
        app.type("go\r")
        time.sleep(0.3)  # what a key does may come sooner
        reads = app.reads
        app.until(lambda: b"THE END" in app.output[before:])
        assert app.reads - reads <= 4 * (time.monotonic() - started) + 3


def test_a_slow_link_is_noticed_told_and_spared(tmp_path: Path) -> None:
    def slow(asked: bytes) -> bytes:
        if answer := modern(asked):
            time.sleep(0.3)
        return answer

    with app_on(tmp_path, answer=slow) as app:
        app.until_text("The link is slow")


# ── sizes and signals ────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_any_size_is_survived_and_drawn(tmp_path: Path) -> None:
    with app_on(tmp_path, {"text": "# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n" + "word " * 100}) as app:
        app.type("go\r")
        app.until_text("word")
        for width, height in ((20, 5), (1, 1), (200, 60), (20, 5), (100, 30)):
            before = len(app.output)
            app.resize(width, height)
            os.kill(app.process.pid, signal.SIGWINCH)
            app.until(lambda before=before: len(app.output) > before)
            app.type("\x1bOP")  # the help, whatever the size
            time.sleep(0.2)
            app.type("\x1b")
        app.until_text("word", before)
        assert quit_app(app) == 0
        assert left_as_it_was(app)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_ends_in_order_and_leaves_the_terminal_as_it_was(tmp_path: Path, number: int, code: int) -> None:
    with app_on(tmp_path, {"text": "a long answer " * 50, "pause": 0.05}) as app:
        app.type("remember me\r")
        app.until_text("a long answer")
        app.process.send_signal(number)
        assert app.wait() == code
        assert left_as_it_was(app)
    assert turns_of(tmp_path) == ["remember me"]


def test_a_lost_connection_keeps_the_session(tmp_path: Path) -> None:
    with app_on(tmp_path, {"text": "a long answer " * 50, "pause": 0.05}) as app:
        app.type("remember me\r")
        app.until_text("a long answer")
        app.hang_up()
        assert app.wait() == 129
    with app_on(tmp_path, "again", arguments=("--continue",)) as app:
        app.until_text("remember me")
        assert quit_app(app) == 0


def test_a_stop_gives_the_terminal_back_and_a_continuation_draws_it_again(tmp_path: Path) -> None:
    with app_on(tmp_path) as app:
        # Pasted, so that it is drawn at once, with nothing between its letters.
        app.type("\x1b[200~half a line\x1b[201~")
        app.until_text("half a line")
        app.type("\x1a")
        app.until(lambda: _state(app) == "T", "the stop")
        app.until(lambda: LEAVE.encode()[:8] in app.output)
        before = len(app.output)
        app.process.send_signal(signal.SIGCONT)
        app.until_text("half a line", before)
        app.type("\x1b[200~ and more\x1b[201~")
        app.until_text("and more", before)
        assert quit_app(app) == 0
        assert left_as_it_was(app)


def _state(app: PtyApp) -> str:
    return Path(f"/proc/{app.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


# ── errors ───────────────────────────────────────────────────────────────────────

BROKEN = """
from mltui.ui.tui import status, app
def build(self, width):
    raise KeyError("token " + "sk-ant-" + "Zk3xQ9vLw2" + "Rt7YpB5nHs")
status.StatusLine.build = build
def fail(self, **_):
    raise ValueError("a handler that fails")
app.MltuiApp.action_next_mode = fail
def later(self):
    async def work():
        raise TypeError("a worker that fails")
    self.run_worker(work())
app.MltuiApp.action_toggle_all = later
"""


def test_an_error_is_told_in_its_place_and_the_app_goes_on(tmp_path: Path) -> None:
    with app_on(tmp_path, "all is well", code=BROKEN) as app:
        app.until_text("StatusLine cannot be shown: KeyError")
        app.type("\x1b[Z")
        app.until_text("ValueError: a handler that fails")
        app.type("\x0f")
        app.until_text("TypeError: a worker that fails")
        app.type("go on\r")
        app.until_text("all is well")
        assert quit_app(app) == 0
        assert left_as_it_was(app)
    reports = sorted((tmp_path / "home" / "reports").glob("*.txt"))
    texts = [report.read_text() for report in reports]
    assert len(reports) == 3
    assert all("Traceback" in text for text in texts)
    assert not any("Zk3xQ9vLw2Rt7Y" in text for text in texts)
    assert any("[anthropic-key]" in text for text in texts)


@pytest.mark.parametrize("where", ["compose", "on_mount", "_start"])
def test_an_error_that_the_app_cannot_survive_leaves_the_terminal_and_says_where_the_report_is(tmp_path: Path, where: str) -> None:
    code = f"from mltui.ui.tui import app\ndef fail(self):\n    raise KeyError('broken {where}')\napp.MltuiApp.{where} = fail"
    command = ["-c", f"{code}\nimport sys\nfrom mltui.__main__ import main\nsys.exit(main())", *mltui(["x"], tmp_path)[2:]]
    with PtyApp(command, tmp_path, {"MLTUI_HOME": str(tmp_path / "home")}) as app:
        if where == "_start":  # after the first paint: told, and the person quits
            app.until(lambda: list((tmp_path / "home" / "reports").glob("*KeyError*")))
            app.type("\x03\x03")
        assert app.wait() == (0 if where == "_start" else 1)
        assert left_as_it_was(app)
        if where != "_start":
            app.until_text(f"mltui had to stop: KeyError: 'broken {where}'")


# ── what others print ────────────────────────────────────────────────────────────

NOISE = """
import threading, os, sys, warnings, logging, subprocess, time
def noise():
    time.sleep(1)
    print("NOISE print"); sys.stderr.write("NOISE stderr\\n"); warnings.warn("NOISE warning")
    logging.getLogger("lib").error("NOISE log")
    os.write(1, b"NOISE one\\n"); os.write(2, b"NOISE two\\n")
    subprocess.run(["sh", "-c", "echo NOISE child; echo NOISE error >&2"])
threading.Thread(target=noise, daemon=True).start()
"""


def test_what_libraries_print_goes_to_a_file_and_never_to_the_screen(tmp_path: Path) -> None:
    log = tmp_path / "home" / "logs" / "output.log"
    with app_on(tmp_path, code=NOISE) as app:
        noises = [f"NOISE {noise}" for noise in ("print", "stderr", "warning", "log", "one", "two", "child", "error")]
        app.until(lambda: log.exists() and all(noise in log.read_text() for noise in noises))
        assert quit_app(app) == 0
        app.settle()
        assert b"NOISE" not in app.output


# ── calls ────────────────────────────────────────────────────────────────────────

ASKS = {"delay": 0.5, "calls": [{"name": "Bash", "arguments": {"command": "touch needed"}}]}


def test_the_person_is_called_when_they_are_needed_and_look_elsewhere_and_the_title_says_so(tmp_path: Path) -> None:
    with app_on(tmp_path, ASKS, "done", environ={"TERM_PROGRAM": "WezTerm"}) as app:
        app.until(lambda: b"\x1b]2;mltui \xe2\x80\x94 project\x07" in app.output)
        assert b"\x1b[22;2t" in app.output
        app.type("go\r")
        app.until_text("working")
        app.type("\x1b[O")
        app.until(lambda: b"\x1b]2;needs you \xe2\x80\x94 mltui" in app.output)
        app.until(lambda: b"\x1b]9;mltui: " in app.output)
        assert quit_app(app) == 0
        app.settle()
        assert b"\x1b[23;2t" in app.output


def test_nobody_is_called_while_the_terminal_is_in_front(tmp_path: Path) -> None:
    with app_on(tmp_path, ASKS, "done", environ={"TERM_PROGRAM": "WezTerm"}) as app:
        app.type("\x1b[I")
        app.type("go\r")
        app.until(lambda: b"needs you" in app.output)
        time.sleep(0.3)
        assert b"\x1b]9;" not in app.output


# ── colours ──────────────────────────────────────────────────────────────────────


def colors_of(output: bytes) -> set[bytes]:
    """The SGR parameters that set a colour."""

    return {
        match[1] for match in re.finditer(rb"\x1b\[([0-9;]*)m", output) if re.search(rb"(^|;)(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;|$)", match[1])
    }


@pytest.mark.parametrize(
    ("environ", "kinds"),
    [
        ({"NO_COLOR": "1"}, set[str]()),
        ({"COLORTERM": "", "TERM": "xterm"}, {"16"}),
        ({"COLORTERM": "", "TERM": "xterm-256color"}, {"256"}),
        ({"FORCE_COLOR": "2", "COLORTERM": "truecolor"}, {"256"}),
        ({"COLORTERM": "truecolor"}, {"true"}),
    ],
)
def test_no_more_colours_are_used_than_there_are(tmp_path: Path, environ: dict[str, str], kinds: set[str]) -> None:
    with app_on(tmp_path, "# Title\n\n`code` and **bold**", environ=environ) as app:
        app.type("go\r")
        app.until_text("bold")
        app.settle_output()
        assert {_kind(code) for code in colors_of(bytes(app.output))} - {"256" if "true" in kinds else ""} == kinds


def _kind(code: bytes) -> str:
    return "true" if b"8;2;" in code else "256" if b"8;5;" in code else "16"


def test_a_light_terminal_gets_the_light_theme_and_a_silent_one_the_dark(tmp_path: Path) -> None:
    def light(asked: bytes) -> bytes:
        return modern(asked).replace(b"1010/1212/1818", b"ffff/ffff/f0f0")

    with app_on(tmp_path, answer=light) as app:
        app.until(lambda: b"48;2;251;251;249" in app.output)
    with app_on(tmp_path, answer=silent) as app:
        assert b"48;2;15;19;24" in app.output and b"48;2;251;251;249" not in app.output


def test_an_answer_that_comes_late_and_in_pieces_is_not_typed(tmp_path: Path) -> None:
    def pieces(asked: bytes) -> bytes:
        if b"\x1b[c" in asked and not late.ident:
            late.start()
        return b""

    def type_late() -> None:
        for piece in (b"\x1b]11;rgb:10", b"10/1212/1818", b"\x1b", b"\\\x1b[?62;", b"22c"):
            started.wait()
            time.sleep(0.05)
            app.type(piece)
        done.set()

    started, done = threading.Event(), threading.Event()
    late = threading.Thread(target=type_late, daemon=True)
    with app_on(tmp_path, answer=pieces) as app:
        started.set()
        assert done.wait(30)
        app.type("end")
        app.until_text("end")
        assert "rgb" not in app.text() and "1212" not in app.text() and "62;" not in app.text()


def test_alt_and_a_letter_does_what_it_is_bound_to_and_types_nothing(tmp_path: Path) -> None:
    with app_on(tmp_path) as app:
        app.type("wrong it is\x01")
        app.until_text("wrong it is")
        app.type("\x1bd")  # as terminals write it that do not speak kitty's protocol
        app.type("\x1bq")
        app.type("so\r")
        app.until_text("hello")
    assert turns_of(tmp_path) == ["so it is"]
