"""The line to one server: a task of its own holds it, from the first need to the end of the process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agents.kernel.schema import BadSchema
from agents.mcp.config import McpServer
from agents.mcp.elicitation import Elicitation, Values
from agents.mcp.reaching import CONNECT_S, streams
from agents.mcp.schemas import closed
from inventory import __version__
from inventory.errors import NOT_COMPLETED, UserError
from inventory.masking import inert_line, mask

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import ClientRequestContext, IncomingMessage
    from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, ErrorData
    from mcp_types import Tool as Listed

logger = logging.getLogger(__name__)

State = Literal["idle", "connecting", "up", "down"]

BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before attempts in a row; after the last one it is left alone until it is needed again."""
STEADY_S = 30.0
"""A line that held this long was well: the attempts are counted from one again."""
READY_S = 20.0
"""How long a call waits for the line: a server from npm starts within seconds."""
CLOSE_S = 3.5
"""How long closing may take; a process that does not end by itself is killed within a second."""
MOST_TOOLS = 500
MOST_PAGES = 50
SAID = 200
"""Characters of an error that a server words."""


@dataclass
class _Call:
    """The call under way, for what the server asks in the middle of it."""

    answers: Mapping[str, Values]
    asked: Elicitation | None = None
    refused: str = ""
    """Why a question of the server was not even put to the operator."""


