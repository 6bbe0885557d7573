"""The models that are asked when nobody names one, and where the vendors' own tools look for a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["anthropic", "gemini", "openai"]


@dataclass(frozen=True, slots=True)
class Vendor:
    """What is known of a vendor without being told."""

    model: str
    """The one its own documentation starts with; models.toml names another."""
    keys: tuple[str, ...]
    """Environment variables that hold its key, the first one that is set counts."""
    url: str
    """Where it answers."""
    base_url: str
    """Environment variable with which its SDK is sent elsewhere."""


VENDORS: Mapping[Kind, Vendor] = {
    "anthropic": Vendor(
        "claude-opus-5-5",
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        "https://api.anthropic.com",
        "ANTHROPIC_BASE_URL",
    ),
    "gemini": Vendor(
        "gemini-3.8-flash",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "https://generativelanguage.googleapis.com",
        "GOOGLE_GEMINI_BASE_URL",
    ),
    "openai": Vendor("gpt-5.5", ("OPENAI_API_KEY",), "https://api.openai.com/v1", "OPENAI_BASE_URL"),
}
