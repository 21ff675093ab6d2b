"""`mltui auth`: keys that mltui keeps, so that they need not stand in the environment."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from mltui.core.errors import MltuiError, UsageError
from mltui.models import registry
from mltui.models.credentials import credentials_for, variables_of
from mltui.models.key_store import KeyStore

LONGEST_KEY = 8192


@click.group(epilog="Example: `mltui auth login anthropic`")
def auth() -> None:
    """Keep, show and forget keys of model providers."""


@auth.command(epilog="Example: `pass show anthropic | mltui auth login anthropic`")
@click.argument("provider", required=False)
@click.option("--file", "in_file", is_flag=True, help="Keep the key in a file of mode 0600, not in the keyring.")
def login(provider: str | None, in_file: bool) -> int:
    """Keep a key. It is read from a hidden prompt, or from stdin if that is no terminal; never from the command line."""
    name = _single_key(provider or _default_provider())
    key = _read_key(name)
    store = KeyStore(os.environ)
    where = store.put(name, key, file=in_file)
    place = "the system's keyring" if where == "keyring" else f"{store.path} (mode 0600)"
    click.echo(f"The key for {name} is in {place}", err=True)
    if found := credentials_for(name, os.environ):
        click.echo(f"{found} is set and comes first: unset it to use the kept key", err=True)
    return 0


@auth.command(epilog="Example: `mltui auth status --json`")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(as_json: bool) -> int:
    """Say where the key of each provider comes from; keys are never shown. Ends with 41 if the default model's is missing."""
    rows = list(_rows())
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
    else:
        width = max((len(row.provider) for row in rows), default=0)
        for row in rows:
            click.echo(f"{row.provider:<{width}}  {row.source}" + (f"  (for {', '.join(row.roles)})" if row.roles else ""))
    return 41 if any(row.missing and "default" in row.roles for row in rows) else 0


@auth.command(epilog="Example: `mltui auth logout anthropic`")
@click.argument("provider", required=False)
@click.option("--all", "everything", is_flag=True, help="Forget all keys.")
def logout(provider: str | None, everything: bool) -> int:
    """Forget a kept key."""
    store = KeyStore(os.environ)
    if not provider and not everything:
        kept = list(store.providers())
        if len(kept) != 1:
            raise UsageError("Say which key to forget", hint=f"there are {', '.join(kept)}, or --all" if kept else "no key is kept")
        provider = kept[0]
    names = list(store.providers()) if everything else [str(provider)]
    for name in names:
        if not store.remove(name):
            raise UsageError(f"No key is kept for {name}", hint="mltui auth status")
        click.echo(f"The key for {name} is forgotten", err=True)
        if found := credentials_for(name, os.environ):
            click.echo(f"{found} is still set", err=True)
    return 0


@dataclass(frozen=True, slots=True)
class _Row:
    provider: str
    source: str
    missing: bool
    roles: tuple[str, ...]


def _rows() -> Iterator[_Row]:
    kept = KeyStore(os.environ).providers()
    roles = _roles()
    from mltui.models.credentials import known_providers

    set_here = [name for name in known_providers() if credentials_for(name, os.environ)]
    for name in dict.fromkeys([*roles, *kept, *set_here]):
        found = credentials_for(name, os.environ)
        if found:
            source = f"{found} in the environment"
        elif name in kept:
            source = "the system's keyring" if kept[name] == "keyring" else "auth.json (mode 0600)"
        elif not variables_of(name):
            source = "needs no key"
        else:
            source = f"no key: mltui auth login {name}, or set {variables_of(name)[0]}"
        yield _Row(name, source, not found and name not in kept and bool(variables_of(name)), tuple(roles.get(name, ())))


def _roles() -> dict[str, list[str]]:
    """Provider to the roles whose configured models it serves."""
    from mltui.config import loader, trust

    cwd = Path.cwd()
    config = loader.load(cwd, os.environ, {}, trust.is_trusted(cwd, os.environ)).config
    found: dict[str, list[str]] = {}
    named = {"default": os.environ.get("CODING_AGENT_MODEL") or config.model.default, "architect": config.model.architect}
    named |= {"small": config.model.small} | {f"fallback {place}": name for place, name in enumerate(config.model.fallback, 1)}
    for role, name in named.items():
        try:
            choice = registry.resolve(name, config, os.environ)
        except MltuiError:
            continue  # `mltui doctor` and the session say what is wrong with it
        if choice.kind == "litellm" and (provider := registry.provider_of(choice.id)):
            found.setdefault(provider, []).append(role)
    return found


def _default_provider() -> str:
    return next((provider for provider, roles in _roles().items() if "default" in roles), "anthropic")


def _single_key(provider: str) -> str:
    """Raises: UsageError: there is no such provider, or its credentials are more than one key."""
    from mltui.models import catalogue

    name = provider.strip().lower()
    if name not in catalogue.providers():
        import difflib

        near = difflib.get_close_matches(name, catalogue.providers(), n=1)
        raise UsageError(
            f"There is no provider {provider}", hint=f"Did you mean {near[0]}?" if near else "such as anthropic, openai, gemini"
        )
    variables = variables_of(name)
    if not variables:
        raise UsageError(f"{name} needs no key")
    if not variables[0].endswith(("_API_KEY", "HF_TOKEN")):
        raise UsageError(f"The credentials of {name} are more than one key", hint=f"set {' or '.join(variables)}")
    return name


def _read_key(provider: str) -> str:
    if sys.stdin.isatty():
        import getpass

        text = getpass.getpass(f"Key for {provider} (it is not shown): ", stream=sys.stderr)
    else:
        text = sys.stdin.read(LONGEST_KEY + 2)
    key = text.strip()
    if not key or len(key) > LONGEST_KEY or any(char.isspace() or not char.isprintable() for char in key):
        raise UsageError("That is no key" if key else "There is no key on stdin", hint="one line without blanks")
    return key
