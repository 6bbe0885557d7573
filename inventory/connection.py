"""A session on a target, with every safety setting in place before its first statement."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inventory.errors import UserError
from inventory.failure import ConnectFailed, ConnectFailure
from inventory.libpq import endpoints
from inventory.masking import mask
from inventory.probe import classify
from inventory.secrets import password_for
from inventory.target import Target

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

__all__ = ["ConnectFailed", "ConnectFailure", "connect"]

IDLE_TIMEOUT_MS = 30_000
"""Milliseconds that a transaction of ours may sit idle before the server ends it."""
_KEEPALIVE = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""A peer that is gone is noticed within about 25 s, where the connection string says nothing else."""


async def connect(
    target: Target,
    *,
    application: str,
    read_only: bool = True,
    statement_timeout_ms: int = 2000,
    lock_timeout_ms: int = 100,
    connect_timeout_s: float = 5.0,
    idle_timeout_ms: int = IDLE_TIMEOUT_MS,
) -> AsyncConnection[TupleRow]:
    """An autocommit session on `target`, called `helpdesk/<application>` on the server.

    Timeouts are in milliseconds and 0 switches one off; `connect_timeout_s` is per host. All settings
    travel with the startup message, so they hold from the first statement on and cost no round trip.
    Text that is no valid UTF-8 (a query of a database with another encoding) comes with U+FFFD in it.

    Raises `ConnectFailed`, which says why as the catalogue does, or `UserError` where the connection
    string makes no sense or a password cannot be read.
    """
    settings = {
        "statement_timeout": str(statement_timeout_ms),
        "lock_timeout": str(lock_timeout_ms),
        "idle_in_transaction_session_timeout": str(idle_timeout_ms),
        "default_transaction_read_only": "on" if read_only else "off",
        "search_path": "pg_catalog",
        # What is quoted or parsed here must mean the same there: a backslash in '…' is a backslash.
        "standard_conforming_strings": "on",
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        "datestyle": "ISO",
        "intervalstyle": "postgres",
        "timezone": "UTC",
    }
    parameters = await _parameters(target, connect_timeout_s)
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    parameters |= {
        "options": f"{parameters.get('options', '')} {options}".strip(),
        "application_name": f"helpdesk/{application}",
        "client_encoding": "UTF8",
        "connect_timeout": str(max(2, math.ceil(connect_timeout_s))),
    }
    return await _open(target, {**_KEEPALIVE, **parameters}, connect_timeout_s)


async def _parameters(target: Target, timeout_s: float) -> dict[str, str]:
    """Effective parameters with the password; libpq itself looks into the password file for several hosts."""
    parameters = await asyncio.to_thread(target.private_parameters)
    places = endpoints(parameters)
    if target.secret is None and len(places) > 1:
        return parameters
    try:
        password = await asyncio.to_thread(password_for, target.secret, parameters, places[0])
    except UserError:
        await _raise_if_unreachable(target, timeout_s)
        raise
    return {**parameters, "password": password} if password else parameters


async def _raise_if_unreachable(target: Target, timeout_s: float) -> None:
    """A server that would not have asked for the password is the greater trouble."""
    if failure := await classify(target, timeout_s):
        raise ConnectFailed(failure)


async def _open(target: Target, parameters: Mapping[str, str], timeout_s: float) -> AsyncConnection[TupleRow]:
    from psycopg import AsyncConnection, Error

    places = endpoints(parameters)
    arguments: dict[str, Any] = {**parameters, "host": ",".join(place.host for place in places)}
    try:
        async with asyncio.timeout(timeout_s * len(places)):
            connection = await AsyncConnection.connect(autocommit=True, prepare_threshold=None, **arguments)
    except (Error, OSError) as error:
        # After a silent server there is no reason to be patient again.
        patience = timeout_s / 2 if isinstance(error, TimeoutError) else timeout_s
        failure = await classify(target, patience)
        raise ConnectFailed(failure or _unexplained(target, str(error) or "no answer in time")) from None
    _tolerate_foreign_text(connection)
    return connection


def _unexplained(target: Target, text: str) -> ConnectFailure:
    """What the driver said, where the probe came through: a passing fault, or a demand of the string's own."""
    place = target.endpoints()[-1]
    return ConnectFailure(
        "server.unreachable",
        "startup",
        mask(text),
        place.host or place.hostaddr,
        place.port,
        detail="a second attempt came through: try again, or see what the connection string itself asks for "
        "(target_session_attrs, channel_binding, requirepeer …)",
    )


def _tolerate_foreign_text(connection: AsyncConnection[TupleRow]) -> None:
    """A view across databases shows text in their encodings; one bad byte must not cost the whole answer."""
    from psycopg.types.string import TextLoader

    class Tolerant(TextLoader):
        def load(self, data: bytes | bytearray | memoryview) -> str:
            return bytes(data).decode("utf-8", "replace")

    for type_name in ("text", "varchar", "name", "bpchar", '"char"'):
        connection.adapters.register_loader(type_name, Tolerant)
