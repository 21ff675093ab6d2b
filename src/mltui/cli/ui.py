"""`mltui ui`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import webbrowser
from pathlib import Path

import click

from mltui.cli.project import cd_option, load_config
from mltui.experiments.tracking.sync import run_sync
from mltui.experiments.tracking.ui import DEFAULT_PORT, HOST, free_port, server_address, ui_command, ui_environment


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui ui --port 5001")
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True, help="On this machine only.")
@click.option("--open/--no-open", "browse", default=False, help="Open a browser.")
@cd_option
def ui(port: int, browse: bool, cwd: Path) -> int:
    """Open the MLflow UI on this project's runs; Ctrl-C ends it."""
    loaded = load_config(cwd)
    address = server_address(loaded.config)
    if address is not None:
        click.echo(f"The project is tracked by a server: {address}", err=True)
        if browse:
            webbrowser.open(address)
        return 0
    chosen = free_port(port)
    command = ui_command(loaded.project_root, loaded.config, chosen)
    click.echo("Bringing the store up to date…", err=True)
    run_sync(loaded.project_root, loaded.config.tracking)
    click.echo(f"MLflow at http://{HOST}:{chosen} (Ctrl-C ends it; over SSH: ssh -L {chosen}:{HOST}:{chosen} HOST)", err=True)
    if browse:
        webbrowser.open(f"http://{HOST}:{chosen}")
    return _serve(command)


def _serve(command: list[str]) -> int:
    """Runs the server until it ends or the person does; returns its exit code, 0 when the person ended it."""
    # A group of its own: at Ctrl-C the terminal would signal each of its processes, and each would print how it broke off.
    server = subprocess.Popen(command, env=ui_environment(), stdout=sys.stderr, stdin=subprocess.DEVNULL, start_new_session=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)  # nothing else would end that group
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)
