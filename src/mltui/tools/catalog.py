"""Every tool there is, in the order in which a model is told of them."""

from __future__ import annotations

from mltui.tools.ask_user_question import AskUserQuestion
from mltui.tools.base import Tool
from mltui.tools.bash import Bash
from mltui.tools.bash_output import BashOutput
from mltui.tools.check_data import CheckData
from mltui.tools.edit import Edit
from mltui.tools.experiment_tools import ConcludeExperiment, ExperimentStatus, ProposeExperiment
from mltui.tools.glob import Glob
from mltui.tools.grep import Grep
from mltui.tools.kill_shell import KillShell
from mltui.tools.notebook_edit import NotebookEdit
from mltui.tools.notebook_run import NotebookRun
from mltui.tools.promote import Promote
from mltui.tools.propose_sweep import ProposeSweep
from mltui.tools.read import Read
from mltui.tools.skill import Skill
from mltui.tools.task import Task
from mltui.tools.todo_write import TodoWrite
from mltui.tools.web_fetch import WebFetch
from mltui.tools.web_search import WebSearch
from mltui.tools.write import Write

_CATALOG: tuple[Tool, ...] = (
    Read(),
    Write(),
    Edit(),
    NotebookEdit(),
    Glob(),
    Grep(),
    Bash(),
    TodoWrite(),
    AskUserQuestion(),
    ProposeExperiment(),
    ExperimentStatus(),
    ConcludeExperiment(),
    Promote(),
    CheckData(),
    Task(),
    WebFetch(),
    WebSearch(),
    Skill(),
    BashOutput(),
    KillShell(),
    NotebookRun(),
    ProposeSweep(),
)


def catalog() -> tuple[Tool, ...]:
    """The tools. The order is part of every request's prefix, so it stays."""
    return _CATALOG
