"""The pulse's sessions: our targets in the words of asyncpg."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from inventory import tls
from inventory.errors import UserError
from inventory.libpq import Endpoint, endpoints
from inventory.secrets import password_for
from inventory.target import Target

if TYPE_CHECKING:
    from asyncpg import Connection

CLOSE_S = 1.0
"""Seconds that a polite good-bye may take."""

_SETTINGS = {
    "application_name": "helpdesk/pulse",
    "statement_timeout": "2000",
    "lock_timeout": "100",
    "idle_in_transaction_session_timeout": "10000",
    "default_transaction_read_only": "on",
    "search_path": "pg_catalog",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
_DRIVER_PARAMETERS = (
    *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs"),
)


async def open_session(
    target: Target, timeout_s: float, settings: Mapping[str, str] = _SETTINGS
) -> Connection:
    """A session under limits of its own, read-only unless `settings` say else; raises one of `errors`."""
    parameters = await asyncio.to_thread(target.private_parameters)
    places = endpoints(parameters)
    password = await asyncio.to_thread(password_for, target.secret, parameters, places[0])
    if parameters.get("options"):
        settings = {"options": parameters["options"], **settings}
    asyncpg = await asyncio.to_thread(importlib.import_module, "asyncpg")  # a slow import, once
    return await asyncpg.connect(
        dsn="postgresql://?"
        + urlencode({key: parameters[key] for key in _DRIVER_PARAMETERS if parameters.get(key)}),
        host=[_host(place, parameters) for place in places],
        port=[place.port for place in places],
        user=parameters["user"],
        database=parameters["dbname"],
        password=password,
        ssl=tls.context(parameters) if parameters.get("sslrootcert") == "system" else None,
        server_settings=dict(settings),
        statement_cache_size=0,
        timeout=timeout_s,
    )


def _host(place: Endpoint, parameters: Mapping[str, str]) -> str:
    """What the driver is to connect to: the address, unless the name has to match the certificate."""
    by_name = parameters["sslmode"] == "verify-full" or parameters.get("sslrootcert") == "system"
    return place.host if place.host and (by_name or not place.hostaddr) else place.hostaddr


async def close_session(connection: Connection) -> None:
    """Say good-bye, and hang up where nobody answers."""
    with suppress(*errors()):
        await connection.close(timeout=CLOSE_S)


def errors() -> tuple[type[Exception], ...]:
    """What connecting and asking may raise: the network, our own checks, the driver."""
    import asyncpg

    return (
        OSError,
        ValueError,
        UserError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    )


def words(error: Exception) -> str:
    """What went wrong, without the driver's own decoration."""
    if not isinstance(error, OSError) or not error.errno:
        return str(error) or type(error).__name__
    words = os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    return f"{error.filename}: {words}" if error.filename else words
