"""The line to one agent server: its HTTP client, cards, and an A2A client for each agent."""

from __future__ import annotations

from typing import Any

import httpx
from a2a.client import Client, ClientConfig, ClientFactory
from a2a.client.card_resolver import parse_agent_card
from a2a.types import AgentCard
from google.protobuf.json_format import MessageToDict, ParseError  # type: ignore[import-untyped]

from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.reach import Reach
from agents.protocol.transport import EventTransport

CONNECT_LIMIT_S = 5.0
REQUEST_LIMIT_S = 10.0
CARD_PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")


class Line:
    """Connections to one server, kept until `close`."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        # A stream may be silent for as long as a statement runs; whether the agent still lives is asked apart.
        timeout = httpx.Timeout(REQUEST_LIMIT_S, connect=CONNECT_LIMIT_S, read=None)
        headers = {"Authorization": f"Bearer {reach.token}"} if reach.token else {}
        transport = EventTransport(httpx.AsyncHTTPTransport(uds=str(reach.uds) if reach.uds else None))
        self._http = httpx.AsyncClient(timeout=timeout, headers=headers, transport=transport, trust_env=False)
        self._clients: dict[str, Client] = {}

    @property
    def local(self) -> bool:
        """Whether a refused connection means that the process is gone."""
        return self._reach.uds is not None

    async def client(self, agent: str) -> Client:
        """An A2A client for the agent. Raises AgentLost or AgentRefused."""
        if agent not in self._clients:
            card = await self.card(agent)
            for interface in card.supported_interfaces:
                # The host that a card advertises may not be reachable from here; the one that was asked is.
                interface.url = self._base(agent)
            config = ClientConfig(httpx_client=self._http, streaming=True)
            self._clients[agent] = ClientFactory(config).create(card)
        return self._clients[agent]

    async def card(self, agent: str) -> AgentCard:
        """The agent's card, from either known place. Raises AgentLost or AgentRefused."""
        response = None
        for path in CARD_PATHS:
            try:
                response = await self._http.get(f"{self._base(agent)}{path}", timeout=REQUEST_LIMIT_S)
            except httpx.HTTPError as error:
                raise AgentLost(agent, f"{self._reach}: {error or type(error).__name__}") from error
            if response.is_success:
                return _parsed(agent, response)
        status = response.status_code if response is not None else "nothing"
        raise AgentRefused(agent, f"no agent card at {self._base(agent)} (HTTP {status})")

    async def close(self) -> None:
        await self._http.aclose()

    def _base(self, agent: str) -> str:
        return f"{self._reach.base.rstrip('/')}/{agent}".rstrip("/")


def card_json(card: AgentCard) -> dict[str, Any]:
    data: dict[str, Any] = MessageToDict(card)
    return data


def _parsed(agent: str, response: httpx.Response) -> AgentCard:
    try:
        return parse_agent_card(response.json())
    except (ValueError, ParseError) as error:
        raise AgentRefused(agent, f"its card makes no sense: {error}") from error
