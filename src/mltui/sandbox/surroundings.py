"""What a machine holds that a command needs, and what it must not see: toolchains, caches, credentials, sockets."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mltui.config import paths
from mltui.config.schema import Sandbox as Settings

TOOLCHAINS = (
    ".pyenv", ".rbenv", ".asdf", ".nvm", ".volta", ".bun", ".deno", ".sdkman", ".rustup", ".cargo", ".julia", ".conda", ".elan", ".ghcup",
    "miniconda3", "anaconda3", "mambaforge", "miniforge3", "micromamba", "go", ".local/bin", ".local/lib", ".local/pipx",
    ".local/share/uv", ".local/share/pipx", ".local/share/mise", ".local/share/pypoetry", ".local/share/virtualenv",
    ".local/share/virtualenvs", ".local/share/jupyter", ".local/share/pnpm", ".local/share/fnm", ".local/share/hatch",
    ".gitconfig", ".config/git", ".config/mise", ".config/matplotlib",
)  # fmt: skip
"""What stays visible of the home folder, read-only."""

CACHES = (
    ".cache", ".cargo/registry", ".cargo/git", ".npm", ".triton", ".keras", ".nv", ".cupy", "nltk_data", "scikit_learn_data",
    ".m2/repository", ".gradle/caches", "go/pkg",
)  # fmt: skip
"""What can be written to in the home folder."""

CREDENTIALS = (
    ".ssh", ".gnupg", ".aws", ".azure", ".config/gcloud", ".config/gh", ".config/hub", ".config/rclone", ".config/op", ".oci", ".kube",
    ".docker", ".config/containers", ".netrc", ".git-credentials", ".config/git/credentials", ".kaggle", ".config/kaggle", ".huggingface",
    ".cache/huggingface/token", ".cache/huggingface/stored_tokens", ".mlflow", ".config/wandb", ".config/neptune", ".comet.config",
    ".databrickscfg", ".databricks", ".modal.toml", ".config/litellm", ".pypirc", ".npmrc", ".yarnrc.yml", ".condarc",
    ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml", ".s3cfg", ".boto", ".pgpass", ".my.cnf",
    ".password-store", ".vault-token", ".terraform.d", ".local/share/keyrings", ".claude", ".claude.json", ".codex", ".gemini",
    ".mozilla", ".config/google-chrome", ".config/chromium", ".cache/mozilla", ".cache/google-chrome", ".cache/chromium", ".Xauthority",
    ".bash_history", ".zsh_history", ".python_history",
)  # fmt: skip
"""What is hidden in the home folder, also where the home folder is the workspace."""

_TOOL_VARIABLES = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_ROOT", "NVM_DIR", "CARGO_HOME", "RUSTUP_HOME", "JAVA_HOME", "CUDA_HOME", "GOROOT")
_CACHE_VARIABLES = (
    "TMPDIR", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "TRANSFORMERS_CACHE", "TORCH_HOME", "PIP_CACHE_DIR",
    "UV_CACHE_DIR", "MPLCONFIGDIR", "NLTK_DATA", "KERAS_HOME", "TRITON_CACHE_DIR", "NUMBA_CACHE_DIR", "CUDA_CACHE_PATH",
)  # fmt: skip
_CREDENTIAL_VARIABLES = (
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AZURE_CONFIG_DIR", "CLOUDSDK_CONFIG", "DOCKER_CONFIG", "GNUPGHOME",
    "GOOGLE_APPLICATION_CREDENTIALS", "HF_TOKEN_PATH", "KAGGLE_CONFIG_DIR", "KUBECONFIG", "NETRC", "PGPASSFILE", "SSH_AUTH_SOCK",
    "XAUTHORITY", "DATABRICKS_CONFIG_FILE",
)  # fmt: skip

DOORS = frozenset({
    "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "DOCKER_HOST",
    "CONTAINER_HOST", "XDG_RUNTIME_DIR", "TMUX", "TMUX_PANE", "STY", "VSCODE_IPC_HOOK_CLI", "VSCODE_GIT_IPC_HANDLE", "KITTY_LISTEN_ON",
    "WAYLAND_DISPLAY", "DISPLAY", "XAUTHORITY", "GIT_ASKPASS", "SSH_ASKPASS",
})  # fmt: skip
"""Variables that lead to a server which would act outside the sandbox for whoever asks."""

_SOCKET_FOLDERS = ("/run/user", "/run/screen", "/run/podman", "/run/containerd", "/run/crio", "/run/libvirt", "/run/tmux")
_SOCKETS = ("/run/docker.sock", "/run/snapd.socket", "/run/dbus/system_bus_socket", "/run/systemd/private")
_DOOR = re.compile(r"(tmux|emacs|zellij)-?\d+|ssh-\w{6,12}|gpg-\w{6,12}|screens?|\.(X11|ICE)-unix|(kitty|dbus|vscode-ipc)-.*")
"""Names in the folder for temporary files, as those programs make them."""
_SYSTEM = frozenset({
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/run", "/sbin", "/sys",
    "/usr", "/var",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine as every command sees it.

    Attributes:
        homes: the person's home folder; two where HOME says something else than the system.
        table: what holds at which path, before anything that a command's own confinement says.
    """

    homes: tuple[str, ...]
    table: Mapping[str, Literal["hidden", "read", "write"]] = field(repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str], settings: Settings) -> Surroundings:
        homes = tuple(dict.fromkeys(_homes(environ)))
        table: dict[str, Literal["hidden", "read", "write"]] = dict.fromkeys(homes, "hidden")
        table.update(dict.fromkeys(("/tmp", "/var/tmp"), "write"))  # noqa: S108
        for home in homes:
            table.update((path, "read") for path in _both(home, TOOLCHAINS))
            table.update((path, "write") for path in _both(home, CACHES))
        table.update((path, "read") for path in _programs(environ, homes))
        # mltui itself, which looks into the Pythons of commands by a module of its own.
        table[str(Path(__file__).resolve().parent.parent)] = "read"
        table.update((path, "read") for path in _named(environ, _TOOL_VARIABLES, homes))
        table.update((path, "write") for path in _named(environ, _CACHE_VARIABLES, homes))
        for home in homes:
            table.update((path, "hidden") for path in _both(home, CREDENTIALS))
        hidden = (*_named(environ, _CREDENTIAL_VARIABLES, homes), *_own(environ), *_token_files(environ))
        table.update((path, "hidden") for path in hidden)
        table.update((path, "read") for path in _settled(settings.read, homes))
        table.update((path, "write") for path in _settled(settings.write, homes))
        # What is hidden may come later, and is looked for before each command.
        return cls(homes, {path: access for path, access in table.items() if access == "hidden" or Path(path).exists()})

    def sockets(self) -> Iterator[str]:
        """Folders and sockets, there now, behind which something acts outside: a terminal multiplexer, an agent with keys, Docker."""
        yield from (path for path in (*_SOCKET_FOLDERS, *_SOCKETS) if os.path.lexists(path))
        try:
            with os.scandir("/tmp") as entries:  # noqa: S108
                for entry in entries:
                    if _DOOR.fullmatch(entry.name) or _is_socket(entry):
                        yield entry.path
        except OSError:
            return


