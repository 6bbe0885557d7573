"""The paths of one agent: its cards, both bindings in both versions, and what older orchestrators look for."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING

from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from agents.kernel.tool import Tool

if TYPE_CHECKING:
    from a2a.server.request_handlers import DefaultRequestHandler
    from a2a.types import AgentCard

CARD_PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")
"""Where a card is looked for: by version 1.0 and 0.3, and by 0.2."""
CACHE = "public, max-age=60"
"""A card changes with the program alone; a client that asks again within a minute need not."""
_SINCE = formatdate(usegmt=True)
INVOKE = "/invoke"
"""Where orchestrators of aiHelpDesk post to, whatever the card says."""


def agent_routes(
    handler: DefaultRequestHandler, card: AgentCard, prefix: str, tools: Mapping[str, Tool]
) -> list[BaseRoute]:
    """Everything of one agent below `prefix`."""
    routes: list[BaseRoute] = []
    for path in CARD_PATHS:
        routes.append(_card(f"{prefix}{path}", card))
    # Both with and without the slash: clients do not follow a redirect of a POST.
    for path in sorted({f"{prefix}/", prefix or "/", f"{prefix}{INVOKE}"}):
        routes += create_jsonrpc_routes(handler, path, enable_v0_3_compat=True)
    routes.append(_schemas(f"{prefix}/schemas", tools))
    rest = create_rest_routes(handler, path_prefix=prefix, enable_v0_3_compat=True)
    # A tenant in the path would take the name of any other agent here for one.
    return routes + [route for route in rest if not isinstance(route, Mount)]


def _card(path: str, card: AgentCard) -> Route:
    """The SDK's card, with the time since when it is so: that of this process."""
    [made] = create_agent_card_routes(card, card_url=path, cache_control=CACHE)

    async def dated(request: Request) -> Response:
        response: Response = await made.endpoint(request)
        response.headers["Last-Modified"] = _SINCE
        return response

    return Route(path, dated, methods=["GET"])


def _schemas(path: str, tools: Mapping[str, Tool]) -> Route:
    """Tool → JSON Schema of its arguments."""
    told = {tool.name: {"description": tool.summary, **tool.parameters} for tool in tools.values()}

    async def schemas(_: Request) -> JSONResponse:
        return JSONResponse(told)

    return Route(path, schemas, methods=["GET"])
