"""Which secrets the agents need, and by which reference: of remote agents, models and MCP servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inventory.secrets import SecretRef


def references() -> Iterator[tuple[str, SecretRef]]:
    """Who it is shown to, and where it is. Reads none of them. Raises UserError where a file cannot be read."""
    from agents.mcp import config
    from agents.models import configuration
    from agents.protocol import registry

    for agent in registry.load().agents.values():
        if agent.credential is not None:
            yield f"agent {agent.name}", agent.credential.secret
    for provider in configuration.load().providers.values():
        if provider.key is not None:
            yield f"model {provider.name}", provider.key
    for server in config.load().servers.values():
        for credential in server.credentials:
            header = "" if credential.kind == "bearer" else f" {credential.header}"
            yield f"MCP server {server.name}{header}", credential.secret
        for variable, value in server.env.items():
            if not isinstance(value, str):
                yield f"MCP server {server.name} {variable}", value
