"""The experts of this house, by name; which there are is known without any of them."""

from __future__ import annotations

from collections.abc import Mapping

EXPERTS: Mapping[str, str] = {"database": "agents.database:create"}
"""Name → `module:factory`; the factory takes nothing and returns an Expert of that name."""

CONFORMANCE = "conformance"
"""An agent for the protocol's test kit; no expert, and served only when it is asked for by name."""
