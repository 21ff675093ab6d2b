"""Keys that mltui keeps."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked, PasswordDeleteError

from mltui.core.errors import AuthError, ConfigError
from mltui.models.key_store import Credentials, KeyStore


class Memory(KeyringBackend):
    priority = 9  # type: ignore[assignment]

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked("locked")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


@pytest.fixture
def ring() -> Iterator[Memory]:
    before, memory = keyring.get_keyring(), Memory()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


@pytest.fixture
def no_ring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"MLTUI_HOME": str(tmp_path / "home")}


def test_the_keyring_comes_first(environ: dict[str, str], ring: Memory) -> None:
    store = KeyStore(environ)
    assert store.put("anthropic", "sk-1") == "keyring"
    assert "sk-1" not in store.path.read_text()
    assert store.providers() == {"anthropic": "keyring"}
    assert Credentials(environ)["ANTHROPIC_API_KEY"] == "sk-1"
    assert store.remove("anthropic")
    assert not ring.kept
    assert not store.remove("anthropic")


@pytest.mark.usefixtures("no_ring")
def test_without_a_keyring_a_file_that_only_the_person_reads(environ: dict[str, str]) -> None:
    store = KeyStore(environ)
    assert store.put("openai", "sk-2") == "file"
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert [entry.name for entry in store.path.parent.iterdir()] == ["auth.json"]
    assert Credentials(environ)["OPENAI_API_KEY"] == "sk-2"
    store.path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        store.get("openai")


def test_a_file_on_request_and_a_locked_keyring(environ: dict[str, str], ring: Memory) -> None:
    store = KeyStore(environ)
    assert store.put("xai", "sk-3", file=True) == "file"
    assert store.put("groq", "sk-4") == "keyring"
    ring.locked = True
    assert store.put("mistral", "sk-5") == "file"
    assert store.get("xai") == "sk-3"
    with pytest.raises(AuthError, match="GROQ_API_KEY"):
        store.get("groq")


@pytest.mark.usefixtures("no_ring")
def test_the_environment_comes_before_what_is_kept(environ: dict[str, str]) -> None:
    KeyStore(environ).put("anthropic", "kept")
    assert Credentials(environ | {"ANTHROPIC_API_KEY": "own"})["ANTHROPIC_API_KEY"] == "own"
    assert "ANTHROPIC_API_KEY" not in Credentials(environ | {"ANTHROPIC_AUTH_TOKEN": "own"})
    found = Credentials(environ | {"OTHER": "1"})
    assert set(found) == {"ANTHROPIC_API_KEY", "MLTUI_HOME", "OTHER"}
    assert len(found) == 3
    assert found.get("NONE") is None


@pytest.mark.parametrize("content", ["", "[]", '{"keys": []}', '{"keys": {"a": "b"}}', "\xff"])
def test_a_foreign_file_says_what_to_do(environ: dict[str, str], content: str) -> None:
    store = KeyStore(environ)
    store.path.parent.mkdir()
    store.path.write_text(content)
    store.path.chmod(0o600)
    with pytest.raises(ConfigError, match="mltui auth login"):
        store.providers()


@pytest.mark.usefixtures("no_ring")
def test_a_key_that_went_from_the_keyring(environ: dict[str, str]) -> None:
    store = KeyStore(environ)
    store.put("anthropic", "x")
    store.path.write_text(json.dumps({"keys": {"anthropic": {}}}))
    with pytest.raises(AuthError, match="there is none here"):
        Credentials(environ)["ANTHROPIC_API_KEY"]
