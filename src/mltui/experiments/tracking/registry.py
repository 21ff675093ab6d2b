"""The model registry, worked on in a process of its own: `python -m mltui.experiments.tracking.registry ROOT`.

It reads one order as JSON from stdin and prints the answer as JSON. Light to import: mlflow is loaded in that process only.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Protocol, cast

from pydantic import Field, TypeAdapter, ValidationError

from mltui.config.schema import Config, Tracking
from mltui.core.errors import ExperimentError, MltuiError
from mltui.experiments.storage import file_lock, make_state_folder
from mltui.experiments.tracking.place import QUIET, STATE, set_defaults
from mltui.experiments.tracking.registry_orders import Answer, Look, ModelOrder, Order, Point, PromptOrder
from mltui.experiments.tracking.sync import SETTINGS_VARIABLE

AGAIN = "Nothing was promoted; see that MLflow answers, and try again"
SECONDS = 600.0
"""A model of some gigabytes takes its time to a server."""

_ORDERS: TypeAdapter[Order] = TypeAdapter(Annotated[Look | ModelOrder | PromptOrder | Point, Field(discriminator="do")])
_WORK = "mltui.experiments.tracking.registry_work"


class Registry:
    """The registry of one project's tracking store."""

    def __init__(self, root: Path, tracking: Tracking) -> None:
        self._root = root
        self._tracking = tracking

    @property
    def enabled(self) -> bool:
        return self._tracking.enabled

    def carry_out(self, order: Order) -> Answer:
        """Carries an order out and waits for it.

        Raises:
            ExperimentError: the registry does not answer, or refuses; says what to do.
        """
        command = [sys.executable, "-m", "mltui.experiments.tracking.registry", str(self._root.absolute())]
        environ = {**os.environ, SETTINGS_VARIABLE: self._tracking.model_dump_json()}
        try:
            done = subprocess.run(
                command, input=order.model_dump_json().encode(), capture_output=True, env=environ, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ExperimentError(f"the model registry took longer than {SECONDS:g} seconds", hint=AGAIN) from error
        if done.returncode != 0:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            said = lines[-1].removeprefix("mltui: ") if lines else "the model registry ended without a word"
            message, _, hint = said.partition(" — ")
            raise ExperimentError(message, hint=hint or AGAIN)
        return Answer.model_validate_json(done.stdout)


class _Work(Protocol):
    def carry_out(self, root: Path, config: Config, order: Order) -> Answer: ...


def main(arguments: list[str]) -> int:
    """Carries out the order on stdin; prints an `Answer` as JSON, or one line on stderr."""
    if len(arguments) != 1:
        print("usage: python -m mltui.experiments.tracking.registry ROOT < ORDER", file=sys.stderr)
        return 2
    root = Path(arguments[0])
    set_defaults(QUIET)
    try:
        order = _ORDERS.validate_json(sys.stdin.buffer.read())
        config = Config(tracking=Tracking.model_validate_json(os.environ[SETTINGS_VARIABLE]))
    except (ValidationError, KeyError) as error:
        print(f"mltui: that is no order: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    try:
        with contextlib.redirect_stdout(sys.stderr):
            make_state_folder(root / STATE)
            # Whoever gave the order may be gone; its successor waits here until the work is done.
            with file_lock(root / STATE / "registry.lock", timeout=SECONDS):
                answer = cast("_Work", importlib.import_module(_WORK)).carry_out(root, config, order)
    except MltuiError as error:
        print(f"mltui: {error}", file=sys.stderr)
        return error.exit_code
    print(answer.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
