"""Which changes of a repository's configuration can run something."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

_HARMLESS = re.compile(
    r"""advice\..* | branch\..*\.(remote|merge|rebase|pushremote|description) | color\..* | column\..* | commit\.(gpgsign|verbose)
    | core\.(bare|filemode|ignorecase|symlinks|logallrefupdates|repositoryformatversion|precomposeunicode|autocrlf|eol|safecrlf|quotepath|abbrev)
    | diff\.(algorithm|renames|renamelimit|colormoved) | extensions\.objectformat | fetch\.(prune|parallel) | gc\.auto | init\.defaultbranch
    | log\..* | merge\.(conflictstyle|ff|log) | pull\.(rebase|ff) | push\.(default|autosetupremote|followtags) | rebase\.(autosquash|autostash)
    | remote\..*\.(url|pushurl|fetch|push|prune|tagopt) | rerere\..* | status\..* | submodule\..*\.(url|active|branch) | tag\.(sort|gpgsign)
    | user\.(name|email|signingkey|useconfigonly)""",
    re.VERBOSE | re.DOTALL,
)
"""Keys that only change how git works or what it shows; all others may name a program, or a file that does."""


def dangerous_changes(old: bytes | None, new: bytes | None) -> tuple[str, ...]:
    """Keys that differ and may run something, sorted; `the file` where it cannot be read as git's configuration."""
    before, after = _parsed(old), _parsed(new)
    if before is None or after is None:
        return ("the file",)
    differing = (before - after) + (after - before)
    return tuple(sorted({key for key, value in differing if not _HARMLESS.fullmatch(key) or "::" in value}))


def _parsed(data: bytes | None) -> Counter[tuple[str, str]] | None:
    """Keys (section and name in lower case) and values. Includes are keys here and are not followed."""
    try:
        done = subprocess.run(
            ["git", "config", "--file", "-", "--list", "-z"], input=data or b"", capture_output=True, check=False, cwd="/"
        )
    except OSError:
        return None
    if done.returncode != 0:
        return None
    items = [item.partition("\n") for item in done.stdout.decode("utf-8", "surrogateescape").split("\0") if item]
    return Counter((key, value) for key, _, value in items)
