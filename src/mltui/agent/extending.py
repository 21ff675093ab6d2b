"""Asks the person about what files of a project would run outside the gate, once for what each says."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from uuid import uuid4

from mltui.config.schema import Config
from mltui.core.approval import Approver, TrustRequest
from mltui.core.errors import ConfigError
from mltui.extensions import approved
from mltui.extensions.loading import Extensions, load_extensions


async def agreed_extensions(
    cwd: Path,
    environ: Mapping[str, str],
    config: Config,
    approver: Approver,
    *,
    trusted: bool,
    all_agreed: bool = False,
    keep: bool = False,
    mcp_config: Path | None = None,
    own_commands: Collection[str] = (),
) -> tuple[Extensions, tuple[str, ...]]:
    """What the session has of skills, commands, hooks and servers, and what the person should be told.

    Args:
        all_agreed: the person said that they trust all of it, and is not asked; keep: for later sessions, too.

    Raises: ConfigError: something is wrong with the file that was named on the command line.
    """
    load = partial(load_extensions, cwd, environ, config, trusted=trusted, mcp_config=mcp_config, own_commands=own_commands)
    found = await asyncio.to_thread(load)
    for problem in found.problems:
        if problem.path == mcp_config:
            raise ConfigError(str(problem), hint="Mend it, or leave --mcp-config out")
    if all_agreed:
        for one in found.unanswered if keep else ():
            approved.remember(cwd, one.what, one.digest, environ)
        found = await asyncio.to_thread(load, agreed=None) if found.unanswered else found
        return found, _notices(found)
    notices: list[str] = []
    agreed: set[str] = set()
    for one in found.unanswered:
        decision = await approver.decide(TrustRequest(id=uuid4().hex, folder=str(cwd), found=(one.text,), item=True))
        if decision.approved:
            approved.remember(cwd, one.what, one.digest, environ)
            agreed.add(one.what)
        else:
            notices.append(f"left out: {one.text} (pass --trust to agree to it)")
    if agreed:
        found = await asyncio.to_thread(load, agreed=agreed)
    return found, (*notices, *_notices(found))


def _notices(found: Extensions) -> tuple[str, ...]:
    return tuple(str(problem) for problem in found.problems if problem.level == "error")
