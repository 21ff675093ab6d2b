"""Keys that mltui keeps for a person: in the system's keyring, else in a file that only they can read.

`auth.json` in the configuration folder says which providers there are keys for. A key stands in it only where there was
no keyring. Project files never hold keys, and programs that the agent starts never get those kept here.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal, cast

from mltui.config import paths
from mltui.core.errors import AuthError, ConfigError
from mltui.models.credentials import variables_of

SERVICE = "mltui"
"""The name that the keys have in the keyring; the account is the provider."""

Where = Literal["keyring", "file"]


class KeyStore:
    """The kept keys of one person. Methods block: a keyring may ask the person to unlock it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.path = paths.config_dir(environ) / "auth.json"

    def providers(self) -> dict[str, Where]:
        """Provider to where its key is kept. Raises: ConfigError: the file cannot be read, or others may read it."""
        return {provider: "file" if entry.get("key") else "keyring" for provider, entry in self._entries().items()}

    def get(self, provider: str) -> str | None:
        """The key, or None where none is kept.

        Raises: ConfigError: as `providers`; AuthError: the keyring does not give it out.
        """
        entry = self._entries().get(provider)
        if entry is None:
            return None
        return str(entry["key"]) if entry.get("key") else _from_keyring(provider)

    def put(self, provider: str, key: str, *, file: bool = False) -> Where:
        """Keeps a key, in the keyring if there is one and `file` does not say otherwise. Returns: where."""
        entries = self._entries()
        where: Where = "keyring" if not file and _to_keyring(provider, key) else "file"
        entries[provider] = {"key": key} if where == "file" else {}
        self._write(entries)
        return where

    def remove(self, provider: str) -> bool:
        """Forgets a key. Returns: whether there was one."""
        entries = self._entries()
        entry = entries.pop(provider, None)
        if entry is None:
            return False
        if not entry.get("key"):
            _drop_from_keyring(provider)
        self._write(entries)
        return True

    def _entries(self) -> dict[str, dict[str, Any]]:
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise ConfigError(f"{self.path} can be read by others, so the keys in it may be known", hint=f"chmod 600 {self.path}")
                content: Any = json.loads(file.read())
            found = content["keys"]
            return {str(name): dict(entry) for name, entry in cast("dict[str, dict[str, Any]]", found).items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"cannot read {self.path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError(f"{self.path} is not what mltui writes", hint="remove it and log in again: mltui auth login") from None

    def _write(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        """Beside the file and then in its place, so that a crash leaves the old or the new one; never readable by others."""
        temporary = self.path.with_name(f".auth.{secrets.token_hex(6)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"version": 1, "keys": entries}, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise ConfigError(f"cannot write {self.path}: {error.strerror}", hint="set MLTUI_HOME to a writable folder") from None


class Credentials(Mapping[str, str]):
    """The environment, and behind it the kept keys under the names of their variables.

    A provider for which any variable is set is asked with that; its kept key is not looked at.
    """

    def __init__(self, environ: Mapping[str, str], store: KeyStore | None = None) -> None:
        """Raises: ConfigError: as `KeyStore.providers`."""
        self._environ = environ
        self._store = store or KeyStore(environ)
        kept = self._store.providers()
        self._kept = {variables_of(name)[0]: name for name in kept if variables_of(name) and not any(map(environ.get, variables_of(name)))}
        self._read: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if (provider := self._kept.get(name)) is None:
            return self._environ[name]
        if name not in self._read:
            key = self._store.get(provider)
            if key is None:
                raise KeyError(name)
            self._read[name] = key
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._environ, **self._kept})

    def __len__(self) -> int:
        return len({**self._environ, **self._kept})


def _keyring() -> Any:
    """The keyring's module, or None where there is no keyring that keeps anything."""
    try:
        import keyring  # loads its backends, some of which talk to the desktop
        from keyring.backends import fail, null

        chosen = keyring.get_keyring()
    except Exception:  # a backend may fail in any way
        return None
    return None if isinstance(chosen, (fail.Keyring, null.Keyring)) or chosen.priority < 1 else keyring


def _to_keyring(provider: str, key: str) -> bool:
    """Returns: whether the keyring took the key and gives it back."""
    if (ring := _keyring()) is None:
        return False
    try:
        ring.set_password(SERVICE, provider, key)
        return ring.get_password(SERVICE, provider) == key
    except Exception:  # locked, or no session to ask
        return False


def _from_keyring(provider: str) -> str | None:
    hint = f"unlock it, set {variables_of(provider)[0]}, or keep the key in a file: mltui auth login {provider} --file"
    if (ring := _keyring()) is None:
        raise AuthError(f"the key for {provider} is in the keyring, and there is none here", hint=hint)
    try:
        found: str | None = ring.get_password(SERVICE, provider)
    except Exception as error:
        raise AuthError(f"the keyring does not give out the key for {provider}: {error}", hint=hint) from None
    return found


def _drop_from_keyring(provider: str) -> None:
    if (ring := _keyring()) is not None:
        with suppress(Exception):  # gone already, or locked: it is forgotten here in any case
            ring.delete_password(SERVICE, provider)
