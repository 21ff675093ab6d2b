"""All that files add to a session, as far as the person agreed to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mltui.config.paths import project_root
from mltui.config.schema import Config
from mltui.extensions import approved, hook_files, mcp_files
from mltui.extensions.commands import CustomCommand, command_folders, load_commands
from mltui.extensions.hook_files import Hooks, load_hooks
from mltui.extensions.mcp_files import McpServer, Scope, load_servers
from mltui.extensions.problems import Problem
from mltui.extensions.skills import Skills, load_skills, skill_folders

_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Something of a project that would run outside the gate, and that the person was not asked about as it is now.

    Attributes:
        what, digest: for `approved.remember`.
        text: what it is, in a line.
    """

    what: str
    digest: str
    text: str


@dataclass(frozen=True, slots=True)
class Extensions:
    """Attributes: unanswered: what is left out until the person was asked."""

    skills: Skills = field(default_factory=lambda: Skills({}))
    commands: Mapping[str, CustomCommand] = field(default_factory=dict[str, CustomCommand])
    hooks: Hooks = field(default_factory=Hooks)
    servers: Mapping[str, McpServer] = field(default_factory=dict[str, McpServer])
    problems: tuple[Problem, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()


def load_extensions(
    cwd: Path,
    environ: Mapping[str, str],
    config: Config,
    *,
    trusted: bool,
    mcp_config: Path | None = None,
    agreed: Collection[str] | None = (),
    own_commands: Collection[str] = (),
) -> Extensions:
    """Reads the files. One that is bad is a problem in the answer, never an error.

    Args:
        trusted: whether the project's own files count at all.
        mcp_config: a file of the command line.
        agreed: what (`mcp:NAME`, `hooks:FILE`) the person agreed to just now; None: to everything, for this session.
        own_commands: names that a file's command cannot have.
    """
    root = project_root(cwd)
    skills = load_skills(skill_folders(cwd, environ, trusted))
    kept = {name: skill for name, skill in skills.skills.items() if name not in config.skills.disabled}
    commands, command_problems = load_commands(command_folders(cwd, environ, trusted), own_commands)
    unanswered: list[Unanswered] = []

    def agrees(what: str, digest: str, text: str) -> bool:
        if agreed is None or what in agreed:
            return True
        if approved.is_agreed(cwd, what, digest, environ):
            return True
        unanswered.append(Unanswered(what, digest, text))
        return False

    files = [hook_files.user_file(environ)]
    for path in hook_files.project_files(cwd) if trusted else []:
        name = path.relative_to(root).as_posix()
        if agrees(f"hooks:{name}", hook_files.digest(path), f"hooks of {name}: {_hooks_of(path)}"):
            files.append(path)
    settings = {event: [group.model_dump() for group in groups] for event, groups in config.hooks.items()}
    hooks = load_hooks(files, settings)
    servers, server_problems = _servers(cwd, environ, trusted, mcp_config) if config.mcp.enabled else ({}, ())
    servers = {name: server for name, server in servers.items() if name not in config.mcp.disabled}
    servers = {
        name: server
        for name, server in servers.items()
        if server.scope != "project" or agrees(f"mcp:{name}", server.digest, f"the MCP server {name} of {mcp_files.FILE} {server.says}")
    }
    return Extensions(
        replace(skills, skills=kept),
        commands,
        hooks,
        servers,
        (*skills.problems, *command_problems, *hooks.problems, *server_problems),
        tuple(unanswered),
    )


def _servers(
    cwd: Path, environ: Mapping[str, str], trusted: bool, mcp_config: Path | None
) -> tuple[dict[str, McpServer], tuple[Problem, ...]]:
    files: list[tuple[Scope, Path]] = [("user", mcp_files.user_file(environ))]
    if trusted:
        files.append(("project", mcp_files.project_file(cwd)))
    if mcp_config is not None:
        files.append(("command line", mcp_config))
    return load_servers(files, environ)


def _hooks_of(path: Path) -> str:
    text = (
        ", ".join(
            f"{hook.event} runs `{hook.command}`{'' if hook.sandbox else ' outside the sandbox'}" for hook in load_hooks([path]).hooks
        )
        or "none that mltui runs"
    )
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… (look at the file)"
