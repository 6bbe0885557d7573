"""The HTTP client that every vendor's SDK is given: to the configured host and nowhere else, within limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic
from typing import TYPE_CHECKING, Any

from inventory.outgoing import destinations
from inventory.outgoing_http import for_httpx2

if TYPE_CHECKING:
    import httpx2

CONNECT_S = 10.0
"""Seconds until a host that does not answer counts as unreachable."""
ANSWER_S = 900.0
"""Seconds for one whole answer: what is dripped for longer is no help to anyone on call."""
ANSWER_BYTES = 16 * 1024 * 1024
"""Of one whole answer: hundreds of times what the longest one takes on the wire."""


def client_for(url: str, silence_s: float) -> httpx2.AsyncClient:
    """A client for `url`; blocks while certificates are loaded. `silence_s` limits the wait for each next byte.

    Raises UserError where the URL will not do.
    """
    import httpx2

    limits = httpx2.Timeout(silence_s, connect=CONNECT_S)
    # Authorities of a company's own, as SSL_CERT_FILE names them, are trusted as well.
    inner = for_httpx2(destinations(url), verify=httpx2.create_ssl_context(trust_env=True))

    class Client(httpx2.AsyncClient):
        """The limits hold whatever an SDK says: one of them knows a single limit for everything."""

        def build_request(self, *arguments: Any, **options: Any) -> httpx2.Request:
            return super().build_request(*arguments, **{**options, "timeout": limits})

    class Bounded(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await inner.handle_async_request(request)
            response.stream = Stream(response.stream)
            return response

        async def aclose(self) -> None:
            await inner.aclose()

    class Stream(httpx2.AsyncByteStream):
        """No generator: what is left of one after an error would be closed by chance, at some later time."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream
            self._chunks = aiter(stream)
            self._size, self._ends = 0, monotonic() + ANSWER_S

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            chunk: bytes = await anext(self._chunks)
            self._size += len(chunk)
            if self._size > ANSWER_BYTES or monotonic() > self._ends:
                raise httpx2.ReadError(
                    f"the answer passes {ANSWER_BYTES // 2**20} MiB or {ANSWER_S / 60:.0f} minutes"
                )
            return chunk

        async def aclose(self) -> None:
            await self._chunks.aclose()
            await self._stream.aclose()

    return Client(transport=Bounded(), trust_env=False, follow_redirects=True)
