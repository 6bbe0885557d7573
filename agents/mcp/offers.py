"""What a server offers, as tools of ours; its words are data, and its hints lower no class."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.kernel.canonical import canonical_json, sha256_of, storable_json, utc_now
from agents.kernel.records import Evidence, Risk
from agents.kernel.schema import BadSchema
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim
from agents.mcp.config import McpServer
from agents.mcp.connection import ServerFailed, Unreachable
from agents.mcp.content import Answered, evidence_of
from agents.mcp.naming import tool_names
from agents.mcp.schemas import closed
from inventory.masking import inert_line, mask

if TYPE_CHECKING:
    from mcp_types import Tool as Listed

LONGEST_SUMMARY = 1000
"""Characters of a tool's description."""
LONGEST_NAME = 128
"""Characters of a server's own name for a tool; the specification asks for no more."""
DEFAULT_RISK: Risk = "write"
HINTS = {
    "readOnlyHint": "read-only",
    "destructiveHint": "destructive",
    "idempotentHint": "idempotent",
    "openWorldHint": "open world",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One tool of a server, as it was listed last."""

    own: str
    """Its name on the server."""
    name: str
    """Its name here."""
    risk: Risk
    summary: str
    hints: tuple[str, ...]
    """What the server claims of it; nothing here believes it."""
    definition: str
    """SHA-256 of name, description and schema."""
    parameters: Mapping[str, Any]
    refused: str = ""
    """Why it cannot be called; empty where it can."""

    def to_json(self) -> dict[str, Any]:
        return {
            "tool": self.name, "own": inert_line(self.own), "class": self.risk, "summary": self.summary,
            "claims": list(self.hints), "parameters": dict(self.parameters), "refused": self.refused,
        }  # fmt: skip


def offers_of(server: McpServer, listed: Sequence[Listed]) -> dict[str, Offer]:
    """Name here → offer, for all that a server listed."""
    by_own = {tool.name: tool for tool in listed}
    names = tool_names(server.name, by_own)
    return {names[own]: _offer(server, names[own], tool) for own, tool in by_own.items()}


def _offer(server: McpServer, name: str, tool: Listed) -> Offer:
    description = tool.description or tool.title or ""
    parameters: Mapping[str, Any] = {}
    refused = ""
    try:
        parameters = closed(tool.input_schema, name)
    except BadSchema as error:
        refused = str(error)
    if not 0 < len(tool.name) <= LONGEST_NAME or inert_line(tool.name) != tool.name:
        refused = f"its name has odd characters or more than {LONGEST_NAME} of them"
    told = tool.annotations.model_dump(by_alias=True) if tool.annotations else {}
    return Offer(
        own=tool.name,
        name=name,
        risk=server.classes.get(tool.name, DEFAULT_RISK),
        summary=inert_line(mask(description))[:LONGEST_SUMMARY],
        hints=tuple(word for key, word in HINTS.items() if told.get(key)),
        definition=_sha256([tool.name, description, tool.input_schema]),
        parameters=parameters,
        refused=refused,
    )


def _sha256(value: Any) -> str:
    try:
        return sha256_of(value)
    except (ValueError, RecursionError):
        return sha256_of(repr(value)[:LONGEST_SUMMARY])


Call = Callable[[Mapping[str, Any]], Awaitable[Answered]]
"""Calls the tool on its server with these arguments."""
Look = Callable[[], Awaitable[Mapping[str, Any]]]
"""Looks whether the tool is still what it was; the answers that would go along, by question."""


def tool_of(offer: Offer, server: McpServer, call: Call, look: Look) -> Tool:
    """The offer as a tool that the executor may run; `call` and `look` reach the server."""

    async def evidence(answer: Answered, arguments: Mapping[str, Any], began: float) -> Evidence:
        return evidence_of(
            answer, tool=offer.name, own=offer.own, target=server.target, arguments=arguments, began=began
        )

    async def run(arguments: Mapping[str, Any], _: str) -> Evidence:
        began = time.monotonic()
        answer = await call(arguments)
        if answer.failed:
            raise ServerFailed(f"{offer.name} failed: {answer.line()}")
        return await evidence(answer, arguments, began)

    async def preview(arguments: Mapping[str, Any], _: str) -> Preview:
        return _preview(offer, server, arguments, await look())

    async def change(arguments: Mapping[str, Any], _: str, __: Preview) -> Outcome:
        began = time.monotonic()
        try:
            answer = await call(arguments)
        except Unreachable as error:
            raise Refused(str(error)) from error
        verb = "failed" if answer.failed else "says"
        return Outcome(
            ok=not answer.failed,
            text=f"{offer.name} {verb}: {_quoted(answer)}.",
            verified=None,
            evidence=(await evidence(answer, arguments, began),),
        )

    reads = offer.risk == "read"
    return Tool(
        name=offer.name,
        risk=offer.risk,
        summary=f"{offer.summary or offer.own} (MCP server {server.name})",
        parameters=offer.parameters,
        target=server.target,
        run=run if reads else None,
        preview=None if reads else preview,
        change=None if reads else change,
    )


def _preview(
    offer: Offer, server: McpServer, arguments: Mapping[str, Any], answers: Mapping[str, Any]
) -> Preview:
    exact = storable_json(dict(arguments))
    identity = {"server": server.name, "tool": offer.own, "definition": offer.definition}
    facts = {"at": mask(server.address)}
    told = ["victims unknown: only the server knows what it changes", f"arguments: {exact}"]
    if answers:
        identity["answers"] = canonical_json(answers)
        told.append(f"answers that go along: {storable_json(list(answers.values()))}")
    return Preview(
        action=f"call {offer.own} on the MCP server {server.name} with {exact}",
        victims=(Victim(identity, facts),),
        effect=tuple(told),
        reversible="not reversible: what the server does is its own",
        alternatives=("do nothing: nothing is sent to the server",),
        confirmation=offer.name,
        captured_at=utc_now(),
    )


def _quoted(answer: Answered) -> str:
    """The beginning of an answer as a piece of code: its words are no Markdown of ours."""
    return f"`{answer.line().replace('`', chr(39))}`" if answer.rows else "nothing"
