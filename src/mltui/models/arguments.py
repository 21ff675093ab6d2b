"""A request as the keyword arguments of LiteLLM, and the key that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mltui.config.schema import ModelSettings
from mltui.models import catalogue
from mltui.models.base import ModelRequest
from mltui.models.conversation import Dialect, Wire, wire_tools
from mltui.models.credentials import base_url_for, credentials_for, variables_of
from mltui.models.failures import missing_credentials


def arguments(
    request: ModelRequest, messages: list[Wire], settings: ModelSettings, provider: str, dialect: Dialect, environ: Mapping[str, str]
) -> dict[str, Any]:
    """Keyword arguments of `litellm.acompletion`; what is None is left out.

    Args:
        messages: of the request, in the words of the chat-completions protocol.

    Raises:
        AuthError: there are no credentials, and the provider needs some.
    """
    effort = settings.reasoning_effort
    if request.force_tool and dialect.signed_thinking:
        effort = None  # Claude refuses a forced tool while it thinks
    force = {"type": "function", "function": {"name": request.force_tool}} if request.force_tool else None
    api_base = settings.api_base or base_url_for(provider, environ)
    if api_base and provider == "anthropic":
        api_base = api_base.rstrip("/").removesuffix("/v1")  # LiteLLM adds /v1/messages
    # Kept nowhere but here: its thinking comes encrypted and is sent back with the history.
    sealed = _responses(settings.id, provider)
    given: dict[str, Any] = {
        "model": settings.id,
        "messages": messages,
        "tools": wire_tools(request.tools, dialect) or None,
        "tool_choice": force,
        "api_base": api_base,
        "api_key": _api_key(settings, provider, api_base, environ),
        "temperature": settings.temperature,
        "reasoning_effort": effort,
        "max_tokens": settings.max_output_tokens,
        "include": ["reasoning.encrypted_content"] if sealed else None,
        "store": False if sealed else None,
    }
    return {name: value for name, value in given.items() if value is not None} | settings.extra


def _responses(id: str, provider: str) -> bool:
    """Whether LiteLLM asks the model by the Responses protocol."""
    return provider == "openai" and ("responses/" in id or bool((listed := catalogue.limits(id)) and listed.responses))


def _api_key(settings: ModelSettings, provider: str, api_base: str | None, environ: Mapping[str, str]) -> str | None:
    """The key to send, or None where LiteLLM finds the credentials itself (clouds with more than a key)."""
    if variable := settings.api_key_env:
        if not (key := environ.get(variable)):
            raise missing_credentials(provider, settings.id, variable)
        return key
    found = credentials_for(provider, environ)
    if found and found.endswith(("_API_KEY", "HF_TOKEN")):
        return environ[found]
    if not found and api_base:
        return "none"  # a server of one's own may want no key, but LiteLLM wants one to send
    if not found and variables_of(provider):
        raise missing_credentials(provider, settings.id)
    return None
