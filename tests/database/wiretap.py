"""A line between the product and a real server that notes what statements go by, and how."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.conftest import Database


@dataclass
class Wiretap:
    """Statements of the simple protocol, which takes several at once, and of the extended one, which takes one."""

    conninfo: str
    simple: list[str] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)


@asynccontextmanager
async def tapped(database: Database) -> AsyncIterator[Wiretap]:
    """A way to `database` that is listened in on."""
    server = database.server
    socket = f"{server.base}/.s.PGSQL.{server.port}"
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())  # type: ignore[arg-type]
        far_reader, far_writer = await asyncio.open_unix_connection(socket)
        with suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.TaskGroup() as both:
                both.create_task(_listen(reader, far_writer, tap))
                both.create_task(_pass_on(far_reader, writer))
        writer.close()
        far_writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    plain = re.sub(r"host=\S+ port=\S+", f"host=127.0.0.1 port={port} sslmode=disable", database.conninfo())
    tap = Wiretap(f"{plain} gssencmode=disable")
    async with listener:
        yield tap
    for one in talks:
        one.cancel()


async def _listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tap: Wiretap) -> None:
    """The frontend's messages: one without a kind opens the connection, then each has a kind and a length."""
    head = await reader.readexactly(4)
    writer.write(head + await reader.readexactly(int.from_bytes(head) - 4))
    with suppress(asyncio.IncompleteReadError):
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            if head[:1] == b"Q":
                tap.simple.append(body[:-1].decode())
            elif head[:1] == b"P":
                tap.extended.append(body.split(b"\0")[1].decode())
            writer.write(head + body)
            await writer.drain()
    writer.write_eof()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()
    writer.close()
