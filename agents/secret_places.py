"""Which secrets the agents need, and by which reference: of everything that is spoken to, and of the audit."""

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
    yield from _of_governance()
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


def _of_governance() -> Iterator[tuple[str, SecretRef]]:
    from agents.log.settings import load_audit
    from agents.protocol.approval_systems.config import load_systems

    for system in load_systems()[0].values():
        if system.credential is not None:
            yield f"approvals of {system.name}", system.credential.secret
    audit = load_audit()
    anchors = audit.anchors
    for of, ref in (
        ("audit webhook", anchors.bearer), ("URL of the audit webhook", anchors.webhook), ("audit signature", audit.key)
    ):  # fmt: skip
        if ref and not isinstance(ref, str):
            yield of, ref
