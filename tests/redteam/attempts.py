"""All attempts, in the order of the table in docs/security.md."""

from __future__ import annotations

from tests.redteam.attempts_decisions import DECISIONS
from tests.redteam.attempts_files import FILE_TOOLS
from tests.redteam.attempts_folder import FOLDER
from tests.redteam.attempts_notebook import NOTEBOOK
from tests.redteam.attempts_outside import OUTSIDE
from tests.redteam.attempts_own import OWN_STATE
from tests.redteam.attempts_shell import SHELL
from tests.redteam.attempts_subagents import SUBAGENTS
from tests.redteam.attempts_training import TRAINING
from tests.redteam.field import Attempt

ATTEMPTS: tuple[Attempt, ...] = (*FILE_TOOLS, *SHELL, *FOLDER, *TRAINING, *NOTEBOOK, *OWN_STATE, *DECISIONS, *OUTSIDE, *SUBAGENTS)
