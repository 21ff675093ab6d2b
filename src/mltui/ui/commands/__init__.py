"""Slash commands: one table for every front-end, so that each can do what the others can."""

from __future__ import annotations

from mltui.ui.commands.base import Command, Console
from mltui.ui.commands.table import COMMANDS, complete, find, parse

__all__ = ["COMMANDS", "Command", "Console", "complete", "find", "parse"]
