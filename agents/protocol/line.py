"""The line to one agent server: its HTTP client, cards, and an A2A client for each agent."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import httpx
from a2a.client import A2AClientError, Client, ClientCallContext, ClientConfig, ClientFactory
from a2a.types import AgentCard, AgentInterface, GetTaskRequest
from a2a.utils.errors import A2AError

from agents.kernel.event import new_id
from agents.protocol.cards import BINDINGS, NEW_VERSION, parsed_card, use_interfaces
from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.extension import EXTENSION_URI
from agents.protocol.foreign.shapes import KNOWN_EXTENSIONS
from agents.protocol.reach import Reach
from agents.protocol.transport import EventTransport
from inventory.outgoing import destinations
from inventory.outgoing_http import for_httpx

CONNECT_LIMIT_S = 5.0
REQUEST_LIMIT_S = 10.0
CARD_PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")


@dataclass(frozen=True, slots=True)
class Peer:
    """An agent at the other end, with its card as it can be used from here."""

    streaming: Client
    blocking: Client
    """The same agent, asked without a stream."""
    card: AgentCard
    ours: bool
    """Whether it tells what it does as our own events."""

    @property
    def chosen(self) -> AgentInterface:
        """The interface that is used."""
        first = self.card.supported_interfaces[0].protocol_binding
        same = [item for item in self.card.supported_interfaces if item.protocol_binding == first]
        newest: AgentInterface = next((i for i in same if i.protocol_version == NEW_VERSION), same[0])
        return newest

    async def refusal(self) -> str:
        """Why the agent lets us not in; empty where it does, which a look at a task that is not there tells."""
        try:
            await self.streaming.get_task(
                GetTaskRequest(id=new_id()), context=ClientCallContext(timeout=REQUEST_LIMIT_S)
            )
        except A2AClientError as error:
            answer = error.__cause__
            if isinstance(answer, httpx.HTTPStatusError) and answer.response.status_code in (401, 403):
                return f"it refuses our credentials (HTTP {answer.response.status_code})"
            if not isinstance(answer, httpx.HTTPStatusError):
                return f"its card answers, and it does not: {error}"
        except A2AError:
            return ""
        return ""

    @property
    def extensions(self) -> list[str]:
        """Extensions that both sides know, to be asked for with every message."""
        uris = [extension.uri for extension in self.card.capabilities.extensions]
        return [uri for uri in uris if uri == EXTENSION_URI or uri in KNOWN_EXTENSIONS]


class Line:
    """Connections to one server, kept until `close`."""

    def __init__(self, reach: Reach) -> None:
        """Reads the secrets that `reach` names, which may block. Raises UserError where one is missing."""
        self.reach = reach
        # A stream may be silent for as long as a statement runs; whether the agent still lives is asked apart.
        timeout = httpx.Timeout(REQUEST_LIMIT_S, connect=CONNECT_LIMIT_S, read=None)
        headers = {"Authorization": f"Bearer {reach.token}"} if reach.token else {}
        if reach.credential is not None:
            headers |= reach.credential.headers()
        # A card may name another host, which may be asked where it would get no secret of ours.
        self._places = destinations(reach.base, elsewhere=not reach.guarded)
        # A socket of this host speaks no TLS, and to read all known authorities takes a moment.
        verify = reach.tls.context() if reach.tls else reach.uds is None
        transport = for_httpx(self._places, uds=reach.uds, verify=verify)
        self._http = httpx.AsyncClient(
            timeout=timeout, headers=headers, transport=EventTransport(transport), trust_env=False
        )
        self._peers: dict[str, Peer] = {}

    @property
    def local(self) -> bool:
        """Whether it is our own process: a refused connection means that it is gone, and what it tells is our log's."""
        return self.reach.uds is not None and not self.reach.alone

    async def peer(self, agent: str) -> Peer:
        """A2A clients for the agent. Raises AgentLost or AgentRefused."""
        if agent not in self._peers:
            card, _ = await self.card(agent)
            try:
                if self.reach.uds is not None:
                    _at_socket(card, self._base(agent))
                else:
                    card = await use_interfaces(card, self._base(agent), self._places)
                self._peers[agent] = self._peer(card)
            except ValueError as error:
                raise AgentRefused(agent, str(error)) from error
        return self._peers[agent]

    async def card(self, agent: str) -> tuple[AgentCard, float]:
        """The agent's card, from either known place, and how many milliseconds it took.

        Raises AgentLost or AgentRefused.
        """
        response = None
        for path in CARD_PATHS:
            began = perf_counter()
            try:
                response = await self._http.get(f"{self._base(agent)}{path}", timeout=REQUEST_LIMIT_S)
            except httpx.HTTPError as error:
                raise AgentLost(agent, f"{self.reach}: {error or type(error).__name__}") from error
            if response.is_success:
                return _parsed(agent, response, self._base(agent)), (perf_counter() - began) * 1000
        status = response.status_code if response is not None else "nothing"
        raise AgentRefused(agent, f"no agent card at {self._base(agent)} (HTTP {status})")

    def forget(self, agent: str) -> None:
        """Read the agent's card again before it is spoken to: it may come back as another one."""
        self._peers.pop(agent, None)

    async def close(self) -> None:
        await self._http.aclose()

    def _peer(self, card: AgentCard) -> Peer:
        streaming, blocking = (
            ClientFactory(
                ClientConfig(
                    httpx_client=self._http, streaming=stream, supported_protocol_bindings=list(BINDINGS)
                )
            ).create(card)
            for stream in (True, False)
        )
        ours = any(extension.uri == EXTENSION_URI for extension in card.capabilities.extensions)
        return Peer(streaming, blocking, card, ours)

    def _base(self, agent: str) -> str:
        base = self.reach.base.rstrip("/")
        return base if self.reach.alone else f"{base}/{agent}".rstrip("/")


def _at_socket(card: AgentCard, base: str) -> None:
    # Whatever host a card names, a socket leads to one server alone.
    for interface in card.supported_interfaces:
        interface.url = base


def _parsed(agent: str, response: httpx.Response, base: str) -> AgentCard:
    try:
        return parsed_card(response.json(), base)
    except ValueError as error:
        raise AgentRefused(agent, f"its card makes no sense: {error}") from error
