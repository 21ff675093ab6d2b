"""What is promoted: a registered model, or the production prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltui.config.schema import Config
from mltui.core.errors import ConfigError, ExperimentError, UsageError
from mltui.experiments.kept_models import model_digest
from mltui.experiments.promotion_history import CHAMPION, PREVIOUS, PRODUCTION

_ALIAS = re.compile(r"[A-Za-z][\w-]{0,99}", re.ASCII)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Target:
    """Attributes: name: of the registered model, or the production prompt's path below the project."""

    kind: Literal["model", "prompt"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def alias(self) -> str:
        """The alias that stands for what is in use."""
        return CHAMPION if self.kind == "model" else PRODUCTION

    @classmethod
    def parse(cls, text: str) -> Target:
        kind, _, name = text.partition(":")
        return cls("prompt" if kind == "prompt" else "model", name)


def find_target(name: str, config: Config, root: Path) -> Target:
    """The target that a person means: `prompt` or its path, a model's name, or what the project has where nothing is said.

    Raises: UsageError: no name that a registry would take, or no production prompt.
    """
    section = config.promotion
    if name == "prompt" or (section.prompt and name == section.prompt):
        if not section.prompt:
            raise UsageError("no production prompt is declared", hint='Write prompt = "prompts/production.md" under [promotion]')
        return Target("prompt", section.prompt)
    if not name and section.prompt and not section.artifact:
        return Target("prompt", section.prompt)
    chosen = name or model_name(config, root)
    if not chosen.strip() or any(sign in chosen for sign in "/:") or not chosen.isprintable() or len(chosen) > _LONGEST_NAME:
        raise UsageError(f"{chosen!r} is no name for a registered model", hint="Leave out `/` and `:`, and use at most 200 characters")
    return Target("model", chosen)


def model_name(config: Config, root: Path) -> str:
    """The registered model's name, by default the project folder's."""
    return config.promotion.model.strip() or root.absolute().name or "project"


def prompt_name(target: Target, config: Config, root: Path) -> str:
    """The prompt's name in MLflow's registry, which takes letters, digits, `-`, `_` and `.` only."""
    return re.sub(r"[^\w.-]+", "-", f"{model_name(config, root)}.{Path(target.name).stem}", flags=re.ASCII).strip("-.")


def check_alias(alias: str, target: Target) -> str:
    """The alias to give. Raises: UsageError: none that a person may give, or that MLflow takes."""
    if not alias or alias == target.alias:
        return target.alias
    if target.kind == "prompt":
        raise UsageError(f"a prompt has the alias {PRODUCTION} alone", hint="Leave out --alias")
    if alias == PREVIOUS:
        raise UsageError(f"{PREVIOUS} follows {CHAMPION} by itself", hint="To go back to it: mltui promote rollback --previous")
    if not _ALIAS.fullmatch(alias) or alias == "latest" or re.fullmatch(r"v\d+", alias):
        raise UsageError(f"{alias!r} is no alias that MLflow takes", hint="Use letters, digits, - and _, and not `latest` or `v1`")
    return alias


def inside(root: Path, relative: str) -> Path:
    """The absolute path of a file of the project. Raises: ConfigError: it leads out of it."""
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ConfigError(f"{relative} lies outside the project", hint="Name a path below it in [promotion]")
    return path


def digest_of(path: Path) -> str:
    """SHA-256 of a model, made as it was when the run's model was kept.

    Raises: ExperimentError: it cannot be read, or holds a link or a special file, which no run's kept model does.
    """
    try:
        for member in (path, *(path.rglob("*") if path.is_dir() else ())):
            if member.is_symlink() or not (member.is_file() or member.is_dir()):
                raise ExperimentError(f"{member} is a link, or neither a file nor a folder")
        return model_digest(path)
    except OSError as error:
        raise ExperimentError(f"{path} cannot be read: {error.strerror}") from error
