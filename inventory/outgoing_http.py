"""HTTP transports that go only where `Destinations` lets them: for httpx (A2A) and httpx2 (MCP, vendors' models).

Each request's URL is checked, so a redirect is too; the name is resolved here and the connection made to an address
that was checked, so that a name cannot mean one host for the check and another for the connection. TLS still checks
the certificate against the name. Answers are limited in size and time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from inventory.outgoing import Destinations, OutgoingRefused

if TYPE_CHECKING:
    import httpx
    import httpx2

BODY_LIMIT_BYTES = 32 * 1024 * 1024
"""Of one answer, or of one event in a stream of them: far above any card, catalogue of tools or report."""
BODY_LIMIT_S = 300.0
"""Seconds for the body of an answer that is no stream of events; what takes longer is dripped on purpose."""


def for_httpx(
    places: Destinations, *, verify: ssl.SSLContext | bool = True, uds: Path | None = None
) -> httpx.AsyncBaseTransport:
    """A transport for `httpx.AsyncClient(transport=…, trust_env=False)`. With `uds`, to that socket alone."""
    import httpcore
    import httpx

    return cast("httpx.AsyncBaseTransport", _transport(httpx, httpcore, places, verify, uds))


def for_httpx2(places: Destinations, *, verify: ssl.SSLContext | bool = True) -> httpx2.AsyncBaseTransport:
    """A transport for `httpx2.AsyncClient(transport=…, trust_env=False)`."""
    import httpcore2
    import httpx2

    return cast("httpx2.AsyncBaseTransport", _transport(httpx2, httpcore2, places, verify, None))


def _transport(
    http: Any, core: Any, places: Destinations, verify: ssl.SSLContext | bool, uds: Path | None
) -> object:
    inner = http.AsyncHTTPTransport(verify=verify, trust_env=False, uds=str(uds) if uds else None)
    if uds is None:
        # The public constructor of the transport leaves no other way to the pool's connections.
        assert hasattr(inner._pool, "_network_backend"), "the HTTP library connects in another way now"
        inner._pool._network_backend = _Connecting(core.AnyIOBackend(), core.ConnectError, places)

    class Checked(http.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, request: Any) -> Any:
            url = request.url
            places.check(url.scheme, url.raw_host.decode("ascii"), url.port, userinfo=bool(url.userinfo))
            # An unpacked answer may be a thousand times as large as what came.
            request.headers["accept-encoding"] = "identity"
            response = await inner.handle_async_request(request)
            if response.headers.get("content-encoding", "identity") != "identity":
                await response.aclose()
                raise OutgoingRefused(url.host, "its answer is compressed, which was not asked for")
            events = response.headers.get("content-type", "").startswith("text/event-stream")
            response.stream = Limited(response.stream, url.host, events=events)
            return response

        async def aclose(self) -> None:
            await inner.aclose()

    class Limited(http.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any, host: str, *, events: bool) -> None:
            self._stream, self._host, self._events = stream, host, events

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for chunk in _limited(self._stream, self._host, events=self._events):
                yield chunk

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Checked()


class _Connecting:
    """Connects to addresses that were checked; all else is the HTTP library's own."""

    def __init__(self, backend: Any, failed: Callable[[str], Exception], places: Destinations) -> None:
        self._backend, self._failed, self._places = backend, failed, places

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._places.addresses(host, port)
        except TimeoutError:
            raise self._failed(f"{host} was not resolved within {timeout:g} s") from None
        except OSError as error:
            raise self._failed(f"{host} cannot be resolved ({error.strerror or error})") from error
        each = timeout / len(addresses) if timeout else None
        for address in addresses[:-1]:
            try:
                return await self._backend.connect_tcp(address, port, each, local_address, socket_options)
            except Exception:  # noqa: S112 - the last address tells why, as with any client
                continue
        return await self._backend.connect_tcp(addresses[-1], port, each, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _limited(stream: AsyncIterator[bytes], host: str, *, events: bool) -> AsyncIterator[bytes]:
    size, ends = 0, asyncio.get_running_loop().time() + BODY_LIMIT_S
    async for chunk in stream:
        size = len(chunk) - chunk.rfind(b"\n") if events and b"\n" in chunk else size + len(chunk)
        if size > BODY_LIMIT_BYTES:
            raise OutgoingRefused(host, f"its answer is larger than {BODY_LIMIT_BYTES // 2**20} MiB")
        if not events and asyncio.get_running_loop().time() > ends:
            raise OutgoingRefused(host, f"its answer took longer than {BODY_LIMIT_S:g} s")
        yield chunk
