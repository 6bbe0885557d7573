"""Characters that some take for line ends arrive whole, wherever the chunks are cut."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from agents.protocol.transport import EventTransport

TEXT = "a\x85b\u2028c\u2029dé…\u2027"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_an_event_stays_in_one_line(size: int) -> None:
    body = f"data: {json.dumps(TEXT, ensure_ascii=False)}\r\n\r\n".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for start in range(0, len(body), size):
            chunk = body[start : start + size]
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        httpx.AsyncClient(transport=EventTransport(httpx.AsyncHTTPTransport())) as client,
        client.stream("GET", f"http://127.0.0.1:{port}/") as response,
    ):
        lines = [line async for line in response.aiter_lines()]
    server.close()
    assert lines[0].startswith("data: ")
    assert json.loads(lines[0].removeprefix("data: ")) == TEXT
    assert lines[1:] == [""]
