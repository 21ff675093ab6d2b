"""What a session has of the world outside the project: the web, MCP servers, hooks, skills."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mltui.capabilities.confinement import Confining
from mltui.capabilities.guarded_shell import GuardedShell
from mltui.capabilities.hooks_runner import HookRunner
from mltui.capabilities.mcp_servers import Grounds, McpServers
from mltui.capabilities.training_watch import TrainingWatch
from mltui.capabilities.web import WebPages
from mltui.capabilities.web_search import SearchEngine
from mltui.config.schema import Config
from mltui.core.errors import ToolError
from mltui.extensions.loading import Extensions
from mltui.extensions.skills import Skills
from mltui.sandbox.process import Sandbox


class SkillReader:
    """Reads skills when they are used; implements `tools.base.SkillShelf`."""

    def __init__(self, skills: Skills) -> None:
        self._skills = skills

    async def load(self, name: str, argument: str = "") -> str:
        skill = self._skills.skills.get(name)
        if skill is None or not skill.offered:
            names = sorted(name for name, known in self._skills.skills.items() if known.offered)
            raise ToolError(f"There is no skill {name[:100]!r}", hint=f"There are: {', '.join(names) or 'none'}")
        body = await asyncio.to_thread(skill.body)
        asked = f"\n\nIt is to be used for this: {argument}" if argument.strip() else ""
        return f"The skill {name}. Files that it names lie in {skill.folder}.\n\n{body}{asked}"


@dataclass(frozen=True, slots=True)
class Outside:
    pages: WebPages
    engine: SearchEngine
    servers: McpServers
    hooks: HookRunner
    skills: SkillReader

    @classmethod
    def open(
        cls,
        extensions: Extensions,
        config: Config,
        cwd: Path,
        root: Path,
        folder: Path,
        *,
        guard: GuardedShell,
        training: TrainingWatch,
        sandbox: Sandbox,
        confining: Confining,
        environ: Mapping[str, str],
    ) -> Outside:
        """Args: folder: for logs, and for results that are too long."""
        grounds = Grounds(sandbox, confining, guard, training, environ, folder)
        return cls(
            WebPages(allow_private=config.web.allow_private),
            SearchEngine(config.web, environ),
            McpServers(extensions.servers, config.mcp, grounds),
            HookRunner(extensions.hooks, cwd, root, guard, training, environ, sandbox=sandbox, confining=confining),
            SkillReader(extensions.skills),
        )

    async def close(self) -> None:
        await self.servers.close()
        await self.pages.close()
