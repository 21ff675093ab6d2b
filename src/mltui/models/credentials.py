"""Which environment variables hold a provider's credentials and address. The values are never kept or shown."""

from __future__ import annotations

from collections.abc import Mapping

OWN_VARIABLE = "EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER"
"""A switch of LiteLLM that mltui sets for its own process; programs that the agent starts should not inherit it."""

_VARIABLES: dict[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "azure": ("AZURE_API_KEY", "AZURE_AD_TOKEN"),
    "azure_ai": ("AZURE_AI_API_KEY",),
    "bedrock": ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "huggingface": ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
    "vertex_ai": ("GOOGLE_APPLICATION_CREDENTIALS", "VERTEXAI_PROJECT", "VERTEX_PROJECT"),
}
"""Where the name is not simply `PROVIDER_API_KEY`; any one of them is enough."""

_WITHOUT = frozenset({"ollama", "ollama_chat", "lm_studio", "hosted_vllm", "vllm", "llamafile", "docker_model_runner", "xinference"})
"""Servers of one's own, which ask for no key."""

_BASES: dict[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
}


def variables_of(provider: str) -> tuple[str, ...]:
    """The environment variables that may hold credentials for a provider, the usual one first; none if it needs none."""
    if provider in _WITHOUT:
        return ()
    return _VARIABLES.get(provider, (f"{provider.upper().replace('-', '_')}_API_KEY",))


def credentials_for(provider: str, environ: Mapping[str, str]) -> str | None:
    """The name of the variable that holds the provider's credentials now, or None."""
    return next((name for name in variables_of(provider) if environ.get(name)), None)


def base_url_for(provider: str, environ: Mapping[str, str]) -> str | None:
    """The provider's address from the environment, where it is not the provider's own."""
    return next((environ[name] for name in _BASES.get(provider, ()) if environ.get(name)), None)


def known_providers() -> tuple[str, ...]:
    """Providers that people commonly have credentials for."""
    usual = ("anthropic", "openai", "gemini", "mistral", "deepseek", "xai", "groq", "openrouter", "cohere", "moonshot")
    return tuple(dict.fromkeys((*usual, *_VARIABLES)))