@dataclass
class Connection:
    """Connects when it is first needed, again after a loss, and lists the tools each time."""

    server: McpServer
    on_tools: Callable[[Sequence[Listed]], None]
    """Given the server's tools whenever they were listed."""
    state: State = "idle"
    text: str = ""
    """Why it is down; else what the server says it is."""
    _client: Client | None = field(default=None, repr=False)
    _holding: asyncio.Task[None] | None = field(default=None, repr=False)
    _known: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set while it is known whether the server can be used."""
    _wanted: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set to try again at once."""
    _lost: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    """One call at a time: what the server asks meanwhile belongs to that one."""
    _call: _Call | None = field(default=None, repr=False)

    async def ready(self, *, now: bool = True) -> None:
        """Return once the server is up, or could not be reached; `state` tells which.

        With `now` one that is down is tried at once, else only where nobody tries it any more.
        """
        if self._holding is None or self._holding.done():
            self._known.clear()
            self._holding = asyncio.create_task(self._hold(), name=f"mcp {self.server.name}")
        elif now and self.state == "down":
            self._known.clear()
            self._wanted.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                await self._known.wait()

    async def refresh(self) -> None:
        """List the tools anew, which also tells whether the line still holds. Raises UserError where it does not."""
        client = await self._up()
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._list(client)
        except Exception as error:
            self._lose(error)
            await self._up()

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        answers: Mapping[str, Values],
        tell: Callable[[str], None],
        require: Callable[[], None],
    ) -> CallToolResult | Elicitation:
        """Call a tool by its own name; what it asks of the operator comes back in place of a result.

        `require` is called once the line is up, and may raise before anything is sent. Cancelling this cancels the
        call on the server. Raises Unreachable where nothing was sent, else ServerFailed.
        """

        async def told(progress: float, total: float | None, message: str | None) -> None:
            share = f"{progress:g} of {total:g}" if total else f"{progress:g}"
            tell(f"{share} {message}" if message else share)

        async with self._turn:
            client = await self._up()
            require()
            call = self._call = _Call(answers)
            try:
                result = await client.call_tool(tool, dict(arguments), self.server.timeout_s, told)
            except Exception as error:
                if call.asked is None:
                    raise self._worded(error) from error
            finally:
                self._call = None
        if call.asked is not None:
            return call.asked
        if call.refused:
            logger.warning("MCP server %s: %s", self.server.name, call.refused)
            tell(call.refused)
        return result

    async def close(self) -> None:
        """Let the server go; what is under way ends, and a process that hangs is killed."""
        if self._holding is not None and not self._holding.done():
            self._holding.cancel()
            await asyncio.wait([self._holding], timeout=CLOSE_S)
        self.state = "idle"

    # holding the line

    async def _up(self) -> Client:
        # Whoever wants a tool has just had the server tried: see `Toolbox.prepare`.
        await self.ready(now=False)
        if self._client is None:
            text = self.text or f"it does not answer within {READY_S:.0f} s"
            raise Unreachable(f"the MCP server {self.server.name} is {self.state}: {text}", NOT_COMPLETED)
        return self._client

    async def _hold(self) -> None:
        """Connect and stay connected; with back-off, and not for ever where it does not work."""
        failures = 0
        while failures < len(BACK_OFF_S):
            with suppress(TimeoutError):
                async with asyncio.timeout(BACK_OFF_S[failures]):
                    await self._wanted.wait()
            self._wanted.clear()
            self.state = "connecting"
            self._lost.clear()
            began = time.monotonic()
            try:
                await self._connected()
                self.text = "the line was lost"
            except Exception as error:
                self.text = said(error)
                self._known.set()
            finally:
                self._client = None
                self.state = "down"
            logger.warning("MCP server %s: %s", self.server.name, self.text)
            failures = 1 if time.monotonic() - began > STEADY_S else failures + 1

    async def _connected(self) -> None:
        """One connection, until it is lost. Client and streams are entered and left in this very task."""
        from mcp import Client
        from mcp_types import Implementation

        async with AsyncExitStack() as stack:
            async with asyncio.timeout(READY_S):
                client = await stack.enter_async_context(
                    Client(
                        streams(self.server, self._lost),
                        client_info=Implementation(name="helpdesk-tui", version=__version__),
                        elicitation_callback=self._elicited,
                        message_handler=self._heard,
                        cache=None,
                    )
                )
                await self._list(client)
            self._client, self.state = client, "up"
            info = client.server_info
            self.text = inert_line(f"{info.name} {info.version}")[:SAID] if info else ""
            self._known.set()
            try:
                await self._watch(client)
            finally:
                self._known.clear()
                self._client = None

    async def _watch(self, client: Client) -> None:
        """List the tools again when they change, until the line is lost."""
        listening = asyncio.create_task(self._listen(client), name=f"mcp {self.server.name} changes")
        waits = {asyncio.create_task(event.wait()) for event in (self._lost, self._changed)}
        try:
            while not self._lost.is_set():
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if self._changed.is_set() and not self._lost.is_set():
                    self._changed.clear()
                    await self._list(client)
                    waits = {task for task in waits if not task.done()}
                    waits.add(asyncio.create_task(self._changed.wait()))
        finally:
            for task in (listening, *waits):
                task.cancel()
            await asyncio.wait({listening, *waits})

    async def _listen(self, client: Client) -> None:
        """Hear of changed tools where the protocol wants to be asked for that."""
        from mcp.client.subscriptions import ListenNotSupportedError

        try:
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._changed.set()
        except ListenNotSupportedError:
            return
        except Exception as error:
            logger.info("MCP server %s tells of no changes: %s", self.server.name, said(error))

    async def _heard(self, message: IncomingMessage) -> None:
        from mcp_types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._changed.set()

    async def _list(self, client: Client) -> None:
        found: list[Listed] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            found += page.tools
            cursor = page.next_cursor
            if cursor is None or len(found) >= MOST_TOOLS:
                break
        self.on_tools(found[:MOST_TOOLS])

    def _worded(self, error: Exception) -> Exception:
        """What went wrong, in a line of ours; a line that is gone is made anew."""
        self._lose(error)
        return ServerFailed(f"the MCP server {self.server.name}: {said(error)}")

    def _lose(self, error: Exception) -> None:
        if not answered(error):
            self._known.clear()
            self._client = None
            self._lost.set()

    async def _elicited(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        """Give the operator's answer where there is one; else end the call, so that the operator can be asked."""
        from mcp_types import ElicitRequestFormParams, ElicitResult

        call = self._call
        if call is None or not isinstance(params, ElicitRequestFormParams):
            if call is not None:
                call.refused = "it wanted the operator to open an address, which is never done"
            return ElicitResult(action="decline")
        try:
            schema = closed(params.requested_schema, "the answer")
        except BadSchema as error:
            call.refused = f"it asked for an answer that cannot be checked: {error}"
            return ElicitResult(action="decline")
        asked = Elicitation(self.server.name, params.message, schema)
        if (content := call.answers.get(asked.id)) is not None:
            return ElicitResult(action="accept", content=content)
        call.asked = call.asked or asked
        return ElicitResult(action="cancel")


class Unreachable(UserError):
    """The server is not there: nothing was sent."""


class ServerFailed(UserError):
    """A call went wrong on the server, or on the way there or back."""

    def __init__(self, text: str) -> None:
        super().__init__(text, NOT_COMPLETED)


def answered(error: Exception) -> bool:
    """Whether the server itself gave this error, or let the call's time pass; the line holds then."""
    from mcp import MCPError
    from mcp_types import CONNECTION_CLOSED

    return isinstance(error, MCPError) and error.code != CONNECTION_CLOSED


def said(error: BaseException) -> str:
    """What an error says, in one short line; of a group the first that says anything."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = inert_line(mask(str(error)))[:SAID]
    return text or ("it does not answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
