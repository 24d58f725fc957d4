"""Providers that are known by name: where they are, which variable holds their key, what they serve unasked.

Addresses of servers that speak OpenAI's API, as their documentation gives them. Reads no environment itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flowray.handlers.providers.provider import OPENAI_URL, Kind, Provider


@dataclass(frozen=True)
class Preset:
    """``key_variables``: where the key usually is, first come first served; empty for servers that want none.

    With ``address_variable`` the address is what it holds, and ``path`` behind it.
    """

    base_url: str | None
    key_variables: tuple[str, ...] = ()
    models: Mapping[Kind, str] = field(default_factory=dict)
    address_variable: str | None = None
    path: str = ""


PRESETS: Mapping[str, Preset] = {
    "openai": Preset(
        OPENAI_URL, ("OPENAI_API_KEY",),
        {
            "chat": "gpt-4o-mini", "embedding": "text-embedding-3-small", "image": "gpt-image-1",
            "speech": "gpt-4o-mini-tts", "transcription": "whisper-1",
        },
    ),
    "anthropic": Preset("https://api.anthropic.com/v1/", ("ANTHROPIC_API_KEY",), {"chat": "claude-sonnet-4-5"}),
    "google": Preset(
        "https://generativelanguage.googleapis.com/v1beta/openai/", ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        {"chat": "gemini-2.5-flash", "embedding": "gemini-embedding-001"},
    ),
    "azure": Preset(
        None, ("AZURE_OPENAI_API_KEY",), address_variable="AZURE_OPENAI_ENDPOINT", path="/openai/v1/",
    ),
    "openrouter": Preset("https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), {"chat": "openrouter/auto"}),
    "groq": Preset(
        "https://api.groq.com/openai/v1", ("GROQ_API_KEY",),
        {"chat": "llama-3.3-70b-versatile", "transcription": "whisper-large-v3"},
    ),
    "mistral": Preset(
        "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",),
        {"chat": "mistral-small-latest", "embedding": "mistral-embed"},
    ),
    "deepseek": Preset("https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",), {"chat": "deepseek-chat"}),
    "xai": Preset("https://api.x.ai/v1", ("XAI_API_KEY",), {"chat": "grok-4"}),
    "cohere": Preset(
        "https://api.cohere.ai/compatibility/v1", ("COHERE_API_KEY", "CO_API_KEY"),
        {"chat": "command-a-03-2025", "embedding": "embed-v4.0"},
    ),
    "huggingface": Preset("https://router.huggingface.co/v1", ("HF_TOKEN", "HUGGINGFACE_API_KEY")),
    "ollama": Preset("http://127.0.0.1:11434/v1"),
    "vllm": Preset("http://127.0.0.1:8000/v1"),
    "llama.cpp": Preset("http://127.0.0.1:8080/v1", models={"chat": "default", "embedding": "default"}),
}  # fmt: skip
"""By the name that nodes give as ``provider``. llama.cpp serves one model, whatever name it is asked for."""


def preset_provider(preset: Preset, secret: Callable[[str], str | None]) -> Provider:
    """The provider, its key and address read by ``secret`` from the named variables. What is absent is said when it is
    asked for something, not here: nobody needs the keys of all of them.
    """
    key = next((found for name in preset.key_variables if (found := secret(name))), None)
    base_url, missing = preset.base_url, None
    if preset.address_variable is not None:
        address = secret(preset.address_variable)
        base_url = f"{address.rstrip('/')}{preset.path}" if address else None
        missing = None if address else f"set {preset.address_variable}, or configure the provider's base_url"
    return Provider(base_url, key, models=preset.models, key_variables=preset.key_variables, missing=missing)