def virtual_environments(folders: Sequence[str]) -> Iterator[str]:
    """Where the Pythons lie that the folders' virtual environments were made from."""
    for folder in folders:
        for name in (".venv", "venv", "env"):
            try:
                text = (Path(folder) / name / "pyvenv.cfg").read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            for line in text.splitlines():
                key, _, value = line.partition("=")
                if key.strip() == "home" and (place := _installation(value.strip())):
                    yield place


def _installation(program_folder: str) -> str | None:
    """The folder of a Python by that of its program. The text comes from the project, which must not open what it likes."""
    if not program_folder.startswith("/"):
        return None
    place = Path(program_folder).resolve().parent
    is_python = (place / "bin" / "python3").exists() and any((place / "lib").glob("python3*/os.py"))
    return str(place) if is_python and str(place) not in _SYSTEM else None


def _homes(environ: Mapping[str, str]) -> Iterator[str]:
    said = [environ.get("HOME", "")]
    with contextlib.suppress(KeyError):  # a container's user without a name
        said.append(pwd.getpwuid(os.getuid()).pw_dir)
    for home in said:
        place = os.path.realpath(home) if home.startswith("/") else "/"
        if place not in _SYSTEM and Path(place).is_dir():
            yield place


def _both(home: str, names: Sequence[str]) -> Iterator[str]:
    """Each place in the home folder, and where a link there leads."""
    for name in names:
        path = f"{home}/{name}"
        yield path
        real = os.path.realpath(path)
        if real != path and _harmless(real, (home,)):
            yield real


def _programs(environ: Mapping[str, str], homes: Sequence[str]) -> Iterator[str]:
    """Folders inside the home folder with programs that are on PATH, with the rest of their installation."""
    found = [*environ.get("PATH", "").split(os.pathsep), f"{sys.prefix}/bin", f"{sys.base_prefix}/bin"]
    for entry in found:
        place = os.path.realpath(entry) if entry.startswith("/") else "/"
        if any(place.startswith(f"{home}/") for home in homes):
            above, _, name = place.rpartition("/")
            yield above if name == "bin" and _harmless(above, homes) else place


def _named(environ: Mapping[str, str], names: Sequence[str], homes: Sequence[str]) -> Iterator[str]:
    """What variables name, a list of paths each; nothing that would open a home folder or the system as a whole."""
    for name in names:
        for part in environ.get(name, "").split(os.pathsep):
            if part.startswith("/") and _harmless(place := os.path.realpath(part), homes):
                yield place


def _token_files(environ: Mapping[str, str]) -> Iterator[str]:
    for name in ("HF_HOME", "XDG_CACHE_HOME"):
        if (place := environ.get(name, "")).startswith("/"):
            base = os.path.realpath(place) + ("/huggingface" if name == "XDG_CACHE_HOME" else "")
            yield from (f"{base}/token", f"{base}/stored_tokens")


def _own(environ: Mapping[str, str]) -> Iterator[str]:
    """mltui's own folders: credentials, settings, trust, sessions."""
    for place in (paths.config_dir(environ), paths.state_dir(environ)):
        yield os.path.realpath(place)


def _settled(names: Sequence[str], homes: Sequence[str]) -> Iterator[str]:
    for name in names:
        place = f"{homes[0]}{name[1:]}" if homes and (name == "~" or name.startswith("~/")) else name
        if place.startswith("/"):
            yield os.path.realpath(place)


def _harmless(place: str, homes: Sequence[str]) -> bool:
    return place not in _SYSTEM and not any(home == place or home.startswith(f"{place}/") for home in homes)


def _is_socket(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.is_dir(follow_symlinks=False) and not entry.is_file() and stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return False
