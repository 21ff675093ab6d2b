"""Starts the servers of a folder to see whether they work, outside any conversation and under the same watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from mltui.agent.policy import Policy
from mltui.agent.world import World
from mltui.config.paths import config_dir, project_root, state_dir
from mltui.config.schema import Config
from mltui.experiments.service import Experiments
from mltui.extensions.loading import Extensions
from mltui.tools.base import Workspace


@dataclass(frozen=True, slots=True)
class Probed:
    """Attributes: error: why it does not run; empty if it does."""

    name: str
    error: str
    tools: tuple[str, ...]


async def probe(cwd: Path, environ: Mapping[str, str], config: Config, extensions: Extensions) -> list[Probed]:
    """Starts the servers, asks for their tools, and ends them."""
    if not extensions.servers:
        return []
    root = project_root(cwd)
    workspace = Workspace(cwd, tuple(dict.fromkeys((cwd, root))))
    policy = Policy.build(config.permissions, workspace, guarded=(config_dir(environ), state_dir(environ)))
    world = World.open(workspace, Experiments.open(root, config), f"doctor-{uuid4().hex}", lambda: "doctor", policy, environ, extensions)
    try:
        await world.outside.servers.ready()
        return [
            Probed(status.name, status.error or ("" if status.state == "ready" else "it did not start"), status.tools)
            for status in world.outside.servers.statuses()
        ]
    finally:
        await world.close()
