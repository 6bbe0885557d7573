"""A provider by its kind."""

from __future__ import annotations

from agents.models.configuration import ProviderSettings
from agents.models.provider import Provider
from agents.models.vendors.openai import OpenAIProvider


def open_provider(settings: ProviderSettings, silence_s: float) -> Provider:
    """The provider of these settings; `silence_s` seconds without a word count as a cut."""
    return OpenAIProvider(settings, silence_s)
