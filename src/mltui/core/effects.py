"""What a tool call would do to the world, stated before it does it."""

from __future__ import annotations

from typing import Literal

from mltui.core.data import Data

EffectKind = Literal["read", "write", "exec", "net", "ask", "note", "propose", "conclude", "promote", "delegate", "mcp"]


class Effect(Data):
    """One side effect: a kind and what it touches.

    `read`, `write`: an absolute, resolved path. `exec`: one simple shell command, wrappers kept; a
    command that could not be split is one effect with `opaque` set, which no pattern admits.
    `net`: a host. `ask`: a question to the person. `note`: the session's own notes (the todo list,
    an experiment's status). `propose`: a new experiment. `conclude`, `promote`: an experiment id. `delegate`: the
    persona that a piece of work is handed to. `mcp`: a tool of an outside server, which may do anything.

    Attributes:
        folder: of an `exec`: where its line starts, when that is not the workspace's folder.
    """

    kind: EffectKind
    target: str
    opaque: bool = False
    folder: str = ""


class Grant(Data):
    """An effect that the gate allowed for one call.

    Attributes:
        staged: a write that goes to the session's draft instead of the working tree.
    """

    effect: Effect
    staged: bool = False
