"""The way to a server: stdio, streamable HTTP or the old SSE, with what it wants to see of us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agents.mcp.config import McpServer
from agents.mcp.stdio import process_streams
from agents.protocol.logs import logs_dir
from inventory.outgoing import destinations
from inventory.outgoing_http import for_httpx2
from inventory.secrets import read_secret

if TYPE_CHECKING:
    import httpx2

CONNECT_S = 10.0
"""For connecting and sending; answers have the limit of the call they belong to."""


@asynccontextmanager
async def streams(server: McpServer, lost: asyncio.Event) -> AsyncIterator[tuple[Any, Any]]:
    """The library's two streams to a server; `lost` is set once the line is gone, where that is noticed.

    Secrets are read now. Raises UserError (exit 3) where one is missing or the program cannot be started.
    """
    if server.transport == "stdio":
        env = await asyncio.to_thread(_environment, server)
        errors = logs_dir() / f"mcp-{server.name}.stderr"
        async with process_streams(server.command, env, server.cwd, errors, lost) as both:
            yield both
        return
    headers = await asyncio.to_thread(_headers, server)
    if server.transport == "sse":
        from mcp.client.sse import sse_client

        async with sse_client(
            server.url,
            headers,
            CONNECT_S,
            server.timeout_s + CONNECT_S,
            httpx_client_factory=lambda headers=None, timeout=None, auth=None: _client(
                server.url, headers or {}, timeout
            ),
        ) as both:
            yield both
        return
    from mcp.client.streamable_http import streamable_http_client

    async with (
        _client(server.url, headers, _timeout(server)) as client,
        streamable_http_client(server.url, http_client=client) as both,
    ):
        yield both


def _timeout(server: McpServer) -> httpx2.Timeout:
    import httpx2

    return httpx2.Timeout(CONNECT_S, read=server.timeout_s + CONNECT_S)


def _client(url: str, headers: dict[str, str], timeout: httpx2.Timeout | None) -> httpx2.AsyncClient:
    """An HTTP client for this server alone."""
    import httpx2

    return httpx2.AsyncClient(
        headers=headers, timeout=timeout, transport=for_httpx2(destinations(url)), trust_env=False
    )


def _environment(server: McpServer) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else read_secret(value) for name, value in server.env.items()
    }


def _headers(server: McpServer) -> dict[str, str]:
    return {
        name: value
        for credential in server.credentials
        for name, value in credential.headers().items()
    }  # fmt: skip
