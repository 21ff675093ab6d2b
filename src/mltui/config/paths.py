"""Where mltui keeps things: the person's folders and the project's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path


def config_dir(environ: Mapping[str, str]) -> Path:
    """The person's own configuration folder: `MLTUI_HOME`, else the platform's place for it."""
    home = environ.get("MLTUI_HOME")
    if home:
        return Path(home).expanduser()
    import platformdirs

    return platformdirs.user_config_path("mltui")


def state_dir(environ: Mapping[str, str]) -> Path:
    """Where mltui writes what it remembers: `MLTUI_HOME`, else the platform's place for state."""
    home = environ.get("MLTUI_HOME")
    if home:
        return Path(home).expanduser()
    import platformdirs

    return platformdirs.user_state_path("mltui")


def user_config_file(environ: Mapping[str, str]) -> Path:
    return config_dir(environ) / "config.toml"


def project_root(cwd: Path) -> Path:
    """The nearest folder at or above `cwd` that holds `.git`, else `cwd` itself; absolute and resolved."""
    cwd = cwd.resolve()
    return next((folder for folder in (cwd, *cwd.parents) if (folder / ".git").exists()), cwd)


def folders_from_root(cwd: Path) -> list[Path]:
    """The project's root, then each folder on the way down to `cwd`."""
    root, folder = project_root(cwd), cwd.resolve()
    chain = [folder]
    while folder != root:
        folder = folder.parent
        chain.append(folder)
    return chain[::-1]


def project_state(root: Path) -> Path:
    """The project's own state folder; it need not exist."""
    return root / ".mltui"


def ensure_project_state(root: Path) -> Path:
    """Makes the project's state folder, which git ignores by the folder's own .gitignore."""
    state = project_state(root)
    state.mkdir(parents=True, exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return state


def sessions_dir(root: Path, environ: Mapping[str, str]) -> Path:
    """The folder of a project's sessions: named after the project, told apart by the digest of its path."""
    root = root.resolve()
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:8]
    return state_dir(environ) / "sessions" / f"{root.name or 'root'}-{digest}"
