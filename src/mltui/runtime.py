"""Puts a session together: configuration, persona, model, tools, gate. Front-ends give the approver."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from mltui import __version__
from mltui.agent import colleagues, library, prompt, store
from mltui.agent.colleagues import Colleagues
from mltui.agent.extending import agreed_extensions
from mltui.agent.gate import Gate
from mltui.agent.person_commands import PersonCommands
from mltui.agent.policy import Policy, parse_mode
from mltui.agent.preapproval import PolicyFile, PreApprover
from mltui.agent.rules import Rule
from mltui.agent.session import Parts, Session
from mltui.agent.toolset import fitting, granted, named
from mltui.agent.transcript import Transcript
from mltui.agent.turn_border import TurnBorder
from mltui.agent.turn_models import changed
from mltui.agent.world import file_index
from mltui.config import loader, paths, trust
from mltui.config.instructions import load_instructions
from mltui.config.loader import LoadedConfig
from mltui.config.schema import Config, PermissionMode
from mltui.core.approval import Approver, TrustRequest
from mltui.core.errors import TrustError, UsageError
from mltui.core.events import SessionStarted
from mltui.experiments.promotion_watch import promotion_problems
from mltui.experiments.retrying import catch_up_now_and_then
from mltui.experiments.service import Experiments
from mltui.extensions.loading import Extensions
from mltui.models import registry
from mltui.models.base import Model
from mltui.models.key_store import Credentials
from mltui.models.registry import ModelChoice, Role
from mltui.models.roles import RoleModels
from mltui.personas import loader as personas
from mltui.personas.loader import Persona, Personas
from mltui.tools.base import Tool, Workspace, spec
from mltui.tools.catalog import catalog
from mltui.tools.web_search import WebSearch, search_host


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for; None and empty mean: as configured.

    Attributes:
        overrides: dotted configuration keys and their values.
        restrict_tools: offer only these tools (a plan may not be wider than the session).
        policy: an approval policy that decides in a person's place; None: the configured one.
        in_advance: let that policy and standing grants approve; else every proposal goes to the approver.
        trust: trust the folder from now on; trusted: for this session only.
        system: the system prompt, as it is.
        mcp_config: a further file of MCP servers.
    """

    cwd: Path
    model: str | None = None
    persona: str | None = None
    mode: str | None = None
    resume: str | None = None
    continue_latest: bool = False
    fork: bool = False
    session_id: str | None = None
    add_dirs: tuple[Path, ...] = ()
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    policy: Path | None = None
    in_advance: bool = True
    trust: bool = False
    trusted: bool = False
    mcp_config: Path | None = None
    persist: bool = True
    overrides: Mapping[str, Any] | None = None
    restrict_tools: frozenset[str] | None = None
    system: str | None = None
    session_type: type[Session] = Session


async def open_session(options: Options, approver: Approver, environ: Mapping[str, str] | None = None) -> Session:
    """Opens a new session, or one that is resumed or forked.

    Raises: ConfigError, PersonaError, TrustError, UsageError, AuthError, SessionError: each with what to do.
    """
    env = os.environ if environ is None else environ
    cwd = options.cwd.resolve()
    if not cwd.is_dir():
        raise UsageError(f"{options.cwd} is not a folder")
    trusted = await _trusted(cwd, options, approver, env)
    loaded = await asyncio.to_thread(loader.load, cwd, env, options.overrides or {}, trusted)
    credentials = Credentials(env)
    roles = RoleModels(loaded.config, credentials, _named_roles(loaded), picked=options.model is not None)
    for name in _named_by_flags(options, loaded.config):
        registry.resolve(name, loaded.config, credentials)  # a name that is wrong is told now, not when it is first needed
    extensions, notices = await agreed_extensions(
        cwd,
        env,
        loaded.config,
        approver,
        trusted=trusted,
        all_agreed=options.trusted or options.trust,
        keep=options.trust,
        mcp_config=options.mcp_config,
    )
    session = await _Assembly(options, approver, env, cwd, trusted, loaded, credentials, roles, extensions, notices).open()
    await asyncio.to_thread(session.experiments.settle)
    catch_up_now_and_then(session.experiments)
    if (days := loaded.config.sessions.keep_days) and session.path is not None:
        await asyncio.to_thread(library.prune, session.path.parent, days)
    return session


