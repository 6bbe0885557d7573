"""A provider by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agents.models.configuration import ProviderSettings
from agents.models.defaults import Kind
from agents.models.provider import Provider
from agents.models.vendors.anthropic import AnthropicProvider
from agents.models.vendors.gemini import GeminiProvider
from agents.models.vendors.openai import OpenAIProvider

_PROVIDERS: Mapping[Kind, Callable[[ProviderSettings, float], Provider]] = {
    "anthropic": AnthropicProvider,
    "gemini": GeminiProvider,
    "openai": OpenAIProvider,
}


def open_provider(settings: ProviderSettings, silence_s: float) -> Provider:
    """The provider of these settings; `silence_s` seconds without a word count as a cut. Loads no SDK."""
    return _PROVIDERS[settings.kind](settings, silence_s)
