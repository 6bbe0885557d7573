"""HTTP for event streams whose text may hold any character.

Besides CR and LF, httpx takes U+0085, U+2028 and U+2029 for ends of lines, and JSON may hold them raw: an event
with one of them in its text would fall apart. In JSON their escapes mean the same, so they are put in their place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

_ESCAPES = {b"\xc2\x85": b"\\u0085", b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029"}
_BEGINNINGS = (b"\xe2\x80", b"\xe2", b"\xc2")


class EventTransport(httpx.AsyncBaseTransport):
    """Another transport, with event streams made safe to be read line by line."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = _Escaped(response.stream)
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Escaped(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in self._stream:
            data = rest + chunk
            # A character may be cut in two by the end of a chunk.
            rest = next((start for start in _BEGINNINGS if data.endswith(start)), b"")
            yield escaped(data[: len(data) - len(rest)])
        yield rest

    async def aclose(self) -> None:
        await self._stream.aclose()


def escaped(data: bytes) -> bytes:
    """`data` with the three characters as JSON escapes."""
    for character, escape in _ESCAPES.items():
        data = data.replace(character, escape)
    return data
