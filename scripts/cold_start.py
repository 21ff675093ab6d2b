"""How much CPU a cold start costs, and which heavy packages it loads. Informational: tests/test_import_hygiene.py guards.

python scripts/cold_start.py [-n ROUNDS]: prints the least CPU time (user and system) of several rounds; wall time depends
on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HEAVY = ("click", "pydantic", "textual", "git", "numpy", "scipy", "pandas", "sklearn", "litellm", "mlflow", "llama_cpp")

COMMAND = """
import json, sys
place = sys.argv.pop()
from mltui.__main__ import main
try:
    main()
finally:
    open(place, "w").write(json.dumps(sorted(sys.modules)))
"""

# Ends when the session would be opened, which is after the first paint.
APP = """
import json, os, sys
place = sys.argv.pop()
import mltui.cli.app, mltui.cli.run
from mltui.ui.tui.app import run_tui

async def open_session(approver):
    open(place, "w").write(json.dumps(sorted(sys.modules)))
    os._exit(0)

run_tui(open_session)
"""


def cases(folder: Path) -> dict[str, list[str]]:
    """Name to the arguments of Python, without the last one: where the modules are written."""
    script = folder / "script.json"
    script.write_text(json.dumps([{"text": "done"}]))
    return {
        "python": ["-c", "import json, sys; open(sys.argv[1], 'w').write(json.dumps(sorted(sys.modules)))"],
        "mltui --version": ["-c", COMMAND, "--version"],
        "mltui --help": ["-c", COMMAND, "--help"],
        "mltui experiments --help": ["-c", COMMAND, "experiments", "--help"],
        "mltui --headless hi": ["-c", COMMAND, "--headless", "hi", "--model", f"scripted:{script}"],
        "mltui (first paint)": ["-c", APP],
    }


def measure(arguments: list[str], folder: Path) -> tuple[float, set[str]]:
    """CPU seconds of one run on a terminal of its own, and the modules it loaded."""
    place = folder / "modules.json"
    outer, inner = pty.openpty()
    threading.Thread(target=_drain, args=(outer,), daemon=True).start()
    # A start without bytecode would measure Python's compiler.
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env = {**usual, "MLTUI_HOME": str(folder / "home"), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        [sys.executable, *arguments, str(place)], cwd=folder, env=env, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    )
    os.close(inner)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments[2:])} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, set(json.loads(place.read_text()))


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the other end was closed
        pass
    os.close(terminal)


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time and heavy imports of a cold start.")
    parser.add_argument("-n", type=int, default=5, dest="rounds", help="rounds; the least time counts")
    rounds = max(1, parser.parse_args().rounds)
    print(f"{'start':<26}{'CPU ms':>8}{'modules':>9}  heavy packages")
    with tempfile.TemporaryDirectory(prefix="mltui-cold-") as name:
        folder = Path(name)
        for case, arguments in cases(folder).items():
            results = [measure(arguments, folder) for _ in range(rounds)]
            modules = results[-1][1]
            heavy = " ".join(package for package in HEAVY if package in modules) or "none"
            print(f"{case:<26}{min(cpu for cpu, _ in results) * 1000:>8.0f}{len(modules):>9}  {heavy}", flush=True)


if __name__ == "__main__":
    main()
