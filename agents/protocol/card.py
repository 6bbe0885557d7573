"""The agent card of an expert."""

from __future__ import annotations

from a2a.types import AgentCapabilities, AgentCard, AgentExtension, AgentInterface, AgentProvider, AgentSkill

from agents.kernel.expert import Expert
from agents.protocol.extension import APPROVAL_URI, EXTENSION_URI
from inventory import __version__

PROTOCOL_VERSION = "1.0"
OLD_VERSION = "0.3"


def card_of(expert: Expert, url: str) -> AgentCard:
    """The card of an expert that is served at `url`."""
    return AgentCard(
        name=expert.name,
        description=expert.description,
        version=__version__,
        provider=AgentProvider(organization="helpdesk-tui", url="https://helpdesk-tui.dev"),
        supported_interfaces=interfaces(url, old=True),
        capabilities=AgentCapabilities(streaming=True, push_notifications=False, extensions=_extensions()),
        default_input_modes=["text/plain", "application/json"],
        default_output_modes=["text/plain", "application/json"],
        skills=[
            AgentSkill(
                id=skill.id,
                name=skill.name,
                description=skill.description,
                tags=list(skill.tags) or [expert.name],
                examples=list(skill.examples),
            )
            for skill in expert.skills
        ],
    )


def interfaces(url: str, *, old: bool) -> list[AgentInterface]:
    """Where and how an agent at `url` is spoken to; the first one is preferred. With `old` also by clients of 0.3."""
    spoken = [("JSONRPC", PROTOCOL_VERSION, url), ("HTTP+JSON", PROTOCOL_VERSION, url)]
    if old:
        spoken += [("JSONRPC", OLD_VERSION, f"{url}/invoke"), ("HTTP+JSON", OLD_VERSION, url)]
    return [
        AgentInterface(url=at, protocol_binding=binding, protocol_version=version)
        for binding, version, at in spoken
    ]


def _extensions() -> list[AgentExtension]:
    # Not required: a client that knows nothing of them sees text, and can answer in plain words.
    return [
        AgentExtension(uri=EXTENSION_URI, required=False, description="Every step of a task as an event."),
        AgentExtension(
            uri=APPROVAL_URI,
            required=False,
            description="A change waits for an approval that shows what it would hit, and is bound to exactly that.",
        ),
    ]
