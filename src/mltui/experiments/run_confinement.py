"""What a training run and its evaluator may see and change, where the machine has a sandbox."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mltui.config.schema import Sandbox as Settings
from mltui.experiments.runner import Launcher
from mltui.sandbox import Confinement, Sandbox


class RunConfinement:
    """Makes the launchers of one job's commands.

    A command may write in its checkout, in the folder given to it, and in the temporary folders. The project is there to be
    read, apart from `.mltui`, which holds other runs, the evaluator's results and the journal.

    Attributes:
        name: the kind of sandbox; `none` where commands run as they are.
    """

    def __init__(self, sandbox: Sandbox, settings: Settings, root: Path, state: Path) -> None:
        self.name = sandbox.name
        self._sandbox = sandbox
        self._network = settings.training_network == "allow"
        self._root = root.resolve()
        self._state = state.resolve()

    def launcher(self, folder: Path, *, read: Sequence[Path] = (), hidden: Sequence[Path] = ()) -> Launcher:
        """
        Args:
            folder: may be written to, besides the checkout that the command starts in.
            read: further places below `.mltui` that it may read.
            hidden: what it may not see.
        """

        def start(arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
            confinement = Confinement(
                cwd=cwd.resolve(),
                writable=(cwd.resolve(), folder.resolve(), *_temporary_folders()),
                read_only=(self._root, *(path.resolve() for path in read)),
                hidden=(self._state, *(path.resolve() for path in hidden)),
                network=self._network,
            )
            return self._sandbox.start(
                arguments,
                confinement,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )

        return start


def _temporary_folders() -> list[Path]:
    names = dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp"))  # noqa: S108
    return [Path(name).resolve() for name in names if Path(name).is_dir() and os.access(name, os.W_OK)]
