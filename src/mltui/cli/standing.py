"""Whether whoever calls a command that decides may do so."""

from mltui.experiments.standing import require_person

__all__ = ["require_person"]
