"""A double of the models for each test, and settings that lead to it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.models.doubles.endpoint import ModelEndpoint

VENDOR_VARIABLES = ("ANTHROPIC_", "GEMINI_", "GOOGLE_", "OPENAI_")


@pytest.fixture(autouse=True)
def no_vendor_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach a real vendor with somebody's key."""
    for name in list(os.environ):
        if name.startswith(VENDOR_VARIABLES):
            monkeypatch.delenv(name)


@pytest.fixture
def double() -> Iterator[ModelEndpoint]:
    with ModelEndpoint() as endpoint:
        yield endpoint