def _named_by_flags(options: Options, config: Config) -> tuple[str, ...]:
    """The models that the command line names beside the session's own."""
    given = options.overrides or {}
    architect = (config.model.architect,) if given.get("model.architect") else ()
    return (*architect, *(config.model.fallback if given.get("model.fallback") else ()))


def _named_roles(loaded: LoadedConfig) -> set[Role]:
    """The roles whose model a person named."""
    roles: tuple[Role, ...] = ("architect", "small")
    return {role for role in roles if loaded.origins.get(f"model.{role}", "default") != "default"}


async def _trusted(cwd: Path, options: Options, approver: Approver, environ: Mapping[str, str]) -> bool:
    if options.trusted:
        return True
    if options.trust:
        trust.trust(cwd, environ)
        return True
    if trust.is_trusted(cwd, environ):
        return True
    found = trust.what_needs_trust(cwd)
    if not found:
        return True
    decision = await approver.decide(TrustRequest(id=uuid4().hex, folder=str(cwd), found=tuple(found)))
    if decision.approved:
        trust.trust(cwd, environ)
    elif decision.answer == "stop":
        raise TrustError(f"{cwd} is not trusted, and mltui would obey {', '.join(found)}", hint="Look at them, then pass --trust once")
    return decision.approved


@dataclass(frozen=True, slots=True)
class _Assembly:
    options: Options
    approver: Approver
    environ: Mapping[str, str]
    cwd: Path
    trusted: bool
    loaded: LoadedConfig
    credentials: Credentials
    roles: RoleModels
    extensions: Extensions
    extension_notices: tuple[str, ...] = ()

    @property
    def config(self) -> Config:
        return self.loaded.config

    async def open(self) -> Session:
        folder = paths.sessions_dir(self.loaded.project_root, self.environ)
        previous = self._previous(folder)
        if previous is not None:
            return await self._resume(folder, previous)
        persona = self._persona(self.options.persona or self.config.persona)
        choice = self._choice(persona)
        self.roles.propose_architect(persona.architect_model)
        model = await asyncio.to_thread(self.roles.load, choice)
        session_id = self._new_id(folder)
        tools, left_out = fitting(self._tools(persona), model.info.context_window)
        head, notices = self._head(session_id, persona, model, tools)
        small = (f"not offered, for the model's window is small: {', '.join(left_out)}",) if left_out else ()
        notices = (*((choice.note,) if choice.note else ()), *small, *notices)
        parts = self._parts(session_id, persona, model, tools, notices)
        head = head.model_copy(update={"mode": parts.policy.mode})
        file = store.SessionFile(folder / f"{session_id}.jsonl") if self.options.persist else None
        return self.options.session_type(head, parts, file=file)

    def _new_id(self, folder: Path) -> str:
        session_id = self.options.session_id or str(uuid4())
        if not store.is_id(session_id):
            raise UsageError(f"{session_id[:100]!r} is no session id", hint="Use letters, digits, dots, dashes and underscores")
        if self.options.persist and (folder / f"{session_id}.jsonl").exists():
            raise UsageError(f"There is a session {session_id} already", hint=f"Go on with it: mltui --resume {session_id}")
        return session_id

    def _previous(self, folder: Path) -> Path | None:
        if self.options.resume:
            return store.find(folder, self.options.resume)
        if self.options.continue_latest:
            latest = store.latest(folder)
            if latest is None:
                raise UsageError("There is no session to continue in this folder", hint="Leave out --continue to start one")
            return latest
        return None

    async def _resume(self, folder: Path, path: Path) -> Session:
        """Goes on with a session: its own system prompt and tools, so that requests only append to what was sent."""
        loaded = await asyncio.to_thread(store.load, path)
        head = loaded.events[0]
        assert isinstance(head, SessionStarted)
        with store.many_objects():
            transcript = Transcript.fold(loaded.events)
        persona = self._persona(self.options.persona or head.persona)
        self.roles.resume_effort(transcript.effort)
        model = await self.roles.named(self.options.model or transcript.model or head.model)
        self.roles.picked = self.roles.picked or model.info.id != self._choice(persona).id
        tools = [tool for tool in self._tools(persona) if tool.name in {known.name for known in head.tools}]
        if self.options.fork:
            fork_id = self._new_id(folder)
            forked = head.model_copy(update={"session_id": fork_id, "forked_from": head.session_id})
            file = store.copy(path, folder / f"{fork_id}.jsonl", forked) if self.options.persist else None
            head, transcript = forked, Transcript.fold([forked, *loaded.events[1:]])
        else:
            file = store.SessionFile(path) if self.options.persist else None
        if model.info.id != (transcript.model or head.model):
            chosen = changed(model.info, "chosen")  # who goes on with the session next goes on with this model
            transcript.apply(chosen)
            if file is not None:
                file.append(chosen)
        parts = self._parts(head.session_id, persona, model, tools, loaded.problems)
        if head.forked_from and self.options.fork:
            parts.experiments.draft(head.session_id).take_over(parts.experiments.draft(head.forked_from))
        return self.options.session_type(head, parts, file=file, transcript=transcript)

    def _persona(self, name: str) -> Persona:
        return personas.find(name, self._persona_folders(), self.environ)

    def _persona_problems(self, chosen: Persona) -> Iterator[str]:
        """What is wrong with persona files: all that cannot be read, and the details of the chosen one."""
        for problem in self._personas().problems:
            if problem.level == "error" or (problem.level == "warning" and problem.path == chosen.path):
                yield str(problem)

    def _personas(self) -> Personas:
        return personas.load_all(self._persona_folders(), self.environ)

    def _persona_folders(self) -> list[Path]:
        return personas.folders(self.loaded.project_root, paths.config_dir(self.environ), self.trusted)

    def _choice(self, persona: Persona) -> ModelChoice:
        """The flag, else the configuration or the environment, else the persona, else the default role."""
        if self.options.model:
            return registry.resolve(self.options.model, self.config, self.credentials)
        config = self.config
        named = self.loaded.origins.get("model.default", "default") != "default"
        if persona.model not in (None, "inherit") and not named:
            config = config.model_copy(update={"model": config.model.model_copy(update={"default": persona.model})})
        return registry.resolve_role("default", config, self.credentials)

    def _tools(self, persona: Persona) -> list[Tool]:
        """The tools that are offered: a persona, a flag or a caller can only take away."""
        chosen = [tool for tool in catalog() if self._offers(persona, tool.name)]
        if not (self.config.skills.offer and self.extensions.skills.listing()):
            chosen = [tool for tool in chosen if tool.name != "Skill"]
        return [WebSearch(search_host(self.config.web)) if tool.name == "WebSearch" else tool for tool in chosen]

    def _offers(self, persona: Persona, name: str) -> bool:
        if persona.tools is not None and not granted(name, persona.tools):
            return False
        if named(name, persona.disallowed_tools) or named(name, self.options.disallowed_tools):
            return False
        return self.options.restrict_tools is None or name in self.options.restrict_tools

    def _head(self, session_id: str, persona: Persona, model: Model, tools: list[Tool]) -> tuple[SessionStarted, tuple[str, ...]]:
        instructions = load_instructions(self.cwd, self.environ, self.trusted)
        others = colleagues.section(self._personas().personas, persona.name) if any(tool.name == "Task" for tool in tools) else ""
        skills = self.extensions.skills.listing() if any(tool.name == "Skill" for tool in tools) else ""
        system = self.options.system or self._system(persona, instructions.text, (others, skills))
        head = SessionStarted(
            session_id=session_id,
            cwd=str(self.cwd),
            model=model.info.id,
            persona=persona.name,
            mode=self.config.permissions.mode,
            version=__version__,
            system=system,
            tools=tuple(spec(tool) for tool in tools),
        )
        return head, instructions.warnings

    def _system(self, persona: Persona, instructions: str, extra: Sequence[str]) -> str:
        return prompt.build(
            persona=persona.body,
            cwd=self.cwd,
            today=date.today(),
            is_git=(self.loaded.project_root / ".git").exists(),
            instructions=instructions,
            experiments=self.config.experiments,
            extra=extra,
        )

    def _colleagues(self, gate: Gate) -> Colleagues:
        def system(persona: Persona, extra: Sequence[str]) -> str:
            skills = self.extensions.skills.listing() if self.config.skills.offer and self._offers(persona, "Skill") else ""
            return self._system(persona, load_instructions(self.cwd, self.environ, self.trusted).text, (*extra, skills))

        def tools(persona: Persona) -> list[Tool]:
            return [*self._tools(persona), *(tool for tool in gate.outside.servers.tools if self._offers(persona, tool.name))]

        return Colleagues(lambda: self._personas().personas, tools, system, gate.narrowed, self.roles.named)

    def _parts(self, session_id: str, persona: Persona, model: Model, tools: list[Tool], notices: tuple[str, ...]) -> Parts:
        root = self.loaded.project_root
        inside = (self.cwd, root) if self.cwd.is_relative_to(root) else (self.cwd,)
        workspace = Workspace(self.cwd, (*inside, *(folder.resolve() for folder in self.options.add_dirs)))
        experiments = Experiments.open(root, self.config)
        file = self._policy_file(root)
        policy = self._policy(persona, workspace, file)
        approver = PreApprover(self.approver, experiments, file, grants=self.options.in_advance)
        gate = Gate(
            tools,
            policy=policy,
            approver=approver,
            experiments=experiments,
            session_id=session_id,
            author=model.info.author,
            environ=self.environ,
            extensions=self.extensions,
        )
        approver.doubted, approver.quiet = gate.doubted, gate.quiet
        gate.small_model = partial(self.roles.make, "small")
        limits = self.config.limits
        if persona.max_turns is not None and limits.max_turns is None:
            limits = limits.model_copy(update={"max_turns": persona.max_turns})
        return Parts(
            model=model,
            make_model=self.roles.named,
            roles=self.roles,
            gate=gate,
            colleagues=self._colleagues(gate),
            policy=policy,
            experiments=experiments,
            workspace=workspace,
            limits=limits,
            compact_at=self.config.context.compact_at,
            titles=self.config.sessions.titles,
            border=TurnBorder(gate, partial(self._offers, persona), policy),
            commands=PersonCommands(gate, self.extensions),
            files=file_index(policy),
            persona_name=persona.name,
            ui=self.config.ui,
            notices=(
                *self.loaded.warnings,
                *self.extension_notices,
                *self._persona_problems(persona),
                *promotion_problems(experiments.root, self.config),
                *notices,
            ),
        )

    def _policy_file(self, root: Path) -> PolicyFile | None:
        """The approval policy of the command line, else the project's, which is the person's once they trust the folder."""
        if not self.options.in_advance:
            return None
        if self.options.policy is not None:
            return PolicyFile(self.options.policy.absolute())
        named = self.config.experiments.policy
        return PolicyFile(root / Path(named).expanduser()) if named and self.trusted else None

    def _policy(self, persona: Persona, workspace: Workspace, file: PolicyFile | None) -> Policy:
        mode: PermissionMode = self.config.permissions.mode
        if persona.permission_mode == "plan":
            mode = "plan"  # a persona narrows; a wider mode is the person's to choose
        if self.options.mode:
            mode = parse_mode(self.options.mode)
        for rule in self.options.disallowed_tools:
            Rule.parse(rule)  # a name that is no tool's would forbid nothing
        home = (paths.config_dir(self.environ), paths.state_dir(self.environ))
        return Policy.build(
            self.config.permissions,
            workspace,
            mode=mode,
            allow=(*self.options.allowed_tools, *(file.current().permissions if file else ())),
            deny=tuple(rule for rule in self.options.disallowed_tools if "(" in rule),
            guarded=home,
            obeyed=(file.path,) if file else (),
            readable=self.extensions.skills.folders,
            secret=(paths.config_dir(self.environ) / "auth.json",),
        )
