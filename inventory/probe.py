"""Why does this server not let us in? Speaks the protocol itself, so that no driver and no language is in the way."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inventory import tls, wire
from inventory.failure import ConnectFailure
from inventory.handshake import Introduction, Refused, Stopped, Stopwatch, Stream, encrypt, reach
from inventory.libpq import Endpoint, endpoints
from inventory.refusal import meaning, refused_by_hba
from inventory.secrets import password_for
from inventory.target import Target

__all__ = ["ConnectFailure", "classify"]

_TRY_NEXT = ("server.unreachable", "server.not_accepting")
"""Conditions after which libpq tries the next host that the connection string names."""
_SHORTEST_TRY_S = 0.2
"""Seconds that even the last of many hosts gets."""

_ERRNO_MEANS = {
    errno.ECONNREFUSED: "nothing listens there: the server is down, or listens on another port or address",
    errno.EHOSTUNREACH: "no route to the host: it is down, or a firewall refuses",
    errno.ENETUNREACH: "no route to its network",
    errno.ENOENT: "there is no socket: the server is down, or its port or socket directory is another one",
    errno.EACCES: "we may not use the socket: check the permissions of it and its directory",
    errno.ECONNRESET: "it hung up: the server crashed, is out of processes, or something between us cut the line",
    errno.EPIPE: "it hung up: the server crashed, is out of processes, or something between us cut the line",
}
_SILENT = {
    "dns": "the name server does not answer",
    "tcp": "no answer to the connection request: the host is down, or a firewall drops packets",
    "tls": "it takes the connection, then says nothing: the server hangs, is overloaded or frozen, or is no PostgreSQL",
    "startup": "it takes the connection, then says nothing: the server hangs, is overloaded or frozen",
    "auth": "authentication hangs: the service behind it (LDAP, RADIUS, PAM …) or our keyring does not answer",
}


async def classify(target: Target, timeout_s: float = 5.0) -> ConnectFailure | None:
    """Why no session on `target` can be opened; None where one can.

    Tries hosts and encryption in libpq's order, as far as the server's first prompt, and logs off.
    `timeout_s` is the limit in seconds for everything together. Raises `UserError` where the
    connection string makes no sense, or the server asks for a password that cannot be read.
    """
    parameters = await asyncio.to_thread(target.private_parameters)
    places = endpoints(parameters)
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout_s
    failures: list[ConnectFailure] = []
    for left, place in zip(range(len(places), 0, -1), places, strict=True):
        visit = _Visit(target, parameters, place, max((deadline - clock()) / left, _SHORTEST_TRY_S))
        failure = await visit.failure()
        if failure is None or failure.condition not in _TRY_NEXT:
            return failure
        failures.append(failure)
    return _most_telling(failures)


def _most_telling(failures: Sequence[ConnectFailure]) -> ConnectFailure:
    """A server that answers tells more than one that does not; among equals the last, as libpq has it."""
    answered = [failure for failure in failures if failure.condition != "server.unreachable"]
    return (answered or failures)[-1]


@dataclass(slots=True)
class _Visit:
    """All that is tried on one endpoint."""

    target: Target
    parameters: Mapping[str, str]
    place: Endpoint
    seconds: float
    watch: Stopwatch = field(default_factory=Stopwatch)
    plain_answer: bool = False
    """The server said that it has no TLS, and the attempt went on without."""

    async def failure(self) -> ConnectFailure | None:
        found: list[ConnectFailure] = []
        try:
            async with asyncio.timeout(self.seconds):
                for encrypted in self._encryptions():
                    failure = await self._attempt(encrypted)
                    if failure is None:
                        return None
                    found.append(failure)
                    if self.plain_answer or not _another_encryption_may_help(failure):
                        break
                return await self._judged(found)
        except TimeoutError:
            return found[-1] if found else self._timed_out()

    def _encryptions(self) -> tuple[bool, ...]:
        """Whether to try with TLS, in libpq's order for the sslmode."""
        if self.place.is_socket:
            return (False,)
        return {"disable": (False,), "allow": (False, True), "prefer": (True, False)}.get(
            self.parameters["sslmode"], (True,)
        )

    async def _judged(self, found: Sequence[ConnectFailure]) -> ConnectFailure:
        last = found[-1]
        if len(found) > 1 and refused_by_hba(last.condition) and found[0].condition == "server.tls_mismatch":
            return found[0]
        if (
            self.parameters["sslmode"] == "disable"
            and refused_by_hba(last.condition)
            and await self._tls_would_help()
        ):
            detail = "the server's rules let us in over TLS alone; use sslmode=require or better"
            return self._failed("server.tls_mismatch", last.message, detail, last.sqlstate, last.routine)
        return last

    async def _attempt(self, encrypted: bool) -> ConnectFailure | None:
        stream: Stream | None = None
        try:
            context = self._context() if encrypted else None
            stream = await reach(self.place, self.watch, self.seconds)
            if context is not None:
                await self._encrypt(stream, context)
            await self._introduction().complete(stream, self.watch)
            stream[1].write(wire.TERMINATE)
            await stream[1].drain()
        except Refused as refused:
            return self._refused(refused.fields)
        except Stopped as stopped:
            return self._failed(stopped.condition, stopped.message, stopped.detail)
        except (wire.NotPostgres, asyncio.IncompleteReadError) as error:
            return self._no_answer(error)
        except TimeoutError:
            raise
        except OSError as error:
            return self._os_failure(error)
        finally:
            if stream is not None:
                stream[1].close()
        return None

    def _context(self) -> ssl.SSLContext:
        try:
            return tls.context(self.parameters)
        except OSError as error:
            self.watch.enter("tls")
            why = error.strerror or str(error)
            file = f" ({error.filename})" if error.filename else ""
            raise Stopped(
                "server.tls_mismatch", f"a certificate or key cannot be used: {why}{file}"
            ) from None

    async def _encrypt(self, stream: Stream, context: ssl.SSLContext) -> None:
        direct = self.parameters.get("sslnegotiation") == "direct"
        if await encrypt(stream, self.place, context, self.watch, direct=direct):
            return
        if self.parameters["sslmode"] not in ("allow", "prefer"):
            raise Stopped(
                "server.tls_mismatch",
                "the server has no TLS",
                f"sslmode={self.parameters['sslmode']} asks for it; set ssl=on there, or another sslmode here",
            )
        self.plain_answer = True

    async def _tls_would_help(self) -> bool:
        stream: Stream | None = None
        try:
            stream = await reach(self.place, self.watch, self.seconds)
            if not await encrypt(stream, self.place, tls.unverified(), self.watch):
                return False
            return await self._introduction().is_admitted(stream, self.watch)
        except (Refused, Stopped, wire.NotPostgres, asyncio.IncompleteReadError, OSError):
            return False
        finally:
            if stream is not None:
                stream[1].close()

    def _introduction(self) -> Introduction:
        settings = {"user": self.parameters["user"], "database": self.parameters["dbname"]}
        if options := self.parameters.get("options"):
            settings["options"] = options
        settings |= {"application_name": "helpdesk/probe", "client_encoding": "UTF8"}
        return Introduction(settings, self._password, self.parameters.get("require_auth", ""))

    async def _password(self) -> str | None:
        return await asyncio.to_thread(password_for, self.target.secret, self.parameters, self.place)

    def _refused(self, fields: Mapping[str, str]) -> ConnectFailure:
        found = meaning(fields)
        detail = "; ".join(filter(None, (found.detail, fields.get("D", ""), fields.get("H", ""))))
        message = fields.get("M", "the server refuses and does not say why")
        return self._failed(found.condition, message, detail, fields.get("C", ""), fields.get("R", ""))

    def _os_failure(self, error: OSError) -> ConnectFailure:
        if isinstance(error, socket.gaierror):
            return self._failed(
                "server.unreachable", f'the name "{self.place.host}" is not known', str(error.strerror)
            )
        if isinstance(error, ssl.SSLError) or not self.watch.stages():
            why = (
                getattr(error, "verify_message", "")
                or getattr(error, "reason", "")
                or error.strerror
                or str(error)
            )
            return self._failed(
                "server.tls_mismatch", f"TLS cannot be agreed: {why}", "check sslmode and certificates"
            )
        number = error.errno or 0
        name = errno.errorcode.get(number, type(error).__name__)
        means = _ERRNO_MEANS.get(number, "the connection cannot be made")
        return self._failed(
            "server.unreachable", os.strerror(number) if number else str(error), f"{name}: {means}"
        )

    def _no_answer(self, error: wire.NotPostgres | asyncio.IncompleteReadError) -> ConnectFailure:
        if isinstance(error, wire.NotPostgres):
            message = "what listens there does not speak PostgreSQL's protocol"
            return self._failed("server.unreachable", message, f"it says {error}")
        return self._failed("server.unreachable", "it hung up without a word", _ERRNO_MEANS[errno.ECONNRESET])

    def _timed_out(self) -> ConnectFailure:
        message = f"no answer within {self.seconds:.3g} s"
        return self._failed("server.unreachable", message, f"ETIMEDOUT: {_SILENT[self.watch.stage]}")

    def _failed(
        self, condition: str, message: str, detail: str = "", sqlstate: str = "", routine: str = ""
    ) -> ConnectFailure:
        stages, place = self.watch.stages(), self.place
        host = place.host or place.hostaddr
        stage = self.watch.stage
        return ConnectFailure(condition, stage, message, host, place.port, sqlstate, detail, stages, routine)


def _another_encryption_may_help(failure: ConnectFailure) -> bool:
    return refused_by_hba(failure.condition) or failure.condition == "server.tls_mismatch"
