"""An expert with the tools of MCP servers beside its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agents.kernel.expert import CONTINUE, Expert, GoesOn, Question, Skill, Work
from agents.kernel.tool import Tool, ToolCall
from agents.mcp import config
from agents.mcp.answers import keep_answer, open_question
from agents.mcp.config import McpServer
from agents.mcp.elicitation import Elicitation, declines
from agents.mcp.naming import server_of
from agents.mcp.toolbox import ExpertTools, Toolbox
from inventory.errors import NOT_COMPLETED, UserError

logger = logging.getLogger(__name__)


def equip(experts: Sequence[Expert]) -> list[Expert]:
    """The experts with the tools that `mcp.toml` gives them.

    A file that cannot be read gives none, and each session is told so: it must not keep an expert from working.
    """
    try:
        known = config.load()
    except UserError as error:
        logger.warning("%s", error)
        return [Equipped(expert, Toolbox({}), {}, str(error)) for expert in experts]
    if not known.servers:
        return list(experts)
    box = Toolbox(known.servers)
    return [Equipped(expert, box, known.of(expert.name)) for expert in experts]


class Equipped:
    """Answers calls of the servers' tools itself, and leaves all else to the expert."""

    def __init__(
        self, expert: Expert, box: Toolbox, servers: Mapping[str, McpServer], fault: str = ""
    ) -> None:
        """`fault`: why there are no servers, told once in each session."""
        self._expert = expert
        self._box = box
        self._servers = servers
        self._fault = fault
        self._told: set[str] = set()
        self._tools = ExpertTools(expert.tools, box, tuple(servers))

    @property
    def name(self) -> str:
        return self._expert.name

    @property
    def description(self) -> str:
        return self._expert.description

    @property
    def skills(self) -> Sequence[Skill]:
        return self._expert.skills

    @property
    def tools(self) -> Mapping[str, Tool]:
        return self._tools

    async def answer(self, question: Question, work: Work) -> None:
        """Answer one question. Raises UserError where a server's tool cannot be called."""
        if self._fault and question.session not in self._told:
            self._told.add(question.session)
            work.recorder.emit("note", {"text": f"no MCP server is used: {self._fault}"})
        if question.reply and (asked := await open_question(work.recorder)) is not None:
            if not await self._replied(asked, question.reply, work):
                return
            question = work.question = replace(question, reply=CONTINUE)
        name = question.request.get("tool")
        if question.request.get("kind") == "tool" and server_of(str(name)) in self._servers:
            await self._by_hand(str(name), question, work)
            return
        await self._expert.answer(question, work)

    async def go_on(self, question: Question, outcome: str, work: Work) -> None:
        """Go on after a decision, where the expert does."""
        if isinstance(self._expert, GoesOn):
            await self._expert.go_on(question, outcome, work)

    async def close(self) -> None:
        """Close the expert, and the lines to the servers."""
        await self._box.close()
        await self._expert.close()

    async def _replied(self, asked: Elicitation, reply: str, work: Work) -> bool:
        """Take the answer to a server's question; False where the operator declines."""
        if declines(reply):
            await work.message(f"Declined. The call on {asked.server} is not made again.")
            return False
        try:
            await keep_answer(asked, reply, work.recorder)
        except ValueError as error:
            work.ask(f"That does not fit: {error}.\n{asked.text()}", asked.choices())
        return True

    async def _by_hand(self, name: str, question: Question, work: Work) -> None:
        await self._tools.prepare(name)
        risk = self._called(name).risk
        arguments = question.request.get("arguments", {})
        if not isinstance(arguments, Mapping):
            raise UserError(f"{name}: arguments must be an object, got {arguments!r}")
        call = ToolCall(name, dict(arguments), "")
        if risk != "read":
            await work.change(call, question.text or f"asked for by hand: {name}")
            return
        evidence = await work.read_or_ask(call, question.text or f"asked for by hand: {name}")
        cut = ", cut at the limit" if evidence.truncated else ""
        size = sum(len(str(row[1])) for row in evidence.rows)
        await work.message(
            f"`{name}`: {size} characters{cut} in {evidence.duration_ms:.0f} ms [{evidence.id}]"
        )

    def _called(self, name: str) -> Tool:
        """The tool of this name. Raises UserError, which says why there is none."""
        if name in self._tools:
            return self._tools[name]
        server = server_of(name)
        offer = self._box.offers.get(server, {}).get(name)
        if offer is not None:
            raise UserError(f"{name} is not offered: {offer.refused}")
        connection = self._box.connections[server]
        if connection.state != "up":
            raise UserError(
                f"the MCP server {server} is {connection.state}: {connection.text}", NOT_COMPLETED
            )
        raise UserError(f"the MCP server {server} has no tool {name}; see: helpdesk mcp list {server}")
